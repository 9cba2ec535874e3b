// SPDX-License-Identifier: Apache-2.0
// Recurrent layers: recurrent.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

void infer_recurrent(InferContext& context, RecurrentCell cell);
void lower_recurrent(compiler::Lowering& lowering, const Node& node, RecurrentCell cell);

template <RecurrentCell kCell>
struct RecurrentOf {
  static constexpr OpInfo info{kCell == RecurrentCell::lstm  ? "LSTM"
                               : kCell == RecurrentCell::gru ? "GRU"
                                                             : "RNN",
                               3,
                               kCell == RecurrentCell::lstm ? size_t{8} : size_t{6},
                               "",
                               "",
                               1,
                               kCell == RecurrentCell::lstm ? size_t{3} : size_t{2}};
  static void infer(InferContext& context) { infer_recurrent(context, kCell); }
  static QuantRule quant(const Node&) {
    return float_only(
        "its state passes from step to step, so it runs in float, which adds no error per step");
  }
  static void lower(compiler::Lowering& lowering, const Node& node) {
    lower_recurrent(lowering, node, kCell);
  }
};

using RecurrentOps = OpList<RecurrentOf<RecurrentCell::rnn>, RecurrentOf<RecurrentCell::gru>,
                            RecurrentOf<RecurrentCell::lstm>>;

}  // namespace openhb::ops
