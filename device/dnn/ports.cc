// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/ports.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "device/dnn/log.h"
#include "device/dnn/memory.h"
#include "dnn/hb_dnn_ext.h"

namespace openhb::dnn {
namespace {

// In the order of DType.
constexpr std::array<int32_t, kDTypes.size()> kTensorTypes = {
    HB_DNN_TENSOR_TYPE_F32, HB_DNN_TENSOR_TYPE_S8,  HB_DNN_TENSOR_TYPE_U8,  HB_DNN_TENSOR_TYPE_S16,
    HB_DNN_TENSOR_TYPE_U16, HB_DNN_TENSOR_TYPE_S32, HB_DNN_TENSOR_TYPE_U32, HB_DNN_TENSOR_TYPE_S64,
    HB_DNN_TENSOR_TYPE_U64, HB_DNN_TENSOR_TYPE_F16, HB_DNN_TENSOR_TYPE_F64, HB_DNN_TENSOR_TYPE_U8};
// In the order of InputKind; featuremap: by element type.
constexpr std::array<int32_t, 6> kImageTypes = {-1,
                                                HB_DNN_IMG_TYPE_RGB,
                                                HB_DNN_IMG_TYPE_BGR,
                                                HB_DNN_IMG_TYPE_Y,
                                                HB_DNN_IMG_TYPE_YUV444,
                                                HB_DNN_IMG_TYPE_NV12};
constexpr std::array kSources = {HB_DNN_INPUT_FROM_DDR, HB_DNN_INPUT_FROM_PYRAMID, HB_DNN_INPUT_FROM_RESIZER};
// Rows of Y and NV12 pictures.
constexpr int64_t kRowAlignment = 16;

constexpr int64_t align_row(int64_t n) { return (n + kRowAlignment - 1) / kRowAlignment * kRowAlignment; }

hbDNNTensorShape api_shape(const Shape& shape) {
  hbDNNTensorShape s{};
  s.numDimensions = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) s.dimensionSize[i] = static_cast<int32_t>(shape[i]);
  return s;
}

bool same(const hbDNNTensorShape& a, const hbDNNTensorShape& b, size_t first = 0) {
  if (a.numDimensions != b.numDimensions) return false;
  for (size_t i = first; i < static_cast<size_t>(b.numDimensions); ++i)
    if (a.dimensionSize[i] != b.dimensionSize[i]) return false;
  return true;
}

std::string text(const hbDNNTensorShape& shape) {
  std::string s;
  for (int32_t i = 0; i < std::clamp(shape.numDimensions, 0, HB_DNN_TENSOR_MAX_DIMENSIONS); ++i)
    s += fmt::format("{}{}", i ? "x" : "", shape.dimensionSize[i]);
  return s.empty() ? fmt::format("{} dimensions", shape.numDimensions) : s;
}

// `plane` goes behind the name. No text is made unless something is wrong.
void check_memory(const hbSysMem& mem, int64_t bytes, const std::string& name, const char* plane = "") {
  if (!mem.virAddr && bytes > 0)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "tensor '{}'{} has no memory (virAddr is null); allocate alignedByteSize = {} bytes", name, plane,
           bytes);
  if (static_cast<int64_t>(mem.memSize) < bytes)
    refuse(
        HB_DNN_INVALID_ARGUMENT,
        "tensor '{}'{}: tensor aligned shape size is {}, but tensor hbSysMem memSize is {}, tensor hbSysMem "
        "memSize "
        "should >= tensor aligned shape size!",
        name, plane, bytes, mem.memSize);
  if (!is_within_block(mem))
    refuse(HB_DNN_INVALID_ARGUMENT,
           "tensor '{}'{}: memSize goes beyond the end of the memory that was allocated", name, plane);
}

void copy_rows(const std::byte* from, int64_t from_stride, std::byte* to, int64_t to_stride, int64_t rows,
               int64_t bytes) {
  for (int64_t y = 0; y < rows; ++y)
    std::memcpy(to + y * to_stride, from + y * from_stride, static_cast<size_t>(bytes));
}

}  // namespace

Port::Port(const Program& program, const std::string& name, uint32_t tensor, const Shape& valid)
    : name_(name), desc_(program.tensors[tensor]) {
  for (int64_t extent : valid)
    if (extent > std::numeric_limits<int32_t>::max())
      refuse(HB_DNN_INVALID_MODEL, "tensor '{}' of shape {} is too large for this interface", name,
             to_string(valid));
  hbDNNTensorProperties& p = properties_;
  p.validShape = p.alignedShape = api_shape(valid);
  p.tensorType = kTensorTypes[static_cast<size_t>(desc_.dtype)];
  p.tensorLayout = valid.size() == 4 ? HB_DNN_LAYOUT_NCHW : HB_DNN_LAYOUT_NONE;
  p.quantizeAxis = -1;
  if (desc_.quant.empty()) return;
  scales_ = desc_.quant.scales;
  for (int32_t z : desc_.quant.zero_points) zero_points_.push_back(static_cast<int8_t>(z));
  p.quantiType = SCALE;
  p.scale.scaleLen = p.scale.zeroPointLen = static_cast<int32_t>(scales_.size());
  p.scale.scaleData = scales_.data();
  p.scale.zeroPointData = zero_points_.data();
  if (desc_.quant.axis >= 0) p.quantizeAxis = desc_.order[static_cast<size_t>(desc_.quant.axis)];
}

void Port::set_strides(const Shape& aligned, size_t element) {
  properties_.alignedShape = api_shape(aligned);
  const Shape strides = dense_strides(aligned);
  const int64_t bytes = checked_mul(num_elements(aligned), static_cast<int64_t>(element));
  if (bytes > std::numeric_limits<int32_t>::max())
    refuse(HB_DNN_INVALID_MODEL, "tensor '{}' of {} bytes is too large for this interface", name_, bytes);
  properties_.alignedByteSize = static_cast<int32_t>(bytes);
  for (size_t i = 0; i < strides.size(); ++i)
    properties_.stride[i] = static_cast<int32_t>(strides[i] * static_cast<int64_t>(element));
}

InputPort::InputPort(const Program& program, const ProgramInput& input)
    : Port(program, input.name, input.tensor, valid_shape(input, program.tensors[input.tensor])),
      source_(kSources[static_cast<size_t>(input.source)]) {
  const Shape valid = valid_shape(input, desc_);
  Shape aligned = valid;
  if (!valid.empty()) batch_ = valid[0];
  if (input.kind != InputKind::featuremap) {
    properties_.tensorType = kImageTypes[static_cast<size_t>(input.kind)];
    properties_.tensorLayout = input.nhwc ? HB_DNN_LAYOUT_NHWC : HB_DNN_LAYOUT_NCHW;
    height_axis_ = input.nhwc ? 1 : 2, width_axis_ = height_axis_ + 1;
    if (has_plane()) {
      aligned[width_axis_] = align_row(aligned[width_axis_]);
      find_rows(input.nhwc ? 3 : 1);
    }
  }
  if (source_ == HB_DNN_INPUT_FROM_RESIZER && !has_plane())
    refuse(HB_DNN_INVALID_MODEL, "input '{}' of source resizer is neither nv12 nor gray", name_);
  set_strides(aligned, dtype_size(desc_.dtype));
  if (is_nv12()) {  // half as much for both colours instead of two planes, and no common strides
    properties_.alignedByteSize = properties_.alignedByteSize / 2;
    std::fill_n(properties_.stride, HB_DNN_TENSOR_MAX_DIMENSIONS, 0);
  }
  aligned_ = make_form(aligned);
  dense_ = make_form(valid);
  if (desc_.rank() > 0)
    sample_storage_bytes_ = desc_.strides()[0] * static_cast<int64_t>(dtype_size(desc_.dtype));
}

// Rows of a plane must be rows in memory, too.
void InputPort::find_rows(size_t channel_axis) {
  const Shape strides = desc_.strides(), shape = desc_.logical_shape();
  int64_t pixel = 0;
  for (size_t k = 0; k < desc_.rank(); ++k) {
    if (desc_.order[k] == height_axis_) row_stride_ = strides[k];
    if (desc_.order[k] == width_axis_) pixel = strides[k];
  }
  const bool batch_outside = batch_ <= 1 || desc_.order[0] == 0;
  if (shape[channel_axis] != 1 || (pixel != 1 && shape[width_axis_] > 1) || !batch_outside)
    refuse(HB_DNN_INVALID_MODEL,
           "input '{}' of shape {} is not stored as rows of pixels; compile the model again", name_,
           to_string(shape));
}

InputPort::Form InputPort::make_form(const Shape& aligned) const {
  Form form;
  const auto size = static_cast<int64_t>(dtype_size(desc_.dtype));
  const int64_t samples = std::max<int64_t>(batch_, 1);
  form.sample_bytes = num_elements(aligned) * size / samples;
  if (has_plane()) form.row_bytes = aligned[width_axis_];
  if (is_nv12()) {
    form.sample_bytes /= 2;
    return form;
  }
  const Shape strides = dense_strides(aligned);
  Shape extents = desc_.logical_shape();
  form.all = std::make_unique<engine::TensorCopy>(desc_, extents, strides);
  if (!extents.empty()) extents[0] = std::min<int64_t>(extents[0], 1);
  form.one = std::make_unique<engine::TensorCopy>(desc_, extents, strides);
  return form;
}

int64_t InputPort::check(const hbDNNTensor& tensor) const {
  const hbDNNTensorProperties& p = tensor.properties;
  const bool separate = is_nv12() && p.tensorType == HB_DNN_IMG_TYPE_NV12_SEPARATE;
  if (p.tensorType != properties_.tensorType && !separate)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "input '{}': data type of ndarray do not match specified type. NDArray dtype_: {}, given: {}",
           name_, properties_.tensorType, p.tensorType);
  const size_t first = batch_ > 1 ? 1 : 0;  // of the axes that must agree
  const bool as_aligned = same(p.alignedShape, properties_.alignedShape, first);
  if (!as_aligned && !same(p.alignedShape, properties_.validShape, first))
    refuse(HB_DNN_INVALID_ARGUMENT,
           "input '{}': alignedShape is {}; it must be {} (rows padded) or {} (rows without padding)", name_,
           text(p.alignedShape), text(properties_.alignedShape), text(properties_.validShape));
  const int64_t samples = samples_of(tensor);
  if (batch_ > 1) {
    if (samples != 1 && samples != batch_)
      refuse(HB_DNN_INVALID_ARGUMENT,
             "input '{}': alignedShape.dimensionSize[0] is {}; give {} samples at once or 1 each", name_,
             samples, batch_);
    if (samples == 1 && desc_.order[0] != 0)
      refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': the samples of this input can only be given all at once",
             name_);
  }
  const Form& form = as_aligned ? aligned_ : dense_;
  const int64_t bytes = form.sample_bytes * samples;
  if (separate) {
    if (samples != 1)
      refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': pictures of separate planes must be given one by one",
             name_);
    const int64_t luma = form.row_bytes * properties_.validShape.dimensionSize[height_axis_];
    check_memory(tensor.sysMem[0], luma, name_);
    check_memory(tensor.sysMem[1], bytes - luma, name_, " (UV)");
    check_cleaned(tensor.sysMem[1], static_cast<uint64_t>(bytes - luma), name_.c_str());
    check_cleaned(tensor.sysMem[0], static_cast<uint64_t>(luma), name_.c_str());
  } else {
    check_memory(tensor.sysMem[0], bytes, name_);
    check_cleaned(tensor.sysMem[0], static_cast<uint64_t>(bytes), name_.c_str());
  }
  return samples;
}

Picture InputPort::target(int64_t sample, std::byte* storage) const noexcept {
  Picture p;
  const hbDNNTensorShape& valid = properties_.validShape;
  p.height = valid.dimensionSize[height_axis_], p.width = valid.dimensionSize[width_axis_];
  p.y_stride = p.uv_stride = row_stride_;
  p.y = reinterpret_cast<uint8_t*>(storage) + sample * sample_storage_bytes_;
  if (is_nv12()) p.uv = p.y + p.y_stride * p.height;
  return p;
}

void InputPort::store(const hbDNNTensor* tensor, int64_t first, int64_t samples,
                      std::byte* storage) const noexcept {
  if (!tensor) {
    std::byte* to = storage + first * sample_storage_bytes_;
    std::memset(to, 0, static_cast<size_t>(samples * sample_storage_bytes_));
    return;
  }
  const bool as_aligned = same(tensor->properties.alignedShape, properties_.alignedShape, batch_ > 1 ? 1 : 0);
  const Form& form = as_aligned ? aligned_ : dense_;
  const std::byte* from = device_view(tensor->sysMem[0]);
  if (!is_nv12()) {
    if (samples == batch_) return form.all->store(from, storage);
    return form.one->store(from, storage + first * sample_storage_bytes_);
  }
  const bool separate = tensor->properties.tensorType == HB_DNN_IMG_TYPE_NV12_SEPARATE;
  for (int64_t i = 0; i < samples; ++i) {
    const Picture to = target(first + i, storage);
    const std::byte* y = from + i * form.sample_bytes;
    const std::byte* uv = separate ? device_view(tensor->sysMem[1]) : y + form.row_bytes * to.height;
    copy_rows(y, form.row_bytes, reinterpret_cast<std::byte*>(to.y), to.y_stride, to.height, to.width);
    copy_rows(uv, form.row_bytes, reinterpret_cast<std::byte*>(to.uv), to.uv_stride, to.height / 2, to.width);
  }
}

Picture InputPort::source_picture(const hbDNNTensor& tensor) const noexcept {
  const hbDNNTensorProperties& p = tensor.properties;
  Picture from;
  from.height = p.validShape.dimensionSize[height_axis_],
  from.width = p.validShape.dimensionSize[width_axis_];
  from.y_stride = from.uv_stride = p.alignedShape.dimensionSize[width_axis_];
  from.y = reinterpret_cast<uint8_t*>(device_view(tensor.sysMem[0]));
  if (is_nv12())
    from.uv = p.tensorType == HB_DNN_IMG_TYPE_NV12_SEPARATE
                  ? reinterpret_cast<uint8_t*>(device_view(tensor.sysMem[1]))
                  : from.y + from.y_stride * from.height;
  return from;
}

void InputPort::check_region(const hbDNNTensor& tensor, const hbDNNRoi& roi) const {
  const hbDNNTensorProperties& p = tensor.properties;
  const bool separate = is_nv12() && p.tensorType == HB_DNN_IMG_TYPE_NV12_SEPARATE;
  if (p.tensorType != properties_.tensorType && !separate)
    refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': the picture's tensorType is {}, the model takes {}", name_,
           p.tensorType, properties_.tensorType);
  if (p.validShape.numDimensions != 4 || p.alignedShape.numDimensions != 4)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "input '{}': validShape and alignedShape of the picture must have 4 dimensions", name_);
  const int64_t height = p.validShape.dimensionSize[height_axis_],
                width = p.validShape.dimensionSize[width_axis_];
  const int64_t stride = p.alignedShape.dimensionSize[width_axis_];
  constexpr int64_t kMaxExtent = 4096, kMaxStride = 131072;
  if (height < 1 || width < 1 || height > kMaxExtent || width > kMaxExtent || stride < width ||
      stride > kMaxStride || stride % kRowAlignment != 0)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "input '{}': a picture of {} x {} with rows of {} bytes; extents are 1 to {}, rows (alignedShape) "
           "a multiple "
           "of {} from the width to {}",
           name_, width, height, stride, kMaxExtent, kRowAlignment, kMaxStride);
  if (is_nv12() && (height % 2 != 0 || width % 2 != 0))
    refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': an nv12 picture of {} x {}; width and height must be even",
           name_, width, height);
  const int64_t luma = stride * height, chroma = is_nv12() ? luma / 2 : 0;
  check_memory(tensor.sysMem[0], separate ? luma : luma + chroma, name_);
  if (separate) check_memory(tensor.sysMem[1], chroma, name_, " (UV)");
  check_cleaned(tensor.sysMem[0], static_cast<uint64_t>(separate ? luma : luma + chroma), name_.c_str());
  if (separate) check_cleaned(tensor.sysMem[1], static_cast<uint64_t>(chroma), name_.c_str());
  const hbDNNTensorShape& valid = properties_.validShape;
  if (const char* why = check_roi(source_picture(tensor), roi, valid.dimensionSize[width_axis_],
                                  valid.dimensionSize[height_axis_]))
    refuse(HB_DNN_INVALID_ARGUMENT, "input '{}': region ({}, {}, {}, {}) of a picture of {} x {}: {}", name_,
           roi.left, roi.top, roi.right, roi.bottom, width, height, why);
}

void InputPort::store_region(const hbDNNTensor* tensor, const hbDNNRoi* roi, int64_t sample,
                             std::byte* storage) const noexcept {
  if (!tensor) return store(nullptr, sample, 1, storage);
  resize_roi(source_picture(*tensor), *roi, target(sample, storage));
}

OutputPort::OutputPort(const Program& program, const ProgramOutput& output)
    : Port(program, output.name, output.tensor, program.tensors[output.tensor].logical_shape()),
      copy_(desc_, desc_.logical_shape(), dense_strides(desc_.logical_shape())) {
  set_strides(desc_.logical_shape(), dtype_size(desc_.dtype));
}

void OutputPort::check(const hbDNNTensor& tensor, int64_t runs) const {
  check_memory(tensor.sysMem[0], properties_.alignedByteSize * runs, name_);
}

void OutputPort::load(const std::byte* storage, const hbDNNTensor& tensor, int64_t run) const noexcept {
  copy_.load(storage, device_view(tensor.sysMem[0]) + run * properties_.alignedByteSize);
}

}  // namespace openhb::dnn
