// SPDX-License-Identifier: Apache-2.0
// The only list of operators.
#pragma once

#include <utility>

#include "host/ops/attention.h"
#include "host/ops/caffe_ops.h"
#include "host/ops/composite.h"
#include "host/ops/control.h"
#include "host/ops/convolution.h"
#include "host/ops/elementwise.h"
#include "host/ops/indexing.h"
#include "host/ops/linear.h"
#include "host/ops/movement.h"
#include "host/ops/normalization.h"
#include "host/ops/pool.h"
#include "host/ops/quantized.h"
#include "host/ops/recurrent.h"
#include "host/ops/reduce.h"
#include "host/ops/resize.h"
#include "host/ops/sampling.h"
#include "host/ops/select.h"
#include "host/ops/shape_ops.h"
#include "host/ops/signal.h"
#include "host/ops/text.h"

namespace openhb::ops {

template <class... Lists>
struct Join;
template <class... A>
struct Join<OpList<A...>> {
  using type = OpList<A...>;
};
template <class... A, class... B, class... Rest>
struct Join<OpList<A...>, OpList<B...>, Rest...> : Join<OpList<A..., B...>, Rest...> {};

// One description per row of a family's table.
template <template <size_t> class Family, class Indices>
struct FromTable;
template <template <size_t> class Family, size_t... I>
struct FromTable<Family, std::index_sequence<I...>> {
  using type = OpList<Family<I>...>;
};
template <template <size_t> class Family, auto& rows>
using Table = typename FromTable<Family, std::make_index_sequence<rows.size()>>::type;

// clang-format off
using AllOps = Join<
    OpList<Conv, Preprocess, BatchNormalization, Gemm, MatMul>,
    PoolOps,
    IndexingOps,
    SamplingOps,
    OpList<Tile, CenterCropPad, Col2Im>,
    OpList<Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout, Transpose, Concat, Slice, Split>,
    OpList<Gather, Pad, Expand, DepthToSpace, SpaceToDepth>,
    OpList<Resize, Upsample>,
    OpList<SoftmaxOf<false>, SoftmaxOf<true>>,
    ControlOps,
    CaffeOps,
    ConvolutionOps,
    RecurrentOps,
    NormalizationOps,
    QuantizedOps,
    AttentionOps,
    SignalOps,
    TextOps,
    OpList<ShapeOf, ConstantOfShape, Cast, BitCast, Calibration>,
    SelectOps,
    Table<Composite, kCompositeRows>,
    Table<Refused, kRefusedRows>,
    Table<Unary, kUnaryRows>,
    Table<Binary, kBinaryRows>,
    Table<Reduce, kReduceRows>>::type;
// clang-format on

}  // namespace openhb::ops
