// SPDX-License-Identifier: Apache-2.0
// Element type conversion as the Cast step defines it.
#pragma once

#include <cstdint>
#include <limits>
#include <tuple>
#include <type_traits>

#include "common/dtype.h"
#include "common/math/half.h"

namespace openhb::kernels {

// Storage of the types that C++ has no portable arithmetic type for.
struct Half {
  uint16_t bits;
};
struct Bool {
  uint8_t byte;  // any value; not 0 is true
};

// In the order of DType.
using ElementTypes = std::tuple<float, int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t,
                                uint64_t, Half, double, Bool>;

// Truncates and saturates; NaN gives 0.
template <class D>
D float_to_integer(double x) {
  // The upper bound as a double is the first value that does not fit (2^7, 2^64, ...).
  constexpr double kLowest = static_cast<double>(std::numeric_limits<D>::min());
  constexpr double kEnd = static_cast<double>(std::numeric_limits<D>::max() / 2 + 1) * 2.0;
  if (x != x) return 0;
  if (x <= kLowest) return std::numeric_limits<D>::min();
  if (x >= kEnd) return std::numeric_limits<D>::max();
  return static_cast<D>(x);
}

template <class D, class S>
D convert(S x) {
  if constexpr (std::is_same_v<S, Half>) {
    return convert<D>(math::half_to_float(x.bits));
  } else if constexpr (std::is_same_v<S, Bool>) {
    return convert<D>(static_cast<uint8_t>(x.byte != 0));
  } else if constexpr (std::is_same_v<D, Half>) {
    return {math::double_to_half(static_cast<double>(x))};
  } else if constexpr (std::is_same_v<D, Bool>) {
    return {static_cast<uint8_t>(x != S{0})};
  } else if constexpr (std::is_floating_point_v<S> && std::is_integral_v<D>) {
    return float_to_integer<D>(static_cast<double>(x));
  } else {
    return static_cast<D>(x);
  }
}

// Calls f.template operator()<T>() with the element type of `dtype`, which must be valid.
template <class F>
decltype(auto) with_element_type(DType dtype, F&& f) {
  using R = decltype(f.template operator()<float>());
  const auto pick = [&]<size_t... I>(std::index_sequence<I...>) -> R {
    using Call = R (*)(F&);
    constexpr Call kCalls[] = {
        [](F& g) -> R { return g.template operator()<std::tuple_element_t<I, ElementTypes>>(); }...};
    return kCalls[static_cast<size_t>(dtype)](f);
  };
  return pick(std::make_index_sequence<std::tuple_size_v<ElementTypes>>());
}

}  // namespace openhb::kernels
