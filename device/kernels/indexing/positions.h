// SPDX-License-Identifier: Apache-2.0
// Computed positions: nothing about their values is known before the moment they are used.
#pragma once

#include "device/kernels/elementwise/checks.h"

namespace openhb::kernels {

// Elements of an int32 or int64 tensor.
class Positions {
 public:
  Positions(const TensorDesc& desc, const std::byte* data) : data_(data), wide_(desc.dtype == DType::i64) {}
  int64_t operator[](int64_t at) const {
    return wide_ ? reinterpret_cast<const int64_t*>(data_)[at] : reinterpret_cast<const int32_t*>(data_)[at];
  }
  // In [0, extent): negative ones count from the end, what lies outside is clamped. extent > 0.
  int64_t clamped(int64_t at, int64_t extent) const {
    const int64_t i = (*this)[at];
    return std::clamp<int64_t>(i < 0 ? i + extent : i, 0, extent - 1);
  }
  // In [0, extent), or -1 when it lies outside.
  int64_t checked(int64_t at, int64_t extent) const {
    const int64_t i = (*this)[at], wrapped = i < 0 ? i + extent : i;
    return wrapped >= 0 && wrapped < extent ? wrapped : -1;
  }

 private:
  const std::byte* data_;
  bool wide_;
};

inline void check_positions(const StepView& view, const TensorDesc& t) {
  view.require(t.dtype == DType::i32 || t.dtype == DType::i64, "indices are not int32 or int64");
}

}  // namespace openhb::kernels
