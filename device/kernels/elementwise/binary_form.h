// SPDX-License-Identifier: Apache-2.0
// The loop over one row of Binary. Op::of(a, b, constants) computes one element. For ISA files too:
// everything has internal linkage.
#pragma once

#include "device/kernels/elementwise/binary_loops.h"
#include "device/kernels/elementwise/loop.h"

namespace openhb::kernels {
namespace {

template <class A, class B, class Y, class Op, BinaryForm Form>
void binary_row(const void* a_bytes, const void* b_bytes, void* y_bytes, int64_t n,
                const BinaryConstants& constants) {
  const A* a = static_cast<const A*>(a_bytes);
  const B* b = static_cast<const B*>(b_bytes);
  Y* y = static_cast<Y*>(y_bytes);
  const BinaryConstants c = constants;
  if constexpr (Form == kBothDense) {
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Y>(Op::of(a[i], b[i], c));
  } else if constexpr (Form == kScalarB) {
    const B single = *b;
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Y>(Op::of(a[i], single, c));
  } else {
    const A single = *a;
    OPENHB_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<Y>(Op::of(single, b[i], c));
  }
}

template <class A, class B, class Y, class Op>
constexpr void set_forms(BinaryRow (&forms)[kBinaryForms]) {
  forms[kBothDense] = binary_row<A, B, Y, Op, kBothDense>;
  forms[kScalarB] = binary_row<A, B, Y, Op, kScalarB>;
  forms[kScalarA] = binary_row<A, B, Y, Op, kScalarA>;
}

}  // namespace
}  // namespace openhb::kernels
