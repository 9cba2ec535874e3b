// SPDX-License-Identifier: Apache-2.0
// Shapes: extents of a dense tensor, outermost first. Arithmetic that could overflow is checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/error.h"

namespace openhb {

using Shape = std::vector<int64_t>;

inline constexpr size_t kMaxRank = 8;

// a * b, or Error(model_bad_shape) when the product does not fit (or a factor is negative).
inline int64_t checked_mul(int64_t a, int64_t b) {
  int64_t product = 0;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product))
    fail(ErrorCode::model_bad_shape, "a tensor size is negative or too large: {} x {}", a, b);
  return product;
}

// Number of elements; 1 for a scalar (rank 0).
inline int64_t num_elements(const Shape& shape) {
  int64_t n = 1;
  for (int64_t d : shape) n = checked_mul(n, d);
  return n;
}

// "1x3x224x224"; "scalar" for rank 0.
inline std::string to_string(const Shape& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

// Element strides of a dense row-major tensor.
inline Shape dense_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = checked_mul(strides[i], shape[i]);
  return strides;
}

}  // namespace openhb
