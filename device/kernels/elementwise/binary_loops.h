// SPDX-License-Identifier: Apache-2.0
// Inner loops of Binary.
#pragma once

#include <cstdint>

namespace openhb::kernels {

struct BinaryConstants {
  float fa, fb, k;  // as in BinaryParams; mul: k is the output's zero point + 128
  int32_t za, zb;   // int8 mul: zero points of the inputs
  int32_t zy;       // int16 operands: zero point of the output
};

// y[i] = a[i] op b[i] for i < n.
using BinaryRow = void (*)(const void* a, const void* b, void* y, int64_t n, const BinaryConstants& c);

// Which operands are single values within a row.
enum BinaryForm { kBothDense, kScalarB, kScalarA, kBinaryForms };
inline constexpr int kBinaryFunctions = 7;

// Indexed by function and form; null where a type lacks the function.
struct BinaryLoops {
  BinaryRow i8[kBinaryFunctions][kBinaryForms];
  BinaryRow f32[kBinaryFunctions][kBinaryForms];
  BinaryRow i32[kBinaryFunctions][kBinaryForms];
  BinaryRow i64[kBinaryFunctions][kBinaryForms];
};

}  // namespace openhb::kernels
