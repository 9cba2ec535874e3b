// SPDX-License-Identifier: Apache-2.0
// Damaged files: random changes to the parameters and tensors of valid steps. Whatever validate() lets pass
// must run inside its memory (run under AddressSanitizer for the full effect).
#pragma once

#include "tests/device/steps/harness.h"

namespace openhb::test {

inline int64_t odd_number() {
  constexpr int64_t kOdd[] = {-1,
                              0,
                              1,
                              2,
                              3,
                              4,
                              7,
                              8,
                              16,
                              64,
                              255,
                              256,
                              1 << 20,
                              int64_t{1} << 31,
                              int64_t{1} << 40,
                              std::numeric_limits<int64_t>::max(),
                              std::numeric_limits<int64_t>::min()};
  return kOdd[random_int(0, std::ssize(kOdd) - 1)];
}
inline int64_t changed(int64_t v) {
  if (chance(30)) return odd_number();
  int64_t r = 0;
  return __builtin_add_overflow(v, random_int(-2, 2), &r) ? v : r;
}

template <class T>
void damage(T& v) {
  if constexpr (std::is_enum_v<T>) {
    v = static_cast<T>(random_int(-1, 9));
  } else if constexpr (std::is_floating_point_v<T>) {
    v = static_cast<T>(any_float());
  } else if constexpr (std::is_integral_v<T>) {
    v = static_cast<T>(changed(v));
  } else if constexpr (requires { v.push_back(0); }) {
    if (chance(15)) v.push_back(odd_number());
    if (chance(15) && !v.empty()) v.pop_back();
    if (!v.empty()) damage(v[static_cast<size_t>(random_int(0, std::ssize(v) - 1))]);
  } else {
    damage(v[static_cast<size_t>(random_int(0, std::ssize(v) - 1))]);
  }
}

inline void damage(TensorDesc& t) {
  switch (random_int(0, 7)) {
    case 0:
      t.pitch = changed(t.pitch);
      break;
    case 1:
      t.dtype = static_cast<DType>(random_int(0, 13));
      break;
    case 2:
      t.offset += static_cast<uint64_t>(changed(0));
      break;
    case 3:
      t.storage = chance(50) ? Storage::arena : Storage::weights;
      break;
    case 4:
      t.quant =
          chance(50) ? QuantParams{} : QuantParams{{any_float()}, {static_cast<int32_t>(changed(0))}, -1};
      break;
    case 5:
      t.quant.scales.push_back(1.0f);
      break;
    default:
      damage(t.dims);
  }
}

template <class P>
void attack(const char* name, StepCase<P> (*make)(), int rounds = 3000) {
  int ran = 0;
  for (int round = 0; round < rounds; ++round) {
    StepCase<P> c = make();
    c.validate();  // places the tensors as they should be
    for (int64_t n = random_int(1, 3); n > 0; --n) {
      if (chance(60)) {
        damage(c.program.tensors[static_cast<size_t>(random_int(0, std::ssize(c.program.tensors) - 1))]);
        continue;
      }
      std::vector<std::function<void()>> fields;
      P::visit(c.params,
               [&](std::string_view, auto& field) { fields.push_back([&field] { damage(field); }); });
      if (!fields.empty()) fields[static_cast<size_t>(random_int(0, std::ssize(fields) - 1))]();
    }
    ran += c.refuses_or_survives() ? 1 : 0;
    if (testing::Test::HasFailure()) return;
  }
  std::cout << name << ": " << ran << " of " << rounds << " damaged steps were still valid" << std::endl;
}

inline const QuantParams kQuant{{0.5f}, {3}, -1};

// A valid step; two inputs share one shape, the output has its own.
template <class P>
StepCase<P> simple(std::vector<std::pair<DType, Shape>> inputs, DType to, const Shape& y) {
  StepCase<P> c;
  for (const auto& [dtype, shape] : inputs) c.input(random_tensor(dtype, shape), kQuant, random_int(0, 3));
  c.output(to, y, kQuant, random_int(0, 3));
  return c;
}

}  // namespace openhb::test
