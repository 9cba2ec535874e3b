// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/dump.h"

#include <algorithm>

#include "common/io/interrupt.h"
#include "common/io/npy.h"

namespace openhb::compiler {
namespace {

// [1,C,H,W] as [1,H,W,C].
Tensor to_nhwc(const Tensor& tensor) {
  const Shape& s = tensor.shape();
  Tensor result(DType::f32, {s[0], s[2], s[3], s[1]});
  const auto from = tensor.data<float>();
  const auto to = result.data<float>();
  const auto channels = static_cast<size_t>(s[1]), plane = static_cast<size_t>(s[2] * s[3]);
  for (size_t i = 0; i < from.size(); ++i) {
    const size_t n = i / (channels * plane), c = i / plane % channels, p = i % plane;
    to[(n * plane + p) * channels + c] = from[i];
  }
  return result;
}

std::string folder_of(std::string input) {
  std::ranges::replace(input, '/', '_');
  return "calibration_data/" + (input == "." || input == ".." ? "_" : input);
}

}  // namespace

void dump_calibration_data(const Conversion& c, const SampleReader& samples) {
  // The inputs' pre-processing alone.
  graph::Graph front = c.graph.clone();
  front.outputs.clear();
  std::vector<int> output(front.inputs.size(), -1);  // -1: nothing is computed
  for (size_t i = 0; i < front.inputs.size(); ++i)
    if (const graph::Node* node = front.find_node("HZ_PREPROCESS_FOR_" + front.inputs[i]->name)) {
      output[i] = static_cast<int>(front.outputs.size());
      front.outputs.push_back(node->outputs[0]);
    }
  front.remove_dead();
  std::unique_ptr<GraphRunner> runner;
  if (!front.outputs.empty()) runner = std::make_unique<GraphRunner>(front, LowerOptions{}, 1);
  c.reporter.progress("dump", 0, samples.size());
  for (size_t s = 0; s < samples.size(); ++s) {
    check_interrupt();
    const std::vector<Tensor> inputs = samples.floats(s);
    if (runner) runner->run(inputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& values = output[i] < 0 ? inputs[i] : runner->output(static_cast<size_t>(output[i]));
      const bool turn = output[i] >= 0 && c.config.inputs[i].nhwc_train;
      c.artefacts.write(fmt::format("{}/{}.npy", folder_of(front.inputs[i]->name), s),
                        serialize_npy(turn ? to_nhwc(values) : values));
    }
    c.reporter.progress("dump", s + 1, samples.size());
  }
  c.reporter.info(
      fmt::format("The calibration data are dumped to '{}'.", c.artefacts.path("calibration_data")));
}

}  // namespace openhb::compiler
