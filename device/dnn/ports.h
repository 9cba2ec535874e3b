// SPDX-License-Identifier: Apache-2.0
// Inputs and outputs of a model as the C API shows them, and the way of their bytes between the application's
// memory and a session's arena.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/dnn/roi.h"
#include "device/engine/model.h"
#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"

namespace openhb::dnn {

// What both have. Properties point into the port: it must not move.
class Port {
 public:
  Port(const Program& program, const std::string& name, uint32_t tensor, const Shape& valid);
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  const std::string& name() const { return name_; }
  const hbDNNTensorProperties& properties() const { return properties_; }

 protected:
  void set_strides(const Shape& aligned, size_t element);

  std::string name_;
  const TensorDesc& desc_;
  hbDNNTensorProperties properties_{};
  std::vector<float> scales_;
  std::vector<int8_t> zero_points_;
};

class InputPort : public Port {
 public:
  InputPort(const Program& program, const ProgramInput& input);

  hbDNNInputSource source() const { return source_; }
  int64_t batch() const { return batch_; }
  // Samples that `tensor` holds, 1 or batch(), after a check of its type, shapes and memory. Throws Refusal.
  int64_t check(const hbDNNTensor& tensor) const;
  int64_t samples_of(const hbDNNTensor& checked) const noexcept {
    return batch_ > 1 ? checked.properties.alignedShape.dimensionSize[0] : batch_;
  }
  // Puts the samples of a checked tensor into the session's tensor, the first being sample `first`. Null:
  // zeros.
  void store(const hbDNNTensor* tensor, int64_t first, int64_t samples, std::byte* storage) const noexcept;

  // Inputs of source resizer: the same for a region of a picture.
  void check_region(const hbDNNTensor& tensor, const hbDNNRoi& roi) const;
  void store_region(const hbDNNTensor* tensor, const hbDNNRoi* roi, int64_t sample,
                    std::byte* storage) const noexcept;

 private:
  // The application's rows: padded to alignedShape, or dense.
  struct Form {
    int64_t sample_bytes = 0;
    int64_t row_bytes = 0;                         // pictures of planes
    std::unique_ptr<engine::TensorCopy> one, all;  // null for nv12
  };
  void find_rows(size_t channel_axis);
  Form make_form(const Shape& aligned) const;
  bool is_nv12() const { return properties_.tensorType == HB_DNN_IMG_TYPE_NV12; }
  bool has_plane() const { return is_nv12() || properties_.tensorType == HB_DNN_IMG_TYPE_Y; }
  Picture target(int64_t sample, std::byte* storage) const noexcept;
  Picture source_picture(const hbDNNTensor& tensor) const noexcept;

  hbDNNInputSource source_;
  int64_t batch_ = 1;
  // From one sample to the next: the batch is the outermost dimension in memory, or there is one sample
  // (check()).
  int64_t sample_storage_bytes_ = 0;
  size_t height_axis_ = 0, width_axis_ = 0;  // of pictures
  int64_t row_stride_ = 0;                   // bytes, in the session's tensor; Y and nv12
  Form aligned_, dense_;
};

class OutputPort : public Port {
 public:
  OutputPort(const Program& program, const ProgramOutput& output);
  // `runs`: of the model, one behind the other in the tensor's memory. Throws Refusal.
  void check(const hbDNNTensor& tensor, int64_t runs) const;
  void load(const std::byte* storage, const hbDNNTensor& tensor, int64_t run) const noexcept;

 private:
  engine::TensorCopy copy_;
};

}  // namespace openhb::dnn
