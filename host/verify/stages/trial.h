// SPDX-License-Identifier: Apache-2.0
// "What if": the calibrated model with a change, run on some samples in float, compared with the float model.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/verify/stages/network.h"

namespace openhb::verify {

class Trial {
 public:
  // `end` is the tensor that is looked at, `folders` the samples as the float model left them; `ran` is
  // called after each run(). Nothing (null) when its inputs are not there in the network's form.
  static std::unique_ptr<Trial> make(const Network& network, const std::vector<std::string>& folders,
                                     const std::string& end, std::function<void()> ran = {});

  using Change = std::function<void(graph::Graph&)>;
  // The likeness of `end` with float after a change of the annotated graph: the cosine of the first sample,
  // the mean noise of all. Throws Interrupted.
  Similarity run(const Change& change) const;

 private:
  Similarity run_changed(const Change& change) const;
  const Network* network_ = nullptr;
  std::string end_;
  std::function<void()> ran_;
  struct Sample {
    std::map<std::string, Tensor> inputs;
    std::vector<float> wanted;
  };
  std::vector<Sample> samples_;
};

// What float, with the same codes and weights, makes of a stage's own `sources` at `value`; nothing when the
// stage lacks one of them.
std::optional<std::vector<float>> recomputed(const Network& network, const std::string& value,
                                             const std::vector<std::string>& sources,
                                             const StageSample& stage);

// ---- changes ----

// Parameters of a value, and of those that only move its codes.
void set_codes(graph::Graph& graph, const std::string& value, const QuantParams& quant, DType codes);
// Codes so fine that nothing is lost: int16 over this range, whether or not the operators take them.
void set_fine_codes(graph::Graph& graph, const std::string& value, float lo, float hi);
// int16 where all integer nodes take it, over `range`; false (and nothing changed) otherwise.
bool set_int16(graph::Graph& graph, const std::string& value, float lo, float hi);
// The nodes that make a value (with its activation) in float, as run_on_cpu does it.
void set_float(graph::Graph& graph, const std::string& value);
// The nodes of which set_float() speaks that run in integers.
std::vector<const graph::Node*> makers(const graph::Graph& graph, const graph::Value& value);

}  // namespace openhb::verify
