// SPDX-License-Identifier: Apache-2.0
// One layer on its way into the graph. Internal to the frontend.
//
// The functions that import layers draft nodes here; commit() then gives nodes and tensors their names, which
// depend on which node turns out to be the last.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "caffe.pb.h"
#include "host/frontend/caffe/weights.h"
#include "host/graph/graph.h"

namespace openhb::caffe_frontend {

using graph::Value;
using Attributes = std::map<std::string, graph::Attribute>;

// What a blob of the network is at some point of it.
struct Blob {
  Value* value = nullptr;
  bool is_mask = false;  // indices of a max pooling: only unpooling can read them
  Shape pooled;          // of a mask: the shape that was pooled, and the window
  Attributes window;
};

class Layer {
 public:
  // `weights` finds blob i of this layer in the caffemodel, or returns nullptr.
  using FindBlob = std::function<const caffe::BlobProto*(size_t)>;
  Layer(const caffe::LayerParameter& layer, int line, graph::Graph& graph, std::vector<Blob> bottoms,
        FindBlob find_blob, std::function<void(const std::string&)> notice);

  const caffe::LayerParameter& param;

  // "layer 'conv1' (Convolution), line 12"
  std::string describe() const;
  template <class... Args>
  [[noreturn]] void refuse(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) const {
    fail(code, "{}: {}", describe(), fmt::format(format, std::forward<Args>(args)...));
  }
  // Error(model_bad_attribute) unless `condition`.
  template <class... Args>
  void require(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition) refuse(ErrorCode::model_bad_attribute, format, std::forward<Args>(args)...);
  }
  // Error(model_bad_shape), with the shapes of the bottoms, unless `condition`.
  template <class... Args>
  void require_shape(bool condition, fmt::format_string<Args...> format, Args&&... args) const {
    if (!condition)
      refuse(ErrorCode::model_bad_shape, "{} (bottoms: {})", fmt::format(format, std::forward<Args>(args)...),
             shapes_of_bottoms());
  }
  void notice(const std::string& sentence) const { notice_(describe() + ": " + sentence); }

  size_t bottoms() const { return bottoms_.size(); }
  size_t tops() const { return static_cast<size_t>(param.top_size()); }
  Value* bottom(size_t i) const;
  const Shape& shape(size_t i = 0) const { return bottom(i)->shape; }
  const Blob& mask(size_t i) const;  // a bottom that must be a mask
  bool is_mask(size_t i) const { return bottoms_[i].is_mask; }
  void require_rank(size_t bottom, size_t rank) const;
  // `axis` of bottom i, counted from the end if negative; `extra` 1: may point behind the last axis.
  size_t axis(int64_t axis, size_t bottom = 0, int64_t extra = 0) const;

  // A node; the shapes of its results must be known. Error(model_bad_shape) for absurd ones.
  Value* node(std::string op, std::vector<Value*> inputs, Shape shape, Attributes attributes = {},
              DType dtype = DType::f32);
  std::vector<Value*> nodes(std::string op, std::vector<Value*> inputs, std::vector<Shape> shapes,
                            Attributes attributes = {}, std::string domain = "");
  // The drafted output `value` (one of those that node() returned) has this type.
  void top(size_t i, Value* value);
  void top_mask(size_t i, Value* indices, Shape pooled, Attributes window);
  void top_constant(size_t i, Tensor tensor);

  Value* ints(const std::vector<int64_t>& values);
  Value* scalar(float value);
  Value* constant(std::string what, Tensor tensor);
  // The same elements in another shape; the value itself when it has it already.
  Value* reshape(Value* value, const Shape& shape);

  bool has_blob(size_t i) const { return find_blob_(i) != nullptr; }
  // Blob i of the caffemodel in this shape; `what` for messages and names ("weights").
  Tensor blob(size_t i, const Shape& shape, std::string_view what) const;
  Shape stored_shape(size_t i, std::string_view what) const;
  Value* weights(size_t i, const Shape& shape, const std::string& what) {
    return constant(what, blob(i, shape, what));
  }

  // Writes the nodes into the graph. `names[i]` is the tensor name of top i; `free_name` makes others unique.
  std::vector<Blob> commit(const std::vector<std::string>& names,
                           const std::function<std::string(const std::string&)>& free_name);

 private:
  struct Draft {
    std::string op, domain;
    std::vector<Value*> inputs, outputs;
    Attributes attributes;
  };
  Value* draft_value(DType dtype, Shape shape);
  std::string shapes_of_bottoms() const;

  int line_;
  graph::Graph& graph_;
  std::vector<Blob> bottoms_, tops_;
  FindBlob find_blob_;
  std::function<void(const std::string&)> notice_;
  std::deque<Value> values_;
  std::vector<Draft> drafts_;
};

// How a type of layers is imported.
struct LayerRow {
  std::string_view type;
  size_t min_bottoms, max_bottoms, min_tops, max_tops;
  void (*import)(Layer& layer);
};

inline constexpr size_t kAny = 4096;

// The layers of each file.
std::span<const LayerRow> activation_layers();
std::span<const LayerRow> arithmetic_layers();
std::span<const LayerRow> convolution_layers();
std::span<const LayerRow> detection_layers();
std::span<const LayerRow> movement_layers();
std::span<const LayerRow> normalization_layers();
std::span<const LayerRow> pooling_layers();
std::span<const LayerRow> recurrent_layers();

}  // namespace openhb::caffe_frontend
