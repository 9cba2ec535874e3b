// SPDX-License-Identifier: Apache-2.0
// The loops of Binary. Op::of(a, b, constants) computes one element; Op::in_vectors, if there is one, as many
// of the first elements as it can and returns their number. For ISA files too: everything has internal
// linkage.
#pragma once

#include "device/kernels/elementwise/binary_loops.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/plane.h"

namespace openhb::kernels {
namespace {

// Its own function, as its loop vectorises badly where n is known.
template <class A, class B, class Y, class Op, BinaryForm Form>
__attribute__((noinline)) void binary_row(const A* a, const B* b, Y* y, int64_t n,
                                          const BinaryConstants& constants) {
  const BinaryConstants c = constants;
  if constexpr (Form == kBothDense) {
    int64_t done = 0;
    if constexpr (requires { Op::in_vectors(a, b, y, n, c); }) done = Op::in_vectors(a, b, y, n, c);
    OPENHB_INDEPENDENT
    for (int64_t i = done; i < n; ++i) y[i] = static_cast<Y>(Op::of(a[i], b[i], c));
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

template <class A, class B, class Y, class Op, BinaryForm Form>
void binary_rows(const void* a_bytes, const void* b_bytes, void* y_bytes, const Plane<3>& p,
                 const BinaryConstants& c) {
  constexpr auto row = binary_row<A, B, Y, Op, Form>;
  const A* a = static_cast<const A*>(a_bytes);
  const B* b = static_cast<const B*>(b_bytes);
  Y* y = static_cast<Y*>(y_bytes);
  const int64_t rest = p.n % kTail >= kLeastTail ? p.n % kTail : 0, whole = p.n - rest;
  A few_a[kTail] = {};
  B few_b[kTail] = {};
  Y results[kTail];
  for (int64_t r = 0; r < p.rows; ++r, a += p.step[0], b += p.step[1], y += p.step[2]) {
    if (whole != 0) row(a, b, y, whole, c);
    if (rest == 0) continue;
    Form == kScalarA ? copy_few(few_a, a, sizeof(A)) : copy_few(few_a, a + whole, rest * int64_t{sizeof(A)});
    Form == kScalarB ? copy_few(few_b, b, sizeof(B)) : copy_few(few_b, b + whole, rest * int64_t{sizeof(B)});
    row(few_a, few_b, results, kTail, c);
    copy_few(y + whole, results, rest * int64_t{sizeof(Y)});
  }
}

template <class A, class B, class Y, class Op>
constexpr void set_forms(BinaryRow (&forms)[kBinaryForms]) {
  forms[kBothDense] = binary_rows<A, B, Y, Op, kBothDense>;
  forms[kScalarB] = binary_rows<A, B, Y, Op, kScalarB>;
  forms[kScalarA] = binary_rows<A, B, Y, Op, kScalarA>;
}

}  // namespace
}  // namespace openhb::kernels
