// SPDX-License-Identifier: Apache-2.0
// A program whose memory is not planned yet, and the rewrites that save copies and memory before it is.
#pragma once

#include <unordered_map>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"
#include "host/compiler/memory_plan.h"

namespace openhb::compiler {

using TensorId = uint32_t;

struct Draft {
  // Where a tensor lies: in another one, its root, or (root == itself) in memory of its own.
  struct Place {
    TensorId root;
    uint64_t offset;  // bytes
  };

  Program program;
  std::vector<Place> places;                       // per tensor
  std::unordered_map<TensorId, Tensor> constants;  // by root

  const TensorDesc& desc(TensorId id) const { return program.tensors[id]; }
  TensorId root(TensorId id) const { return places[id].root; }
  bool is_constant(TensorId id) const { return desc(id).storage == Storage::weights; }
};

// When the memory of each root is in use, in steps; a root without use has first > last. Inputs keep their
// place from before the first step to after the last, so that a program can run again on the same input;
// outputs keep theirs once they are written.
// Steps in `without` are not there.
std::vector<Lifetime> lifetimes(const Draft& draft, const std::vector<bool>& without = {});

// Steps between int8 codes that are functions of one code become tables. Needs the constants.
void fold_tables(Draft& draft);

// Copies of copies become one, where the second one changes the order. Before memory is shared.
void compose_copies(Draft& draft);

// Lets the producers of copied tensors write where the copies would go (the parts of a concatenation), and
// element-wise steps write over an operand that nobody reads afterwards. Constants must have been packed.
void share_memory(Draft& draft);

// How an arena is planned.
struct PlanOptions {
  size_t orders = kPlanOrders;  // of plan_memory
  // What chains of steps touch is kept apart, so that the engine may run them strip by strip, as long as the
  // lower bound grows by no more than this share of itself; negative: chains are not looked at.
  double chain_room = 0;
  size_t improvements = 0;  // tries of improve_plan
  uint64_t seed = 0;
};

// Offsets for all tensors, and the arena's size with its lower bound as a property.
void plan_arena(Draft& draft, const PlanOptions& options = {});

}  // namespace openhb::compiler
