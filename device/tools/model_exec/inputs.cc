// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/inputs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <type_traits>

#include "common/image/image.h"
#include "common/io/file.h"
#include "common/math/half.h"
#include "device/tools/model_exec/values.h"

namespace openhb::model_exec {
namespace {

constexpr const char* kKinds = ".jpg, .jpeg, .png, .bin or .txt";

bool has_planes(const Port& input) {
  return input.properties.tensorType == HB_DNN_IMG_TYPE_NV12 ||
         input.properties.tensorType == HB_DNN_IMG_TYPE_Y;
}

// In the order of hbDNNDataType.
InputKind kind_of(const Port& input, const std::string& path) {
  constexpr std::array kKindsOfTypes = {InputKind::gray,   InputKind::nv12, InputKind::nv12,
                                        InputKind::yuv444, InputKind::rgb,  InputKind::bgr};
  if (!is_picture(input.properties))
    fail(ErrorCode::data_bad_value, "input '{}' is not a picture, but '{}' is; give a .bin or .txt file",
         input.name, path);
  return kKindsOfTypes[static_cast<size_t>(input.properties.tensorType)];
}

struct Extents {
  int width = 0, height = 0;
};
Extents extents_of(const hbDNNTensorProperties& p) {
  const size_t height = p.tensorLayout == HB_DNN_LAYOUT_NHWC ? 1 : 2;
  return {p.validShape.dimensionSize[height + 1], p.validShape.dimensionSize[height]};
}

// The range of luma is known to the program only.
bool is_video(const ModelHandle& model, size_t input) {
  return model.program->program().inputs[input].bt601_video;
}

Tensor as_input(const ModelHandle& model, size_t input, const Image& image, const std::string& path) {
  const Port& port = model.inputs[input];
  return image_to_tensor(image, kind_of(port, path), port.properties.tensorLayout == HB_DNN_LAYOUT_NHWC,
                         is_video(model, input));
}

Tensor load_picture(const ModelHandle& model, size_t input, const std::string& path) {
  const Port& port = model.inputs[input];
  kind_of(port, path);  // before the work
  const auto [width, height] = extents_of(port.properties);
  Tensor tensor = as_input(model, input, resize_bilinear(decode_image(path), width, height), path);
  const Shape shape = dense_shape(port.properties);
  if (tensor.shape() != shape)
    fail(ErrorCode::data_bad_size,
         "input '{}' has shape {}, picture '{}' gives {}; give a .bin of all its elements", port.name,
         to_string(shape), path, to_string(tensor.shape()));
  return tensor;
}

Tensor load_raw(const Port& input, const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, EmptyFile::refuse);
  Tensor tensor(element_type(input.properties), dense_shape(input.properties));
  const size_t size = tensor.bytes().size();
  if (bytes.size() == static_cast<size_t>(input.properties.alignedByteSize) && bytes.size() != size) {
    hbDNNTensor padded{};  // as a dump of memory has it
    padded.properties = input.properties;
    padded.sysMem[0].virAddr = const_cast<std::byte*>(bytes.data());
    tensor = load(padded);
  } else if (bytes.size() == size || (input.properties.tensorType == HB_DNN_IMG_TYPE_Y &&
                                      bytes.size() == size / 2 * 3 && !path.ends_with(".bin"))) {
    // Of a picture with chroma, a gray input takes the plane of luma.
    if (size > 0) std::memcpy(tensor.bytes().data(), bytes.data(), size);
  } else {
    fail(ErrorCode::data_bad_size, "input '{}' of shape {} and type {} needs {} bytes, file '{}' has {}",
         input.name, to_string(tensor.shape()), dtype_name(tensor.dtype()), size, path, bytes.size());
  }
  return tensor;
}

// Reads one number of the text; false when it is not one of type T.
template <class T>
bool parse_element(std::string_view word, T& value) {
  const auto result = std::from_chars(word.data(), word.data() + word.size(), value);
  return result.ec == std::errc() && result.ptr == word.data() + word.size();
}
bool parse_element(std::string_view word, bool& value) {
  value = word == "1";
  return value || word == "0";
}

struct Words {
  std::string_view text;
  std::string_view next() {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(blanks));
    text.remove_prefix(word.size());
    return word;
  }
};

template <class T, class Store>
void parse_elements(const std::string& text, size_t count, const std::string& what, Store store) {
  Words words{text};
  for (size_t i = 0; i < count; ++i) {
    const std::string_view word = words.next();
    if (word.empty()) fail(ErrorCode::data_bad_size, "{} has {} numbers, {} are needed", what, i, count);
    T value{};
    if (!parse_element(word, value))
      fail(ErrorCode::data_bad_value, "{}: number {} is '{}', which does not fit the input's type", what, i,
           word.substr(0, 40));
    store(i, value);
  }
}

Tensor load_text(const Port& input, const std::string& path) {
  const std::string text = read_text_file(path, EmptyFile::refuse);
  Tensor tensor(element_type(input.properties), dense_shape(input.properties));
  const std::string what = fmt::format("file '{}' for input '{}' of shape {} and type {}", path, input.name,
                                       to_string(tensor.shape()), dtype_name(tensor.dtype()));
  std::byte* to = tensor.bytes().data();
  if (tensor.dtype() == DType::f16) {
    parse_elements<float>(text, tensor.size(), what, [&](size_t i, float v) {
      const uint16_t half = math::float_to_half(v);
      std::memcpy(to + i * sizeof(half), &half, sizeof(half));
    });
    return tensor;
  }
  const auto parse_as = [&]<class T>(T) {
    if (DTypeOf<T>::value != tensor.dtype()) return;
    parse_elements<T>(text, tensor.size(), what,
                      [&](size_t i, T v) { std::memcpy(to + i * sizeof(T), &v, sizeof(T)); });
  };
  [&]<class... T>(std::type_identity<T>...) { (parse_as(T{}), ...); }(
      std::type_identity<float>{}, std::type_identity<double>{}, std::type_identity<int8_t>{},
      std::type_identity<uint8_t>{}, std::type_identity<int16_t>{}, std::type_identity<uint16_t>{},
      std::type_identity<int32_t>{}, std::type_identity<uint32_t>{}, std::type_identity<int64_t>{},
      std::type_identity<uint64_t>{}, std::type_identity<bool>{});
  return tensor;
}

// A bool is 0 or 1; the C API does not tell it from other bytes.
void check_bools(const ModelHandle& model, size_t input, const Tensor& tensor, const std::string& path) {
  const Program& program = model.program->program();
  if (program.tensors[program.inputs[input].tensor].dtype != DType::boolean) return;
  for (std::byte b : tensor.bytes())
    if (b > std::byte{1}) fail(ErrorCode::data_bad_value, "file '{}': a bool is neither 0 nor 1", path);
}

// "street_1920x1080.nv12".
std::optional<Extents> extents_in_name(const std::string& name) {
  const auto digits = [&](size_t from) {
    return std::min(name.find_first_not_of("0123456789", from), name.size());
  };
  for (size_t x = name.find('x'); x != std::string::npos; x = name.find('x', x + 1)) {
    size_t start = x;
    while (start > 0 && name[start - 1] >= '0' && name[start - 1] <= '9') --start;
    const size_t end = digits(x + 1);
    Extents e;
    const auto number = [&](size_t from, size_t to, int& n) {
      const auto result = std::from_chars(name.data() + from, name.data() + to, n);
      return from < to && result.ec == std::errc();
    };
    if (number(start, x, e.width) && number(x + 1, end, e.height)) return e;
  }
  return std::nullopt;
}

bool is_raw_planes(const std::string& path) {
  const std::string kind = std::filesystem::path(path).extension();
  return kind == ".yuv" || kind == ".nv12";
}

size_t file_size(const std::string& path) {
  std::error_code ignored;
  return static_cast<size_t>(std::filesystem::file_size(path, ignored));
}

// Rows of luma (and chroma) without padding: [1, 1, rows, width].
Tensor load_raw_source(const Port& port, const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, EmptyFile::refuse);
  const bool nv12 = port.properties.tensorType == HB_DNN_IMG_TYPE_NV12;
  const auto named = extents_in_name(std::filesystem::path(path).filename());
  const Extents e = named.value_or(extents_of(port.properties));
  const int64_t luma = int64_t{e.width} * e.height, all = luma / 2 * 3;
  const auto size = static_cast<int64_t>(bytes.size());
  if (e.width < 1 || e.height < 1 || (nv12 ? size != all : size != luma && size != all))
    fail(ErrorCode::data_bad_size,
         "input '{}': file '{}' has {} bytes; a picture of {} x {} ({}) has {}; name it like "
         "street_1920x1080.nv12",
         port.name, path, bytes.size(), e.width, e.height, named ? "as its name says" : "the model's size",
         nv12 ? all : luma);
  Tensor tensor(DType::u8, {1, 1, nv12 ? e.height + e.height / 2 : e.height, e.width});
  std::memcpy(tensor.bytes().data(), bytes.data(), tensor.bytes().size());
  return tensor;
}

// nv12 has chroma for pairs of columns and rows: what is left over at the edges goes.
Image even(Image image) {
  const int width = image.width & ~1, height = image.height & ~1;
  if ((width == image.width && height == image.height) || width == 0 || height == 0) return image;
  Image cut{width, height, image.channels, {}};
  const auto row = static_cast<ptrdiff_t>(image.width) * image.channels;
  for (int y = 0; y < height; ++y) {
    const auto from = image.pixels.begin() + y * row;
    cut.pixels.insert(cut.pixels.end(), from, from + static_cast<ptrdiff_t>(width) * image.channels);
  }
  return cut;
}

}  // namespace

InputData load_input(const ModelHandle& model, size_t input, const std::string& path) {
  const Port& port = model.inputs[input];
  const std::string kind = std::filesystem::path(path).extension();
  InputData data;
  if (is_image_path(path))
    data.tensor = load_picture(model, input, path);
  else if (kind == ".bin" || (is_raw_planes(path) && has_planes(port)))
    data.tensor = load_raw(port, path);
  else if (kind == ".txt")
    data.tensor = load_text(port, path);
  else if (is_raw_planes(path))
    fail(ErrorCode::data_bad_value, "input '{}' is neither nv12 nor gray, as '{}' is; use {}", port.name,
         path, kKinds);
  else
    fail(ErrorCode::usage, "input '{}': the kind of file '{}' is unknown; use {}{}", port.name, path, kKinds,
         has_planes(port) ? ", .yuv or .nv12" : "");
  check_bools(model, input, data.tensor, path);
  data.file_size = file_size(path);
  return data;
}

InputData load_source(const ModelHandle& model, size_t input, const std::string& path) {
  const Port& port = model.inputs[input];
  InputData data;
  if (is_image_path(path)) {
    Image image = decode_image(path);
    if (port.properties.tensorType == HB_DNN_IMG_TYPE_NV12) image = even(std::move(image));
    data.tensor = as_input(model, input, image, path);
    const auto rows = static_cast<int64_t>(data.tensor.size()) / image.width;
    data.tensor = data.tensor.reshaped({1, 1, rows, image.width});
  } else if (is_raw_planes(path) || path.ends_with(".bin")) {
    data.tensor = load_raw_source(port, path);
  } else {
    fail(ErrorCode::usage,
         "input '{}': the kind of file '{}' is unknown; use .jpg, .jpeg, .png, .bin, .yuv or .nv12",
         port.name, path);
  }
  data.file_size = file_size(path);
  return data;
}

}  // namespace openhb::model_exec
