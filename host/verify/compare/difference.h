// SPDX-License-Identifier: Apache-2.0
// How far two tensors are apart, as hb_verifier and vec_diff report it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::verify {

// Distances in units in the last place: how many float32 numbers lie between two (0 and -0 are one apart).
// Bin 0: equal bits; bin k: 2^(k-1) up to 2^k - 1 steps; the last bin: all further ones. NaN against a number
// is in the last bin, NaN against NaN in bin 0.
inline constexpr size_t kUlpBins = 34;

struct Difference {
  uint64_t total = 0;      // elements: of the longer side
  uint64_t line_miss = 0;  // elements that only one side has
  uint64_t line_diff = 0;  // |a - b| > 10^-digits
  uint64_t line_nan = 0;   // NaN (or another infinity) on one side only
  // Of the pairs of finite numbers, all others left out:
  double max_abs = 0;       // largest |a - b|
  double max_relative = 0;  // largest |a - b| / max(|a|, |b|)
  double cosine = 1;        // a . b / (|a| |b|); 1 when both are zero, 0 when one of them is
  double relative_l2 = 0;   // |a - b| / |b|; infinity when only b is zero
  double mse = 0;           // mean of (a - b)^2
  // Of all pairs; of codes: whose codes differ. Numbers of different types differ when their values do. A NaN
  // is as good as any other.
  uint64_t bits_differ = 0;
  int64_t first = -1;  // index (flat, ONNX order) of the first element whose bits differ
  double first_a = 0, first_b = 0;
  int64_t worst = -1;                       // index of the largest |a - b|, -1 when that is 0
  std::array<uint64_t, kUlpBins> ulp = {};  // of float16, float32 and what codes stand for; else empty

  uint64_t mismatches() const { return line_miss + line_diff + line_nan; }
  double mismatch_rate() const {
    return total ? static_cast<double>(mismatches()) / static_cast<double>(total) : 0;
  }
  bool same_bits() const { return bits_differ == 0 && line_miss == 0; }
};

// Real numbers; element k of both is compared, whatever the shapes. `digits`: decimal places.
Difference difference(std::span<const float> a, std::span<const float> b, int digits);

// Tensors with their scales: codes of equal type and scales are compared as codes as well, for bits_differ
// and first; all other columns are of the real values. Numbers that are no codes are compared as double, two
// tensors of 64-bit integers exactly. Memory does not grow with the tensors; results are the same to the last
// bit on every machine. Throws Error(data_bad_value) when scales do not fit the shape.
Difference difference(const Tensor& a, const QuantParams& quant_a, const Tensor& b,
                      const QuantParams& quant_b, int digits);

// "[0, 3, 17, 2]" of a flat index; "[]" of a scalar.
std::string position_text(int64_t index, const Shape& shape);

}  // namespace openhb::verify
