// SPDX-License-Identifier: Apache-2.0
// Operators that are rewritten into simpler ones while the model is read, or refused with a reason.
// composite.cc.
#pragma once

#include <array>

#include "host/ops/operator.h"

namespace openhb::ops {

struct CompositeRow {
  std::string_view op;
  size_t min_inputs, max_inputs;
  int64_t since;
  void (*upgrade)(Rewriter&, Node&);
};

// Logic and bits.
void rewrite_not(Rewriter& r, Node& node);
void rewrite_is_nan(Rewriter& r, Node& node);
void rewrite_is_inf(Rewriter& r, Node& node);
// Several operands.
void rewrite_sum(Rewriter& r, Node& node);
void rewrite_mean(Rewriter& r, Node& node);
// Types.
void rewrite_cast_like(Rewriter& r, Node& node);
// Masks and positions.
void rewrite_trilu(Rewriter& r, Node& node);
void rewrite_one_hot(Rewriter& r, Node& node);
void rewrite_hardmax(Rewriter& r, Node& node);
// Reductions.
void rewrite_log_sum(Rewriter& r, Node& node);
void rewrite_log_sum_exp(Rewriter& r, Node& node);
// What is known at compile time.
void fold_size(Rewriter& r, Node& node);
void fold_eye_like(Rewriter& r, Node& node);
void fold_range(Rewriter& r, Node& node);
void fold_non_zero(Rewriter& r, Node& node);

inline constexpr std::array kCompositeRows{
    CompositeRow{"Not", 1, 1, 1, rewrite_not},
    CompositeRow{"BitwiseNot", 1, 1, 18, rewrite_not},
    CompositeRow{"IsNaN", 1, 1, 9, rewrite_is_nan},
    CompositeRow{"IsInf", 1, 1, 10, rewrite_is_inf},
    CompositeRow{"Sum", 1, kVariadic, 1, rewrite_sum},
    CompositeRow{"Mean", 1, kVariadic, 1, rewrite_mean},
    CompositeRow{"CastLike", 2, 2, 15, rewrite_cast_like},
    CompositeRow{"Trilu", 1, 2, 14, rewrite_trilu},
    CompositeRow{"OneHot", 3, 3, 9, rewrite_one_hot},
    CompositeRow{"Hardmax", 1, 1, 1, rewrite_hardmax},
    CompositeRow{"ReduceLogSum", 1, 2, 1, rewrite_log_sum},
    CompositeRow{"ReduceLogSumExp", 1, 2, 1, rewrite_log_sum_exp},
    CompositeRow{"Size", 1, 1, 1, fold_size},
    CompositeRow{"EyeLike", 1, 1, 9, fold_eye_like},
    CompositeRow{"Range", 3, 3, 11, fold_range},
    CompositeRow{"NonZero", 1, 1, 9, fold_non_zero},
};

template <size_t I>
struct Composite {
  static constexpr OpInfo info{
      kCompositeRows[I].op,   kCompositeRows[I].min_inputs, kCompositeRows[I].max_inputs, "", "",
      kCompositeRows[I].since};
  static void upgrade(Rewriter& rewriter, Node& node) { kCompositeRows[I].upgrade(rewriter, node); }
};

struct RefusedRow {
  std::string_view op;
  std::string_view reason;
  int64_t since = 1;
};

inline constexpr std::string_view kRandom =
    "random numbers would make every run of the model another one; put the numbers into the model as a "
    "constant "
    "or feed them as an input";

inline constexpr std::array kRefusedRows{
    RefusedRow{"Bernoulli", kRandom, 15},
    RefusedRow{"Multinomial", kRandom, 7},
    RefusedRow{"RandomNormal", kRandom},
    RefusedRow{"RandomNormalLike", kRandom},
    RefusedRow{"RandomUniform", kRandom},
    RefusedRow{"RandomUniformLike", kRandom},
    RefusedRow{"Unique",
               "the shape of its result depends on the data; end the network before it (output_nodes in the "
               "configuration)",
               11},
};

[[noreturn]] void refuse(const Node& node, const RefusedRow& row);

template <size_t I>
struct Refused {
  static constexpr OpInfo info{kRefusedRows[I].op, 0, kVariadic, "", "", kRefusedRows[I].since};
  static constexpr std::string_view note = kRefusedRows[I].reason;
  static constexpr bool refused = true;
  static void upgrade(Rewriter&, Node& node) { refuse(node, kRefusedRows[I]); }
};

}  // namespace openhb::ops
