// SPDX-License-Identifier: Apache-2.0
#include "device/plugin/attributes.h"

#include <array>
#include <cstring>
#include <type_traits>

#include "device/include/dnn/openhb_plugin.h"

namespace openhb::plugin {
namespace {

struct KindRow {
  int kind;
  std::string_view name;
};
// In the order of the variant's alternatives.
constexpr std::array<KindRow, std::variant_size_v<AttributeValue>> kKinds{
    {{OPENHB_ATTRIBUTE_INT, "an integer"},
     {OPENHB_ATTRIBUTE_FLOAT, "a float"},
     {OPENHB_ATTRIBUTE_STRING, "a string"},
     {OPENHB_ATTRIBUTE_INTS, "a list of integers"},
     {OPENHB_ATTRIBUTE_FLOATS, "a list of floats"},
     {OPENHB_ATTRIBUTE_STRINGS, "a list of strings"},
     {OPENHB_ATTRIBUTE_TENSOR, "a tensor"}}};

template <class T>
concept Number = std::is_arithmetic_v<T>;

class Writer {
 public:
  template <Number T>
  void operator()(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    text.append(bytes, sizeof(T));
  }
  void operator()(const std::string& value) {
    (*this)(static_cast<uint32_t>(value.size()));
    text += value;
  }
  template <class T>
  void operator()(const std::vector<T>& values) {
    (*this)(static_cast<uint32_t>(values.size()));
    for (const T& value : values) (*this)(value);
  }
  void operator()(const Tensor& tensor) {
    (*this)(static_cast<uint8_t>(tensor.dtype()));
    (*this)(tensor.shape());
    text.append(reinterpret_cast<const char*>(tensor.bytes().data()), tensor.bytes().size());
  }
  std::string text;
};

[[noreturn]] void damaged(std::string_view what) {
  fail(ErrorCode::program_step,
       "the attributes of a custom operator: {}; the file is damaged or was not made by this compiler", what);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }

  template <Number T>
  void operator()(T& value) {
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  }
  void operator()(std::string& value) { value = take(read<uint32_t>()); }
  template <class T>
  void operator()(std::vector<T>& values) {
    const auto count = read<uint32_t>();
    if (count > text_.size()) damaged("a list is longer than the file");
    values.resize(count);
    for (T& value : values) (*this)(value);
  }
  void operator()(Tensor& tensor) {
    const auto dtype = static_cast<DType>(read<uint8_t>());
    const auto shape = read<Shape>();
    if (!is_valid(dtype)) damaged("a tensor has an unknown element type");
    if (shape.size() > kMaxRank) damaged("a tensor has too many dimensions");
    // Extents of 0 would hide others that overflow.
    for (const int64_t d : shape)
      if (d < 0 || d > int64_t{1} << 31) damaged("a tensor has an impossible extent");
    uint64_t size = dtype_size(dtype);
    for (const int64_t d : shape) {
      size *= static_cast<uint64_t>(d);
      if (size > text_.size()) damaged("a tensor is larger than the file");
    }
    const std::string_view bytes = take(size);
    tensor = Tensor(dtype, shape);
    if (!bytes.empty()) std::memcpy(tensor.bytes().data(), bytes.data(), bytes.size());
  }
  template <class T>
  T read() {
    T value{};
    (*this)(value);
    return value;
  }

 private:
  std::string_view take(uint64_t size) {
    if (size > text_.size()) damaged("they are cut off");
    const std::string_view bytes = text_.substr(0, static_cast<size_t>(size));
    text_.remove_prefix(static_cast<size_t>(size));
    return bytes;
  }
  std::string_view text_;
};

template <size_t I = 0>
AttributeValue read_value(int kind, Reader& reader) {
  if constexpr (I == kKinds.size()) {
    damaged(fmt::format("{} is no kind of attribute", kind));
  } else {
    if (kind != kKinds[I].kind) return read_value<I + 1>(kind, reader);
    return AttributeValue(std::in_place_index<I>,
                          reader.read<std::variant_alternative_t<I, AttributeValue>>());
  }
}

}  // namespace

int kind_of(const AttributeValue& value) { return kKinds[value.index()].kind; }

std::string_view kind_name(int kind) {
  for (const KindRow& row : kKinds)
    if (row.kind == kind) return row.name;
  return "of an unknown kind";
}

std::string encode_attributes(const Attributes& attributes) {
  Writer writer;
  for (const auto& [name, value] : attributes) {
    writer(name);
    writer(static_cast<uint8_t>(kind_of(value)));
    std::visit(writer, value);
  }
  return std::move(writer.text);
}

Attributes decode_attributes(std::string_view bytes) {
  Attributes attributes;
  for (Reader reader(bytes); !reader.at_end();) {
    auto name = reader.read<std::string>();
    if (name.empty() || name.find('\0') != std::string::npos) damaged("a name is empty or not a text");
    if (!attributes.empty() && name <= attributes.rbegin()->first) damaged("they are not sorted by name");
    const int kind = reader.read<uint8_t>();
    attributes.emplace(std::move(name), read_value(kind, reader));
  }
  return attributes;
}

}  // namespace openhb::plugin
