// SPDX-License-Identifier: Apache-2.0
// Signal processing: signal.cc. Transforms are products with constant matrices, windows are constants.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

struct Dft {
  static constexpr OpInfo info{"DFT", 1, 3, "", "", 17};
  static void upgrade(Rewriter& rewriter, Node& node);
};

struct Stft {
  static constexpr OpInfo info{"STFT", 2, 4, "", "", 17};
  static void upgrade(Rewriter& rewriter, Node& node);
};

// Coefficients of 1, -cos(2 pi n / N) and cos(4 pi n / N).
struct WindowRow {
  std::string_view op;
  double constant, first, second;
};
inline constexpr std::array kWindowRows{WindowRow{"HannWindow", 0.5, 0.5, 0},
                                        WindowRow{"HammingWindow", 25.0 / 46, 21.0 / 46, 0},
                                        WindowRow{"BlackmanWindow", 0.42, 0.5, 0.08}};
void expand_window(Rewriter& rewriter, const Node& node, const WindowRow& row);

template <size_t I>
struct WindowOf {
  static constexpr OpInfo info{kWindowRows[I].op, 1, 1, "", "", 17};
  static void upgrade(Rewriter& rewriter, Node& node) { expand_window(rewriter, node, kWindowRows[I]); }
};

struct MelWeightMatrix {
  static constexpr OpInfo info{"MelWeightMatrix", 5, 5, "", "", 17};
  static void upgrade(Rewriter& rewriter, Node& node);
};

using SignalOps = OpList<Dft, Stft, WindowOf<0>, WindowOf<1>, WindowOf<2>, MelWeightMatrix>;

}  // namespace openhb::ops
