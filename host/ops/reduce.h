// SPDX-License-Identifier: Apache-2.0
// Reductions: the Reduce family from a table, and the softmaxes. reduce.cc.
#pragma once

#include <array>

#include "host/ops/operator.h"

namespace openhb::ops {

struct ReduceRow {
  std::string_view op;
  ReduceFunction function;
  Integer integer = Integer::none;
  std::span<const march::Limit> limits = march::kFourDimensions;
};

inline constexpr std::array kReduceRows{
    ReduceRow{"ReduceL1", ReduceFunction::l1},
    ReduceRow{"ReduceL2", ReduceFunction::l2},
    ReduceRow{"ReduceMax", ReduceFunction::max, Integer::int8, march::kReduceMax},
    ReduceRow{"ReduceMean", ReduceFunction::mean, Integer::int16, march::kReduceMean},
    ReduceRow{"ReduceMin", ReduceFunction::min, Integer::int8, march::kReduceMax},
    ReduceRow{"ReduceProd", ReduceFunction::prod},
    ReduceRow{"ReduceSum", ReduceFunction::sum, Integer::int8, march::kReduceSum},
    ReduceRow{"ReduceSumSquare", ReduceFunction::sum_square},
};

void upgrade_reduce(Rewriter& rewriter, Node& node, const ReduceRow& row);
void infer_reduce(InferContext& context, const ReduceRow& row);
QuantRule quant_reduce(const Node& node, const ReduceRow& row);
void lower_reduce(compiler::Lowering& lowering, const Node& node, const ReduceRow& row);

template <size_t I>
struct Reduce {
  static constexpr OpInfo info{kReduceRows[I].op, 1, 2};
  static constexpr Integer integer = kReduceRows[I].integer;
  static constexpr std::span<const march::Limit> limits = kReduceRows[I].limits;
  static void upgrade(Rewriter& rewriter, Node& node) { upgrade_reduce(rewriter, node, kReduceRows[I]); }
  static void infer(InferContext& context) { infer_reduce(context, kReduceRows[I]); }
  static QuantRule quant(const Node& node) { return quant_reduce(node, kReduceRows[I]); }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_reduce(lowering, node, kReduceRows[I]);
  }
};

void upgrade_softmax(Rewriter& rewriter, Node& node);
void infer_softmax(InferContext& context);
QuantRule quant_softmax(bool log);
void lower_softmax(compiler::Lowering& lowering, const Node& node, bool log);

template <bool kLog>
struct SoftmaxOf {
  static constexpr OpInfo info{kLog ? "LogSoftmax" : "Softmax", 1, 1};
  static constexpr Integer integer = kLog ? Integer::none : Integer::int8;
  static constexpr std::span<const march::Limit> limits = march::kSoftmax;
  static void upgrade(Rewriter& rewriter, Node& node) { upgrade_softmax(rewriter, node); }
  static void infer(InferContext& context) { infer_softmax(context); }
  static QuantRule quant(const Node&) { return quant_softmax(kLog); }
  static void lower(compiler::Lowering& lowering, const Node& node) { lower_softmax(lowering, node, kLog); }
};

}  // namespace openhb::ops
