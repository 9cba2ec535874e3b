// SPDX-License-Identifier: Apache-2.0
// Tensors that are less like something than what they are made of.
#pragma once

#include <functional>
#include <unordered_map>

#include "host/verify/stages/culprits.h"

namespace openhb::verify {

struct Candidate {
  size_t row = 0;
  Similarity before, after;  // of the input that is least like it; of itself
  double own = 0;            // noise that its inputs do not have
};

// What a tensor is made of, among the rows that the stage has; nodes between are passed through.
class Inputs {
 public:
  // `pick`: with what tensors are compared.
  Inputs(const Place& place, std::function<Similarity(const Likeness&)> pick);
  std::optional<Similarity> at(size_t row) const;
  Similarity before(const graph::Value& value) const;
  // Rows of the nearest such tensors; nothing when an input of the network is among them that has no row.
  std::optional<std::vector<size_t>> sources(const graph::Value& value) const;
  // Every tensor that the end depends on, in the order of the network.
  std::vector<Candidate> all() const;
  // Those that lose something by themselves, the greatest loss first.
  std::vector<Candidate> losing() const;

 private:
  const Place& place_;
  std::function<Similarity(const Likeness&)> pick_;
  std::unordered_map<const graph::Value*, size_t> index_;
};

Similarity with_float(const Likeness& likeness);
Similarity with_before(const Likeness& likeness);

// Names and figures; reason and advice are the caller's.
Loss loss_at(const Place& place, const Candidate& candidate);
// "3.12 %"
std::string percent(double share);

}  // namespace openhb::verify
