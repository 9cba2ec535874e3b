// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/inputs.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <type_traits>

#include "common/image/image.h"
#include "common/io/file.h"
#include "common/math/half.h"

namespace openhb::model_exec {
namespace {

Tensor load_picture(const ProgramInput& input, const TensorDesc& desc, const std::string& path) {
  if (input.kind == InputKind::featuremap)
    fail(ErrorCode::data_bad_value, "input '{}' is not a picture, but '{}' is; give a .bin or .txt file",
         input.name, path);
  const Shape shape = valid_shape(input, desc);
  const size_t height = input.nhwc ? 1 : 2;
  const Image image = resize_bilinear(decode_image(path), static_cast<int>(shape[height + 1]),
                                      static_cast<int>(shape[height]));
  Tensor tensor = image_to_tensor(image, input.kind, input.nhwc, input.bt601_video);
  if (tensor.shape() != desc.logical_shape())
    fail(ErrorCode::data_bad_size,
         "input '{}' has shape {}, picture '{}' gives {}; give a .bin of all its elements", input.name,
         to_string(desc.logical_shape()), path, to_string(tensor.shape()));
  return tensor;
}

Tensor load_raw(const ProgramInput& input, const TensorDesc& desc, const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path, EmptyFile::refuse);
  Tensor tensor(desc.dtype, desc.logical_shape());
  if (bytes.size() != tensor.bytes().size())
    fail(ErrorCode::data_bad_size, "input '{}' of shape {} and type {} needs {} bytes, file '{}' has {}",
         input.name, to_string(tensor.shape()), dtype_name(desc.dtype), tensor.bytes().size(), path,
         bytes.size());
  std::memcpy(tensor.bytes().data(), bytes.data(), bytes.size());
  if (desc.dtype == DType::boolean)
    for (std::byte b : bytes)
      if (b > std::byte{1}) fail(ErrorCode::data_bad_value, "file '{}': a bool is neither 0 nor 1", path);
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

Tensor load_text(const ProgramInput& input, const TensorDesc& desc, const std::string& path) {
  const std::string text = read_text_file(path, EmptyFile::refuse);
  const std::string what = fmt::format("file '{}' for input '{}' of shape {} and type {}", path, input.name,
                                       to_string(desc.logical_shape()), dtype_name(desc.dtype));
  Tensor tensor(desc.dtype, desc.logical_shape());
  std::byte* to = tensor.bytes().data();
  if (desc.dtype == DType::f16) {
    parse_elements<float>(text, tensor.size(), what, [&](size_t i, float v) {
      const uint16_t half = math::float_to_half(v);
      std::memcpy(to + i * sizeof(half), &half, sizeof(half));
    });
    return tensor;
  }
  const auto parse_as = [&]<class T>(T) {
    if (DTypeOf<T>::value != desc.dtype) return;
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

}  // namespace

InputData load_input(const Program& program, const ProgramInput& input, const std::string& path) {
  const TensorDesc& desc = program.tensors[input.tensor];
  const std::filesystem::path name(path);
  InputData data;
  if (is_image_path(path))
    data.tensor = load_picture(input, desc, path);
  else if (name.extension() == ".bin")
    data.tensor = load_raw(input, desc, path);
  else if (name.extension() == ".txt")
    data.tensor = load_text(input, desc, path);
  else
    fail(ErrorCode::usage,
         "input '{}': the kind of file '{}' is unknown; use .jpg, .jpeg, .png, .bin or .txt", input.name,
         path);
  std::error_code ignored;
  data.file_size = static_cast<size_t>(std::filesystem::file_size(name, ignored));
  return data;
}

}  // namespace openhb::model_exec
