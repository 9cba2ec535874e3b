// SPDX-License-Identifier: Apache-2.0
#include "host/verify/compare/value_file.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "common/io/file.h"
#include "common/io/npy.h"
#include "common/math/half.h"
#include "device/dnn/dump.h"

namespace openhb::verify {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f,";

std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

class NumberReader {
 public:
  NumberReader(std::string_view text, const std::string& what) : rest_(text), what_(what) {}

  // The next word, "" at the end.
  std::string_view next() {
    while (true) {
      skip(rest_.find_first_not_of(kBlanks));
      if (!rest_.starts_with('#')) break;
      skip(rest_.find('\n'));
    }
    const std::string_view word = rest_.substr(0, rest_.find_first_of(kBlanks));
    rest_.remove_prefix(word.size());
    if (!word.empty()) ++count_;
    return word;
  }

  template <class T>
  T number(std::string_view word) const {
    T value{};
    const std::string_view digits = word.starts_with('+') && !word.starts_with("+-") ? word.substr(1) : word;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if constexpr (std::is_floating_point_v<T>)
      if (error == std::errc::result_out_of_range)  // infinite, or nearly 0
        return sizeof(T) == 4 ? static_cast<T>(std::strtof(std::string(digits).c_str(), nullptr))
                              : static_cast<T>(std::strtod(std::string(digits).c_str(), nullptr));
    if (error != std::errc() || end != digits.data() + digits.size()) bad<T>(word);
    return value;
  }

  [[noreturn]] void bad(std::string_view word, std::string_view wanted) const {
    std::string shown(word.substr(0, 30));
    for (char& c : shown)
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
    fail(ErrorCode::data_bad_value,
         "'{}': word {}, '{}', is no {}; text files hold numbers between white space", what_, count_, shown,
         wanted);
  }

 private:
  void skip(size_t count) { rest_.remove_prefix(std::min(count, rest_.size())); }
  template <class T>
  [[noreturn]] void bad(std::string_view word) const {
    bad(word, std::is_floating_point_v<T> ? "number" : fmt::format("{}", dtype_name(DTypeOf<T>::value)));
  }
  std::string_view rest_;
  const std::string& what_;
  size_t count_ = 0;
};

template <class T>
Tensor parse_as(std::string_view text, const std::string& what) {
  NumberReader reader(text, what);
  std::vector<T> values;
  for (std::string_view word = reader.next(); !word.empty(); word = reader.next())
    values.push_back(reader.number<T>(word));
  if (values.empty()) fail(ErrorCode::data_bad_size, "'{}' holds no number", what);
  return Tensor::from<T>({static_cast<int64_t>(values.size())}, std::span<const T>(values));
}

// Types without std::from_chars of their own.
Tensor parse_narrow(std::string_view text, DType dtype, const std::string& what) {
  const Tensor wide = dtype == DType::f16 ? parse_as<double>(text, what) : parse_as<uint8_t>(text, what);
  Tensor values(dtype, wide.shape());
  for (size_t i = 0; i < wide.size(); ++i)
    if (dtype == DType::f16) {
      const uint16_t half = math::double_to_half(wide.data<double>()[i]);
      std::memcpy(values.bytes().data() + 2 * i, &half, 2);
    } else if (wide.data<uint8_t>()[i] > 1) {
      fail(ErrorCode::data_bad_value, "'{}': number {} is {}; a bool is 0 or 1", what, i + 1,
           wide.data<uint8_t>()[i]);
    } else {
      values.bytes()[i] = wide.bytes()[i];
    }
  return values;
}

bool all_whole(std::string_view text, const std::string& what) {
  NumberReader reader(text, what);
  for (std::string_view word = reader.next(); !word.empty(); word = reader.next()) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size()) return false;
  }
  return true;
}

ValueFile read_text(const std::string& path, const DumpEntry* entry, std::optional<DType> dtype) {
  const std::string text = read_text_file(path, EmptyFile::refuse);
  Tensor values = parse_numbers(text, entry ? std::optional(entry->dtype) : dtype, path);
  if (!entry) return {std::move(values), {}, false};
  if (static_cast<int64_t>(values.size()) != num_elements(entry->shape))
    fail(ErrorCode::data_bad_size, "'{}' holds {} numbers, {} says {}", path, values.size(), dnn::kDumpIndex,
         to_string(entry->shape));
  return {valid_part(*entry, values.reshaped(entry->shape)), entry->quant, true};
}

ValueFile read_binary(const std::string& path, const DumpEntry* entry, std::optional<DType> wanted) {
  if (entry) return {read_dumped(*entry, path), entry->quant, true};
  const DType dtype = wanted.value_or(DType::f32);
  const auto mapped = MappedFile::open(path);
  const size_t bytes = mapped->bytes().size(), size = dtype_size(dtype);
  if (bytes % size != 0)
    fail(ErrorCode::data_bad_size,
         "'{}' has {} bytes, which are no whole number of {} elements; --dtype tells other types", path,
         bytes, dtype_name(dtype));
  return {Tensor::view(dtype, {static_cast<int64_t>(bytes / size)}, mapped->bytes(), mapped), {}, false};
}

}  // namespace

std::optional<FileKind> file_kind(std::string_view file) {
  const std::string extension = lower_case(std::filesystem::path(file).extension().string());
  if (extension == ".bin") return FileKind::bin;
  if (extension == ".npy") return FileKind::npy;
  if (extension == ".txt") return FileKind::txt;
  return std::nullopt;
}

Tensor parse_numbers(std::string_view text, std::optional<DType> wanted, const std::string& what) {
  const DType dtype = wanted.value_or(all_whole(text, what) ? DType::i64 : DType::f32);
  switch (dtype) {
    case DType::f32:
      return parse_as<float>(text, what);
    case DType::f64:
      return parse_as<double>(text, what);
    case DType::i8:
      return parse_as<int8_t>(text, what);
    case DType::u8:
      return parse_as<uint8_t>(text, what);
    case DType::i16:
      return parse_as<int16_t>(text, what);
    case DType::u16:
      return parse_as<uint16_t>(text, what);
    case DType::i32:
      return parse_as<int32_t>(text, what);
    case DType::u32:
      return parse_as<uint32_t>(text, what);
    case DType::i64:
      return parse_as<int64_t>(text, what);
    case DType::u64:
      return parse_as<uint64_t>(text, what);
    case DType::f16:
    case DType::boolean:
      break;
  }
  return parse_narrow(text, dtype, what);
}

ValueFile read_values(const std::string& path, const DumpEntry* entry, std::optional<DType> dtype) {
  const auto kind = file_kind(path);
  if (!kind) fail(ErrorCode::usage, "'{}' is no .bin, .txt or .npy file", path);
  if (kind == FileKind::txt) return read_text(path, entry, dtype);
  if (kind == FileKind::bin) return read_binary(path, entry, dtype);
  return {read_npy(path), {}, true};
}

}  // namespace openhb::verify
