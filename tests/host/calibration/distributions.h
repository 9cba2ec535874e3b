// SPDX-License-Identifier: Apache-2.0
// The distributions on which the selection methods are judged, and what a range costs on the raw values.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "host/calibration/histogram.h"
#include "host/calibration/random.h"

namespace openhb::calibration {

struct Uniform {
  Random random;
  double operator()() { return (static_cast<double>(random.next() >> 11) + 0.5) * 0x1p-53; }
  double normal() {
    const double a = (*this)(), b = (*this)();
    return std::sqrt(-2 * std::log(a)) * std::cos(2 * std::numbers::pi * b);
  }
};

struct Distribution {
  std::string name;
  std::function<double(Uniform&)> draw;
};

inline std::vector<Distribution> distributions() {
  return {
      {"normal", [](Uniform& u) { return u.normal(); }},
      {"Laplace",
       [](Uniform& u) {
         const double v = u() - 0.5, e = -std::log(1 - 2 * std::abs(v));
         return v < 0 ? e : -e;
       }},
      {"ReLU(normal)", [](Uniform& u) { return std::max(0.0, u.normal()); }},
      {"outliers",
       [](Uniform& u) {
         const double z = u.normal();
         return u() < 1e-4 ? 50 * z : z;
       }},
      {"GELU",
       [](Uniform& u) {
         const double t = 1.5 * u.normal();
         return t * 0.5 * (1 + std::erf(t / std::numbers::sqrt2));
       }},
      {"Student t3",
       [](Uniform& u) {
         const double z = u.normal(), a = u.normal(), b = u.normal(), c = u.normal();
         return z / std::sqrt((a * a + b * b + c * c) / 3);
       }},
      {"SiLU",
       [](Uniform& u) {
         const double t = 2 * u.normal();
         return t / (1 + std::exp(-t));
       }},
      {"normal + 2", [](Uniform& u) { return u.normal() + 2; }},
      {"sigmoid", [](Uniform& u) { return 1 / (1 + std::exp(-2 * u.normal())); }},
      {"uniform", [](Uniform& u) { return 2 * u() - 1; }},
      {"-ReLU(normal)", [](Uniform& u) { return -std::max(0.0, u.normal()); }},
  };
}

inline std::vector<float> sample(const Distribution& distribution, size_t count, uint64_t seed) {
  Uniform uniform{Random(seed)};
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(distribution.draw(uniform));
  return values;
}

// Mean squared error of int8 codes on the values themselves.
inline double measured_error(const std::vector<float>& values, ClipRange range) {
  const bool symmetric = range.lo == -range.hi;
  const double step = symmetric ? range.hi / 127.0 : (double{range.hi} - range.lo) / 255;
  const double zero = symmetric ? 0 : std::clamp(std::nearbyint(-128 - range.lo / step), -128.0, 127.0);
  double sum = 0;
  for (float v : values) {
    const double code = std::clamp(std::nearbyint(v / step) + zero, -128.0, 127.0),
                 e = (code - zero) * step - v;
    sum += e * e;
  }
  return sum / static_cast<double>(values.size());
}

inline double sqnr(const std::vector<float>& values, double error) {
  double power = 0;
  for (float v : values) power += double{v} * v;
  return 10 * std::log10(power / static_cast<double>(values.size()) / error);
}

}  // namespace openhb::calibration
