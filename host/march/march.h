// SPDX-License-Identifier: Apache-2.0
// The marches: what a node must keep to run in a chip's integer engine.
//
// tables.h holds the numbers, measure.h the quantities; an operator's description names its rows of tables.h
// (or brings its own). Precision assignment places nodes by `violations`, the checker and docs/operators.md
// print the same rows: no limit is written down twice.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/graph/graph.h"

namespace openhb::march {

enum class March : uint8_t { bayes = 1, bernoulli2 = 2 };
using Marches = uint8_t;  // a set of them

inline constexpr Marches kBayes = 1, kBernoulli2 = 2, kEvery = 3;

struct MarchRow {
  March march;
  std::string_view name;
  std::string_view chips;
  bool int16;  // takes int16 activations
};
inline constexpr std::array kMarches{
    MarchRow{March::bayes, "bayes", "J5, RDK Ultra", true},
    MarchRow{March::bernoulli2, "bernoulli2", "X3, J3", false},
};
std::string_view name_of(March march);
bool takes_int16(March march);
std::optional<March> find_march(std::string_view name);

// A node where it stands.
struct Site {
  const graph::Graph& graph;
  const graph::Consumers& consumers;
  const graph::Node& node;
};

// One observed value of a quantity; `text` where the number alone does not say what was found.
struct Observed {
  double value;
  std::string text = "";
};
// All values that the quantity takes at a node (one per tensor, say); none where it does not apply.
using Measure = std::vector<Observed> (*)(const Site&);

// The quantity must lie in [least, most].
struct Limit {
  Marches marches;
  std::string_view quantity;  // "kernel height"
  Measure measure;            // nullptr: the march does not have the operator
  double least = 1, most = 1;
  std::string_view allowed = "";  // for people, where "least to most" would not say it
  std::string_view advice = "";   // what places the node, as a request
};
// The march has no such operator.
constexpr Limit absent(Marches marches, std::string_view advice) {
  return {marches, "", nullptr, 0, 0, "", advice};
}

// Several lists of rows as one.
template <size_t... N>
constexpr auto together(const Limit (&... parts)[N]) {
  std::array<Limit, (N + ...)> all{};
  size_t at = 0;
  (
      [&] {
        for (const Limit& row : parts) all[at++] = row;
      }(),
      ...);
  return all;
}

// "1 to 31"
std::string allowed_text(const Limit& limit);

// Those that hold for every operator.
std::span<const Limit> general_limits();

struct Violation {
  std::string quantity, observed, allowed, advice;
};
// The limits of `march` that the node exceeds: its operator's `limits`, and those that hold for every
// operator.
std::vector<Violation> violations(March march, std::span<const Limit> limits, const Site& site);

// The violations of one node as the reason for its placement: "its kernel height is 41 (bayes: 1 to 31); use
// ...". "" when there are none.
std::string reason_of(March march, const graph::Node& node, std::span<const Violation> violations);

}  // namespace openhb::march
