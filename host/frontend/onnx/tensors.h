// SPDX-License-Identifier: Apache-2.0
// TensorProto to Tensor and back. Internal to the frontend: needs the ONNX headers before it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/io/file.h"
#include "common/tensor.h"

namespace onnx {
class TensorProto;
}

namespace openhb::onnx_frontend {

// ONNX's numbers of element types (TensorProto.DataType, AttributeProto `to`).
inline constexpr int32_t kOnnxFloat = 1, kOnnxFloat16 = 10, kOnnxDouble = 11, kOnnxBfloat16 = 16;

// The type a graph computes with for an ONNX element type: float16, bfloat16, double and the narrow floats
// become float32, narrow integers int8 or uint8.
// Error(model_structure) for types that have no place here (strings, complex...); `what` says whose type it
// is.
DType import_dtype(int32_t onnx_type, std::string_view what);
// Its name in ONNX when it is not the type that a graph computes with (FLOAT16...), else "".
std::string_view converted_type(int32_t onnx_type);
int32_t export_dtype(DType dtype);

// The files that hold external data, each mapped once.
class ExternalData {
 public:
  // `folder`: where the model lies; empty when the model did not come from a file.
  explicit ExternalData(std::string folder, bool available)
      : folder_(std::move(folder)), available_(available) {}
  struct Part {
    std::span<const std::byte> bytes;
    std::shared_ptr<const MappedFile> file;
  };
  // The bytes that `tensor` refers to, `size` of them. `what` names the tensor in messages.
  Part part(const onnx::TensorProto& tensor, size_t size, const std::string& what);

 private:
  std::string folder_;
  bool available_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

// Dimensions of at most kMaxRank, each and all together at most 2^31 elements; Error(model_bad_shape)
// otherwise.
void check_shape(const Shape& shape, const std::string& what);

// The checked contents: data of exactly the size of its shape, values in range. External data that needs no
// conversion stays in its mapped file.
Tensor import_tensor(const onnx::TensorProto& proto, const std::string& what, ExternalData& external);
// Error(model_bad_value) for a tensor of weights that contains NaN.
void check_no_nan(const Tensor& tensor, const std::string& what);
void export_tensor(const Tensor& tensor, const std::string& name, onnx::TensorProto& proto);

}  // namespace openhb::onnx_frontend
