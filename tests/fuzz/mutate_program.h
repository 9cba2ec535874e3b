// SPDX-License-Identifier: Apache-2.0
// One plausible lie about a program: the kind of change that passes the FlatBuffer verifier and must be found
// by the checks of tensors and steps.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <random>

#include "common/program/program.h"

namespace openhb::testing {

class ProgramMutator {
 public:
  explicit ProgramMutator(std::mt19937& random) : random_(random) {}

  void mutate(Program& p) {
    for (size_t n = 1 + below(3); n > 0; --n) {
      if (p.steps.empty() || below(2) == 0)
        mutate_tensor(p);
      else
        mutate_step(p);
      if (below(20) == 0) p.arena_size = static_cast<uint64_t>(number(static_cast<int64_t>(p.arena_size)));
    }
  }

  // As the visitor of a step's parameters: changes the one whose turn it is.
  template <class T>
  void operator()(const char*, T& value) {
    if (turn_-- != 0) return;
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(below(30));
    } else if constexpr (std::is_floating_point_v<T>) {
      constexpr std::array<T, 8> choices = {0,        -1,
                                            127,      -128,
                                            T(0.5),   std::numeric_limits<T>::max(),
                                            T(1e-30), std::numeric_limits<T>::infinity()};
      value = choices[below(choices.size())];
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(number(value));
    } else {
      if constexpr (requires { value.resize(1); })
        if (below(4) == 0) value.resize(below(10), 1);
      if (!value.empty()) {
        auto& element = value[below(value.size())];
        element = static_cast<std::remove_reference_t<decltype(element)>>(number(element));
      }
    }
  }

 private:
  size_t below(size_t n) { return random_() % n; }

  // Near the old value, an edge, or anything.
  int64_t number(int64_t old) {
    switch (below(6)) {
      case 0:
        return old + 1;
      case 1:
        return old - 1;
      case 2:
        return static_cast<int64_t>(below(20));
      case 3:
        return -static_cast<int64_t>(below(20));
      case 4:
        return int64_t{1} << below(63);
      default:
        return (int64_t{1} << 31) - static_cast<int64_t>(below(3));
    }
  }

  void mutate_tensor(Program& p) {
    if (p.tensors.empty()) return;
    TensorDesc& t = p.tensors[below(p.tensors.size())];
    switch (below(8)) {
      case 0:
        t.dtype = static_cast<DType>(below(kDTypes.size()));
        break;
      case 1:
        t.pitch = number(t.pitch);
        break;
      case 2:
        t.offset = static_cast<uint64_t>(number(static_cast<int64_t>(t.offset)));
        break;
      case 3:
        t.offset = p.tensors[below(p.tensors.size())].offset;
        break;
      case 4:
        t.storage = static_cast<Storage>(below(2));
        break;
      case 5:
        t = p.tensors[below(p.tensors.size())], t.name.clear();
        break;
      case 6:
        t.quant = p.tensors[below(p.tensors.size())].quant;
        break;
      default:
        mutate_dims(t);
    }
  }

  void mutate_dims(TensorDesc& t) {
    if (below(4) == 0) {
      t.dims.insert(t.dims.begin(), static_cast<int64_t>(below(3)));
      t.order.push_back(static_cast<uint8_t>(t.order.size()));
    } else if (!t.dims.empty()) {
      const size_t k = below(t.dims.size());
      const bool dense = t.pitch == t.dims.back();
      t.dims[k] = number(t.dims[k]);
      if (dense) t.pitch = t.dims.back();
    }
  }

  void mutate_step(Program& p) {
    Step& step = p.steps[below(p.steps.size())];
    auto& ids = below(4) == 0 ? step.outputs : step.inputs;
    switch (below(6)) {
      case 0:
        if (!ids.empty()) ids[below(ids.size())] = static_cast<uint32_t>(below(p.tensors.size() + 1));
        break;
      case 1:
        if (below(2) == 0 && !ids.empty())
          ids.pop_back();
        else
          ids.push_back(static_cast<uint32_t>(below(p.tensors.size() + 1)));
        break;
      case 2:
        step.params = p.steps[below(p.steps.size())].params;
        break;
      default:
        turn_ = static_cast<int>(below(8));
        std::visit([this](auto& params) { params.visit(params, *this); }, step.params);
    }
  }

  std::mt19937& random_;
  int turn_ = 0;
};

inline void mutate_program(Program& program, std::mt19937& random) { ProgramMutator(random).mutate(program); }

}  // namespace openhb::testing
