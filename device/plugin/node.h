// SPDX-License-Identifier: Apache-2.0
// A node of a network as its operator's callbacks see it. Nothing that a plug-in gives back is believed.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "device/plugin/attributes.h"
#include "device/plugin/registry.h"

namespace openhb::plugin {

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  bool operator==(const TensorType&) const = default;
};

// OPENHB_TYPE_... of an element type, OPENHB_TYPE_NONE for those that plug-ins do not get; and back.
int32_t type_number(DType dtype);
bool is_type_number(int32_t type);
DType dtype_of(int32_t type);

// `data` may be null. An absent input is an openhb_tensor of zeros.
openhb_tensor describe_tensor(DType dtype, const Shape& shape, const void* data);

// Where callbacks write why they failed.
class Failure {
 public:
  Failure() = default;
  Failure(const Failure&) = delete;  // the plug-in is given addresses inside of it
  Failure& operator=(const Failure&) = delete;
  openhb_error* error() { return &error_; }
  // A printable sentence; something even when nothing was written.
  const char* text();
  void clear() { text_[0] = 0; }

 private:
  std::array<char, 512> text_{};
  openhb_error error_{text_.data(), text_.size()};
};

// What create() made, as long as it lives.
class Instance {
 public:
  Instance(const Operator& op, void* made) : op_(&op), made_(made) {}
  ~Instance() {
    if (op_->table.destroy) op_->table.destroy(made_);
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  void* get() const { return made_; }

 private:
  const Operator* op_;
  void* made_;
};

class NodeView {
 public:
  // Checks the numbers of inputs and outputs and the attributes against the operator's table: Error(wrong).
  // The data of `inputs` must outlive this.
  NodeView(const Operator& op, std::string name, Attributes attributes, std::vector<openhb_tensor> inputs,
           size_t outputs, ErrorCode wrong);
  NodeView(const NodeView&) = delete;
  NodeView& operator=(const NodeView&) = delete;

  // Types and shapes of the outputs. Throws Error(plugin_failed) when the operator refuses the node, or when
  // what it says is no tensor.
  std::vector<TensorType> infer();
  // For the callbacks below.
  void set_outputs(const std::vector<TensorType>& outputs);
  // Multiplications and additions, -1 when the operator does not say.
  int64_t cost() const;
  // Throws Error(plugin_failed).
  std::unique_ptr<Instance> create() const;

  // Throws Error(plugin_failed) about this node.
  [[noreturn]] void failed(const std::string& why) const;

 private:
  [[noreturn]] void wrong(const std::string& why) const;
  void check_counts(size_t outputs) const;
  void check_attributes() const;
  void describe_attributes();

  const Operator& op_;
  std::string name_;
  ErrorCode wrong_;
  Attributes attributes_;
  std::vector<openhb_attribute> descriptions_;
  std::vector<std::vector<openhb_string>> strings_;
  std::vector<openhb_tensor> tensors_;  // of attributes
  std::vector<openhb_tensor> inputs_, outputs_;
  openhb_node node_{};
};

}  // namespace openhb::plugin
