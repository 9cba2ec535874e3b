// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/onnx/tensors.h"

#include <onnx/onnx_pb.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

#include "host/graph/narrow.h"

namespace openhb::onnx_frontend {
namespace {

using onnx::TensorProto;

constexpr int64_t kMaxElements = int64_t{1} << 31;

// Element types that have a DType of their own; the others convert to float32.
constexpr std::pair<int32_t, DType> kTypes[] = {
    {TensorProto::FLOAT, DType::f32},   {TensorProto::INT8, DType::i8},    {TensorProto::UINT8, DType::u8},
    {TensorProto::INT16, DType::i16},   {TensorProto::UINT16, DType::u16}, {TensorProto::INT32, DType::i32},
    {TensorProto::UINT32, DType::u32},  {TensorProto::INT64, DType::i64},  {TensorProto::UINT64, DType::u64},
    {TensorProto::BOOL, DType::boolean}};

std::string type_name(int32_t type) {
  return TensorProto::DataType_IsValid(type) ? TensorProto::DataType_Name(TensorProto::DataType(type))
                                             : fmt::format("number {}", type);
}

size_t stored_size(int32_t type) {
  switch (type) {
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return 2;
    case TensorProto::DOUBLE:
      return 8;
    default:
      return dtype_size(import_dtype(type, ""));
  }
}

float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half} >> 15 << 31, exponent = half >> 10 & 31, mantissa = half & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24, exact in float
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

float bfloat_to_float(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }

template <class Stored, class Convert>
void convert_bytes(std::span<const std::byte> bytes, Tensor& out, Convert convert) {
  const auto to = out.data<float>();
  for (size_t i = 0; i < to.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    to[i] = convert(stored);
  }
}

// Raw little-endian bytes, as raw_data and external files hold them.
void fill_from_bytes(int32_t type, std::span<const std::byte> bytes, Tensor& out) {
  static_assert(std::endian::native == std::endian::little);
  switch (type) {
    case TensorProto::FLOAT16:
      return convert_bytes<uint16_t>(bytes, out, half_to_float);
    case TensorProto::BFLOAT16:
      return convert_bytes<uint16_t>(bytes, out, bfloat_to_float);
    case TensorProto::DOUBLE:
      return convert_bytes<double>(bytes, out, [](double v) { return static_cast<float>(v); });
    default:
      if (!bytes.empty()) std::memcpy(out.bytes().data(), bytes.data(), bytes.size());
  }
  if (type == TensorProto::BOOL)  // a C++ bool holds nothing but 0 and 1
    for (std::byte& b : out.bytes()) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
}

template <class T, class Field>
void fill_from_field(const Field& field, Tensor& out, const std::string& what) {
  const auto to = out.data<T>();
  for (size_t i = 0; i < to.size(); ++i) {
    const auto value = field.Get(static_cast<int>(i));
    if constexpr (std::is_same_v<T, bool>) {
      to[i] = value != 0;
    } else {
      to[i] = static_cast<T>(value);
      if constexpr (std::is_integral_v<T>)
        if (!std::in_range<T>(value))
          fail(ErrorCode::model_bad_value, "{}: element {} is {}, outside the range of {}", what, i, value,
               dtype_name(out.dtype()));
    }
  }
}

// The field of TensorProto that holds elements of `type` when raw_data is not used (onnx.proto, TensorProto).
template <class Visit>
void visit_field(const TensorProto& proto, int32_t type, Visit&& visit) {
  switch (type) {
    case TensorProto::FLOAT:
      return visit(proto.float_data());
    case TensorProto::DOUBLE:
      return visit(proto.double_data());
    case TensorProto::INT64:
      return visit(proto.int64_data());
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return visit(proto.uint64_data());
    default:
      return visit(proto.int32_data());
  }
}

void fill_from_fields(const TensorProto& proto, int32_t type, Tensor& out, const std::string& what) {
  const auto halves = [&](float (*convert)(uint16_t)) {
    const auto to = out.data<float>();
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = convert(static_cast<uint16_t>(proto.int32_data(static_cast<int>(i))));
  };
  switch (type) {
    case TensorProto::FLOAT:
      return fill_from_field<float>(proto.float_data(), out, what);
    case TensorProto::DOUBLE:
      return fill_from_field<float>(proto.double_data(), out, what);
    case TensorProto::FLOAT16:
      return halves(half_to_float);
    case TensorProto::BFLOAT16:
      return halves(bfloat_to_float);
    case TensorProto::INT8:
      return fill_from_field<int8_t>(proto.int32_data(), out, what);
    case TensorProto::UINT8:
      return fill_from_field<uint8_t>(proto.int32_data(), out, what);
    case TensorProto::INT16:
      return fill_from_field<int16_t>(proto.int32_data(), out, what);
    case TensorProto::UINT16:
      return fill_from_field<uint16_t>(proto.int32_data(), out, what);
    case TensorProto::INT32:
      return fill_from_field<int32_t>(proto.int32_data(), out, what);
    case TensorProto::BOOL:
      return fill_from_field<bool>(proto.int32_data(), out, what);
    case TensorProto::INT64:
      return fill_from_field<int64_t>(proto.int64_data(), out, what);
    case TensorProto::UINT32:
      return fill_from_field<uint32_t>(proto.uint64_data(), out, what);
    case TensorProto::UINT64:
      return fill_from_field<uint64_t>(proto.uint64_data(), out, what);
    default:
      fail(ErrorCode::internal, "{}: no field for type {}", what, type);
  }
}

uint64_t parse_number(const std::string& text, const char* key, const std::string& what) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    fail(ErrorCode::model_bad_value, "{}: '{}' of its external data is '{}', not a number", what, key, text);
  return value;
}

}  // namespace

DType import_dtype(int32_t type, std::string_view what) {
  for (const auto& [number, dtype] : kTypes)
    if (number == type) return dtype;
  if (!converted_type(type).empty()) return DType::f32;
  if (const auto* narrow = graph::find_narrow_type(type)) return narrow->held_as;
  fail(ErrorCode::model_structure, "{}: element type {} is not supported; use float32 or an integer type",
       what, type_name(type));
}

std::string_view converted_type(int32_t type) {
  switch (type) {
    case kOnnxFloat16:
      return "float16";
    case kOnnxBfloat16:
      return "bfloat16";
    case kOnnxDouble:
      return "double";
    default:
      return "";
  }
}

int32_t export_dtype(DType dtype) {
  for (const auto& [number, candidate] : kTypes)
    if (candidate == dtype) return number;
  return dtype == DType::f16 ? kOnnxFloat16 : kOnnxDouble;
}

ExternalData::Part ExternalData::part(const TensorProto& tensor, size_t size, const std::string& what) {
  std::string location;
  uint64_t offset = 0, length = size;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = parse_number(entry.value(), "offset", what);
    if (entry.key() == "length") length = parse_number(entry.value(), "length", what);
  }
  if (!available_)
    fail(ErrorCode::model_structure, "{}: its data lies in '{}', but the model was not read from a file",
         what, location);
  // The model is not trusted: it may name files of its own folder only.
  const std::filesystem::path relative(location);
  bool inside = !location.empty() && location.find('\0') == std::string::npos && relative.is_relative();
  for (const auto& part : relative) inside = inside && part != "..";
  if (!inside)
    fail(
        ErrorCode::model_structure,
        "{}: its external data file '{}' is outside of the model's folder; put the file beside the model and "
        "refer to it by its name",
        what, location.c_str());
  if (length != size)
    fail(ErrorCode::model_bad_value, "{}: its shape and type need {} bytes, its external data has {}", what,
         size, length);
  if (size == 0) return {};
  auto& file = files_[location];
  if (!file) file = MappedFile::open((std::filesystem::path(folder_) / relative).string());
  const auto all = file->bytes();
  if (offset > all.size() || size > all.size() - offset)
    fail(ErrorCode::model_bad_value, "{}: bytes {} to {} of '{}' are wanted, but the file has only {}", what,
         offset, offset + size, location, all.size());
  return {all.subspan(offset, size), file};
}

void check_shape(const Shape& shape, const std::string& what) {
  if (shape.size() > kMaxRank)
    fail(ErrorCode::model_bad_shape, "{}: {} dimensions, at most {} are supported", what, shape.size(),
         kMaxRank);
  int64_t product = 1;  // of the dimensions so far, at most 2^31, so that the next product fits
  for (const int64_t d : shape) {
    if (d < 0 || d > kMaxElements || product * d > kMaxElements)
      fail(ErrorCode::model_bad_shape, "{}: shape {} is not possible (at most 2^31 elements, none negative)",
           what, to_string(shape));
    product *= d;
  }
}

namespace {
// Codes lie packed, the first in the low bits.
Tensor import_narrow(const TensorProto& proto, const graph::NarrowType& type, const Shape& shape,
                     const std::string& what, ExternalData& external) {
  const auto count = static_cast<size_t>(num_elements(shape));
  const size_t per_byte = 8 / static_cast<size_t>(type.bits), needed = (count + per_byte - 1) / per_byte;
  // As in import_tensor, nothing is allocated before the sizes agree.
  auto expect = [&](size_t found) {
    if (found != needed)
      fail(ErrorCode::model_bad_value, "{}: {} of {} needs {} bytes, but {} are stored", what,
           to_string(shape), type.name, needed, found);
  };
  std::vector<uint8_t> bytes;
  if (proto.data_location() == TensorProto::EXTERNAL) {
    const auto part = external.part(proto, needed, what);
    const auto* first = reinterpret_cast<const uint8_t*>(part.bytes.data());
    bytes.assign(first, first + needed);
  } else if (proto.has_raw_data()) {
    expect(proto.raw_data().size());
    bytes.assign(proto.raw_data().begin(), proto.raw_data().end());
  } else {
    expect(static_cast<size_t>(proto.int32_data_size()));
    for (const int32_t v : proto.int32_data()) bytes.push_back(static_cast<uint8_t>(v));
  }
  Tensor out(type.held_as, shape);
  for (size_t i = 0; i < out.size(); ++i) {
    const int code =
        bytes[i / per_byte] >> (i % per_byte * static_cast<size_t>(type.bits)) & ((1 << type.bits) - 1);
    if (type.is_float())
      out.data<float>()[i] = graph::decode(type, static_cast<uint8_t>(code));
    else if (type.held_as == DType::u8)
      out.data<uint8_t>()[i] = static_cast<uint8_t>(code);
    else
      out.data<int8_t>()[i] = static_cast<int8_t>(code >> (type.bits - 1) ? code - (1 << type.bits) : code);
  }
  return out;
}
}  // namespace

Tensor import_tensor(const TensorProto& proto, const std::string& what, ExternalData& external) {
  const int32_t type = proto.data_type();
  const DType dtype = import_dtype(type, what);
  if (proto.has_segment()) fail(ErrorCode::model_structure, "{}: segmented tensors are not supported", what);
  const Shape shape(proto.dims().begin(), proto.dims().end());
  check_shape(shape, what);
  const auto count = static_cast<size_t>(num_elements(shape));
  if (const auto* narrow = graph::find_narrow_type(type))
    return import_narrow(proto, *narrow, shape, what, external);
  const size_t size = count * stored_size(type);

  // Sizes are compared before anything is allocated: a wrong shape must not cost gigabytes.
  const auto expect = [&](size_t found, std::string_view unit, size_t wanted) {
    if (found != wanted)
      fail(ErrorCode::model_bad_value, "{}: {} of {} needs {} {}, but {} are stored", what, to_string(shape),
           type_name(type), wanted, unit, found);
  };
  Tensor out;
  if (proto.data_location() == TensorProto::EXTERNAL) {
    const auto [bytes, file] = external.part(proto, size, what);
    const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % 8 == 0;
    if (converted_type(type).empty() && dtype != DType::boolean && aligned && !bytes.empty())
      return Tensor::view(dtype, shape, bytes, file);
    out = Tensor(dtype, shape);
    fill_from_bytes(type, bytes, out);
  } else if (proto.has_raw_data()) {
    expect(proto.raw_data().size(), "bytes", size);
    out = Tensor(dtype, shape);
    fill_from_bytes(type, std::as_bytes(std::span(proto.raw_data())), out);
  } else {
    visit_field(proto, type,
                [&](const auto& field) { expect(static_cast<size_t>(field.size()), "elements", count); });
    out = Tensor(dtype, shape);
    fill_from_fields(proto, type, out, what);
  }
  return out;
}

void check_no_nan(const Tensor& tensor, const std::string& what) {
  if (tensor.dtype() != DType::f32) return;
  for (const float v : tensor.data<float>())
    if (std::isnan(v))
      fail(ErrorCode::model_bad_value,
           "{}: contains NaN (not a number); the model was damaged in training or export", what);
}

void export_tensor(const Tensor& tensor, const std::string& name, TensorProto& proto) {
  if (!name.empty()) proto.set_name(name);
  proto.set_data_type(export_dtype(tensor.dtype()));
  for (const int64_t d : tensor.shape()) proto.add_dims(d);
  proto.set_raw_data(tensor.bytes().data(), tensor.bytes().size());
}

}  // namespace openhb::onnx_frontend
