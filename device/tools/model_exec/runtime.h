// SPDX-License-Identifier: Apache-2.0
// The C API of libdnn (dnn/hb_dnn.h) with owners and exceptions: what the tools are built on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "device/engine/model.h"
#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"

namespace openhb::model_exec {

// Before the first call of the library: its log is silent, unless HB_DNN_LOG_LEVEL or `verbose` says
// otherwise: the tools print its sentences themselves.
void set_log_level(bool verbose);

// Throws Error with the library's sentence unless `status` is success.
void check(int32_t status, const char* function);

// An input or output.
struct Port {
  std::string name;
  hbDNNTensorProperties properties{};
  int32_t source = HB_DNN_INPUT_FROM_DDR;
};

// The names of the numbers in properties: "HB_DNN_TENSOR_TYPE_F32", ...
std::string tensor_type_name(int32_t type);
std::string layout_name(int32_t layout);
std::string quanti_type_name(int32_t type);
std::string source_name(int32_t source);
Shape shape_of(const hbDNNTensorShape& shape);
// Of the elements in memory.
DType element_type(const hbDNNTensorProperties& properties);
bool is_picture(const hbDNNTensorProperties& properties);

// One model of a package.
struct ModelHandle {
  hbDNNHandle_t handle = nullptr;
  std::string name;
  std::vector<Port> inputs, outputs;
  // What the C API does not tell: steps and kernels.
  std::shared_ptr<const engine::Model> program;

  bool has_resizer() const;
  int batch() const;  // samples of one run: of the first input that regions are for, or the first one
};

// All models of the files.
class Package {
 public:
  // Paths separated by commas.
  explicit Package(const std::string& model_files);
  ~Package();
  Package(const Package&) = delete;
  Package& operator=(const Package&) = delete;

  const std::vector<std::string>& names() const { return names_; }
  // The one of that name, or the only one when the name is empty. Throws Error(usage).
  ModelHandle select(const std::string& name) const;

 private:
  hbPackedDNNHandle_t handle_ = nullptr;
  std::vector<std::string> names_;
};

// Tensors with memory of their own.
class TensorSet {
 public:
  TensorSet() { tensors_.reserve(1); }  // data() is not null, also without tensors
  ~TensorSet();
  TensorSet(TensorSet&& other) noexcept : tensors_(std::move(other.tensors_)) { other.tensors_.clear(); }
  TensorSet& operator=(TensorSet&&) = delete;

  // Adds a tensor of these properties and `bytes` of memory (0: alignedByteSize).
  hbDNNTensor& add(const hbDNNTensorProperties& properties, uint64_t bytes = 0);
  hbDNNTensor* data() { return tensors_.data(); }
  size_t size() const { return tensors_.size(); }
  hbDNNTensor& operator[](size_t i) { return tensors_[i]; }
  const hbDNNTensor& operator[](size_t i) const { return tensors_[i]; }
  void flush(hbSysMemFlushFlag flag);

 private:
  std::vector<hbDNNTensor> tensors_;
};

// What a run reads and writes.
struct Frame {
  TensorSet inputs, outputs;
  std::vector<hbDNNRoi> rois;  // not empty: hbDNNRoiInfer
  int samples = 1;             // in the outputs
};

// Threads of every BPU core, which share the work of a run.
void set_core_threads(int threads);

// Runs a frame and waits for it.
void run(const ModelHandle& model, Frame& frame, int core_id);

}  // namespace openhb::model_exec
