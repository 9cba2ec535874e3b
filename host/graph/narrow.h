// SPDX-License-Identifier: Apache-2.0
// ONNX element types below 8 bits and floats of 8 bits and below. Graphs hold their values exactly: floats as
// float32, integers as int8 or uint8.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/dtype.h"

namespace openhb::graph {

struct NarrowType {
  int32_t onnx;  // TensorProto.DataType
  std::string_view name;
  int bits;
  DType held_as;
  // Integers: the range. Floats: the largest magnitude is `hi`.
  float lo, hi;
  // Floats (onnx/docs/docs-md, "Float stored in 8 bits"): explicit mantissa bits and exponent bias.
  int mantissa = 0, bias = 0;
  bool infinity = false;       // the largest exponent holds infinity and NaN
  bool unsigned_zero = false;  // "UZ": no -0, whose code is the NaN
  bool nan = true;
  bool is_float() const { return held_as == DType::f32; }
};

inline constexpr int32_t kFloat8E8M0 = 24;  // powers of two, without sign

inline constexpr NarrowType kNarrowTypes[] = {
    {17, "float8e4m3fn", 8, DType::f32, -448, 448, 3, 7},
    {18, "float8e4m3fnuz", 8, DType::f32, -240, 240, 3, 8, false, true},
    {19, "float8e5m2", 8, DType::f32, -57344, 57344, 2, 15, true},
    {20, "float8e5m2fnuz", 8, DType::f32, -57344, 57344, 2, 16, false, true},
    {21, "uint4", 4, DType::u8, 0, 15},
    {22, "int4", 4, DType::i8, -8, 7},
    {23, "float4e2m1", 4, DType::f32, -6, 6, 1, 1, false, false, false},
    {kFloat8E8M0, "float8e8m0", 8, DType::f32, 0x1p-127f, 0x1p127f, 0, 127},
    {25, "uint2", 2, DType::u8, 0, 3},
    {26, "int2", 2, DType::i8, -2, 1},
};

constexpr const NarrowType* find_narrow_type(int64_t onnx) {
  for (const NarrowType& t : kNarrowTypes)
    if (t.onnx == onnx) return &t;
  return nullptr;
}

// The value of a code of a float type.
float decode(const NarrowType& type, uint8_t code);

}  // namespace openhb::graph
