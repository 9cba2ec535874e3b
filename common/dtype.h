// SPDX-License-Identifier: Apache-2.0
// Element types of tensors. Values are part of the .bin format: never renumber.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace openhb {

enum class DType : uint8_t { f32 = 0, i8, u8, i16, u16, i32, u32, i64, u64, f16, f64, boolean };

struct DTypeInfo {
  DType dtype;
  std::string_view name;  // numpy's name
  size_t size;            // bytes per element
};

inline constexpr std::array<DTypeInfo, 12> kDTypes{{{DType::f32, "float32", 4},
                                                    {DType::i8, "int8", 1},
                                                    {DType::u8, "uint8", 1},
                                                    {DType::i16, "int16", 2},
                                                    {DType::u16, "uint16", 2},
                                                    {DType::i32, "int32", 4},
                                                    {DType::u32, "uint32", 4},
                                                    {DType::i64, "int64", 8},
                                                    {DType::u64, "uint64", 8},
                                                    {DType::f16, "float16", 2},
                                                    {DType::f64, "float64", 8},
                                                    {DType::boolean, "bool", 1}}};

constexpr bool is_valid(DType t) { return static_cast<size_t>(t) < kDTypes.size(); }
constexpr size_t dtype_size(DType t) { return kDTypes[static_cast<size_t>(t)].size; }
constexpr std::string_view dtype_name(DType t) { return kDTypes[static_cast<size_t>(t)].name; }
constexpr std::optional<DType> dtype_from_name(std::string_view name) {
  for (const auto& info : kDTypes)
    if (info.name == name) return info.dtype;
  return std::nullopt;
}

// The DType of a C++ element type, for checked typed access.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::i16;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::u16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::u32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::u64;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};

}  // namespace openhb
