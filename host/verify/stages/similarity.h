// SPDX-License-Identifier: Apache-2.0
// How much of a tensor survives, as energies: noise behind a node is compared with that before it.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "host/verify/dump_folder.h"

namespace openhb::verify {

struct Similarity {
  double cosine = 1;
  double noise = 0;   // |a - b|^2 / |b|^2, b being the reference; at most kMostNoise
  double energy = 0;  // |b|^2

  double relative_l2() const;
};
inline constexpr double kMostNoise = 1e6;

// Elements that are not finite in both are left out; in one only, they make the tensors unlike (cosine 0).
Similarity similarity(std::span<const float> a, std::span<const float> reference);

// What the elements stand for; nothing for truth values and indices, which have no likeness.
std::optional<std::vector<float>> real_values(const DumpedTensor& tensor);

}  // namespace openhb::verify
