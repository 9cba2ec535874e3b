// SPDX-License-Identifier: Apache-2.0
// Operators that choose or run along an axis: Where, ArgMax, ArgMin, CumSum, CumProd. select.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct Where {
  static constexpr OpInfo info{"Where", 3, 3, "", "", 9};
  static constexpr Integer integer = Integer::int8;
  static constexpr std::span<const march::Limit> limits = march::kPlain;
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

void infer_arg(InferContext& context);
QuantRule quant_arg();
void lower_arg(compiler::Lowering& lowering, const Node& node, bool smallest);

template <bool kSmallest>
struct ArgOf {
  static constexpr OpInfo info{kSmallest ? "ArgMin" : "ArgMax", 1, 1};
  static constexpr Integer integer = Integer::int8;
  static constexpr std::span<const march::Limit> limits = march::kArgSearch;
  static void infer(InferContext& context) { infer_arg(context); }
  static QuantRule quant(const Node&) { return quant_arg(); }
  static void lower(compiler::Lowering& lowering, const Node& node) { lower_arg(lowering, node, kSmallest); }
};

void infer_cumulate(InferContext& context);
QuantRule quant_cumulate();
void lower_cumulate(compiler::Lowering& lowering, const Node& node, CumulateFunction function);

template <CumulateFunction kFunction>
struct CumulateOf {
  static constexpr bool kSum = kFunction == CumulateFunction::sum;
  static constexpr OpInfo info{kSum ? "CumSum" : "CumProd", 2, 2, "", "", kSum ? 11 : 26};
  static void infer(InferContext& context) { infer_cumulate(context); }
  static QuantRule quant(const Node&) { return quant_cumulate(); }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_cumulate(lowering, node, kFunction);
  }
};

using SelectOps = OpList<Where, ArgOf<false>, ArgOf<true>, CumulateOf<CumulateFunction::sum>,
                         CumulateOf<CumulateFunction::prod>>;

}  // namespace openhb::ops
