// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/reduce_loops.h"

namespace openhb::kernels {
namespace {

template <class Op>
void run(float* lanes, const float* x, int64_t n, int64_t phase) {
  fold_run<Op>(lanes, x, n, phase);
}

template <class Op>
void columns(float* lanes, const float* x, int64_t width, int64_t n, int64_t stride, int64_t phase) {
  for (int64_t i = 0; i < n; ++i) {
    float* lane = lanes + (phase + i) % kReduceLanes * kReduceWidth;
    const float* row = x + i * stride;
    for (int64_t c = 0; c < width; ++c) lane[c] = Op::join(lane[c], Op::map(row[c]));
  }
}

template <class Op>
void fold(float* lanes, int64_t pitch, int64_t width, int64_t count) {
  fold_lanes<Op>(lanes, pitch, width, count);
}

template <class... Op>
constexpr ReduceLoops make_loops() {
  static_assert(sizeof...(Op) == kFolds);
  return {{run<Op>...}, {columns<Op>...}, {fold<Op>...}};
}

}  // namespace

namespace OPENHB_ISA {
extern const ReduceLoops kReduceLoops;
constinit const ReduceLoops kReduceLoops = make_loops<AddOp, AddAbsOp, AddSquareOp, MulOp, MaxOp, MinOp>();
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
