// SPDX-License-Identifier: Apache-2.0
#include "common/io/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <optional>
#include <string_view>

#include "common/io/file.h"

namespace openhb {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little endian");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignment = 64;  // of the data, as numpy.save does

// NumPy's type codes, in the order of DType.
constexpr std::array<std::string_view, kDTypes.size()> kCodes = {"<f4", "|i1", "|u1", "<i2", "<u2", "<i4",
                                                                 "<u4", "<i8", "<u8", "<f2", "<f8", "|b1"};

// The byte order mark: < little endian, > big endian; of one-byte types it is arbitrary.
std::optional<DType> dtype_from_code(std::string_view code) {
  if (code.size() != 3 || std::string_view("<>|=").find(code[0]) == std::string_view::npos)
    return std::nullopt;
  for (size_t i = 0; i < kCodes.size(); ++i)
    if (code.substr(1) == kCodes[i].substr(1) && (code[0] != '|' || kDTypes[i].size == 1))
      return static_cast<DType>(i);
  return std::nullopt;
}

void swap_bytes(Tensor& tensor) {
  const size_t size = dtype_size(tensor.dtype());
  const auto bytes = tensor.bytes();
  for (size_t at = 0; at < bytes.size(); at += size) std::reverse(&bytes[at], &bytes[at] + size);
}

// From Fortran order (the first axis varies fastest) to C order.
Tensor transposed(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  const size_t size = dtype_size(tensor.dtype()), rank = shape.size();
  Tensor result(tensor.dtype(), shape);
  const std::span<const std::byte> from = tensor.bytes();
  const std::span<std::byte> to = result.bytes();
  const Shape strides = dense_strides(shape);
  Shape at(rank, 0);
  int64_t target = 0;  // of index `at`
  for (size_t i = 0; i < tensor.size(); ++i) {
    std::memcpy(&to[static_cast<size_t>(target) * size], &from[i * size], size);
    for (size_t axis = 0; axis < rank; ++axis) {
      target += strides[axis];
      if (++at[axis] < shape[axis]) break;
      target -= strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return result;
}

// The header is a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  struct Header {
    std::optional<std::string> descr;
    std::optional<bool> fortran;
    std::optional<Shape> shape;
  };

  Header parse() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !header.descr)
        header.descr = quoted();
      else if (key == "fortran_order" && !header.fortran)
        header.fortran = boolean();
      else if (key == "shape" && !header.shape)
        header.shape = tuple();
      else
        bad("unexpected key '" + key + "'");
      if (!accept(',') && peek() != '}') bad("',' or '}' expected");
    }
    if (peek() != '\0') bad("text after the closing brace");
    if (!header.descr || !header.fortran || !header.shape) bad("descr, fortran_order or shape is missing");
    return header;
  }

 private:
  [[noreturn]] void bad(const std::string& reason) const {
    fail(ErrorCode::data_bad_value, "{}: the .npy header is damaged or unsupported: {}", what_, reason);
  }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad(std::string("'") + c + "' expected");
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') bad("a string is expected (structured types are not supported)");
    const size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) bad("a string does not end");
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }
  bool boolean() {
    peek();
    for (const auto& [word, value] : {std::pair<std::string_view, bool>{"True", true}, {"False", false}})
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    bad("True or False expected");
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t extent = 0;
      const auto result = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (result.ec != std::errc() || extent < 0) bad("the shape is not a tuple of non-negative integers");
      at_ = static_cast<size_t>(result.ptr - text_.data());
      shape.push_back(extent);
      if (shape.size() > 32) bad("more than 32 dimensions");
      if (!accept(',') && peek() != ')') bad("',' or ')' expected in the shape");
    }
    return shape;
  }

  std::string_view text_;
  const std::string& what_;
  size_t at_ = 0;
};

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& what) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic)) fail(ErrorCode::data_bad_value, "{}: this is not a .npy file", what);
  const auto byte_at = [&](size_t i) { return static_cast<size_t>(bytes[i]); };
  if (bytes.size() < 12) fail(ErrorCode::data_bad_size, "{}: the .npy file ends inside its header", what);
  const size_t version = byte_at(6);
  if (version != 1 && version != 2)
    fail(ErrorCode::data_bad_value, "{}: .npy version {} is not supported; 1 and 2 are", what, version);
  const size_t start = version == 1 ? 10 : 12;
  size_t length = byte_at(8) | byte_at(9) << 8;
  if (version == 2) length |= byte_at(10) << 16 | byte_at(11) << 24;
  if (length > bytes.size() - start)
    fail(ErrorCode::data_bad_size, "{}: the .npy file ends inside its header ({} bytes)", what, bytes.size());

  const auto header = HeaderParser(text.substr(start, length), what).parse();
  const auto dtype = dtype_from_code(*header.descr);
  if (!dtype)
    fail(ErrorCode::data_bad_value, "{}: element type '{}' is not supported; use one of {}", what,
         *header.descr, fmt::join(kCodes, ", "));

  const std::span<const std::byte> data = bytes.subspan(start + length);
  int64_t size = 0;
  try {
    size = checked_mul(num_elements(*header.shape), static_cast<int64_t>(dtype_size(*dtype)));
  } catch (const Error& e) {
    fail(ErrorCode::data_bad_size, "{}: {}", what, e.what());
  }
  if (static_cast<uint64_t>(size) != data.size())
    fail(ErrorCode::data_bad_size, "{}: shape {} of {} needs {} bytes of data, the file has {}", what,
         to_string(*header.shape), dtype_name(*dtype), size, data.size());
  Tensor tensor(*dtype, *header.shape);
  if (size != 0) std::memcpy(tensor.bytes().data(), data.data(), data.size());
  if ((*header.descr)[0] == '>' && dtype_size(*dtype) > 1) swap_bytes(tensor);
  if (*header.fortran && header.shape->size() > 1) tensor = transposed(tensor);
  if (*dtype == DType::boolean)
    for (std::byte b : data)
      if (b > std::byte{1}) fail(ErrorCode::data_bad_value, "{}: a bool is neither 0 nor 1", what);
  return tensor;
}

Tensor read_npy(const std::string& path) {
  return parse_npy(read_file(path, EmptyFile::refuse), "file '" + path + "'");
}

std::vector<std::byte> serialize_npy(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  // Python's tuples: (), (3,), (2, 3).
  const std::string tuple =
      shape.size() == 1 ? fmt::format("({},)", shape[0]) : fmt::format("({})", fmt::join(shape, ", "));
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}",
                                   kCodes[static_cast<size_t>(tensor.dtype())], tuple);
  const size_t prefix = kMagic.size() + 4;
  header.append((kAlignment - (prefix + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string text(kMagic);
  text += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  text += header;

  std::vector<std::byte> bytes(text.size() + tensor.bytes().size());
  std::memcpy(bytes.data(), text.data(), text.size());
  if (!tensor.bytes().empty())
    std::memcpy(bytes.data() + text.size(), tensor.bytes().data(), tensor.bytes().size());
  return bytes;
}

void write_npy(const std::string& path, const Tensor& tensor) {
  write_file_atomically(path, serialize_npy(tensor));
}

}  // namespace openhb
