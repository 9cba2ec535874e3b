// SPDX-License-Identifier: Apache-2.0
// Inner loops of Binary.
#pragma once

#include <cstdint>

#include "common/dtype.h"
#include "common/steps/params.h"
#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {

struct BinaryConstants {
  // add, sub: as in BinaryParams. mul: k is the output's zero point + 128. div: scales of the inputs and the
  // output. Comparisons: scales of the inputs. prelu: fa.
  float fa, fb, k;
  int32_t za, zb, zy;  // zero points of codes
};

// y[i] = a[i] op b[i] for the elements i of a plane.
using BinaryRow = void (*)(const void* a, const void* b, void* y, const Plane<3>& plane,
                           const BinaryConstants& c);

// Which operands are single values within a row.
enum BinaryForm { kBothDense, kScalarB, kScalarA, kBinaryForms };

using BinaryTable = BinaryRow[kBinaryFunctions][kBinaryForms];

// Indexed by function and form; null where a type lacks the function.
struct BinaryLoops {
  BinaryTable i8, f32;
};

// Portable rows for int32, int64, uint64 and bool; nullptr for any other type.
const BinaryTable* integer_binary_rows(DType dtype);

constexpr bool is_comparison(BinaryFunction f) {
  return f == BinaryFunction::equal || f == BinaryFunction::less || f == BinaryFunction::less_equal;
}

}  // namespace openhb::kernels
