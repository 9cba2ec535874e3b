// SPDX-License-Identifier: Apache-2.0
// Running graphs on the host through the engine: constant folding, calibration, comparisons.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/io/interrupt.h"
#include "device/engine/model.h"
#include "host/compiler/lowering.h"

namespace openhb::compiler {

// Computes a node whose inputs are all constants; its outputs become constants.
void evaluate_constant_node(graph::Node& node);

// Ends a run between two steps after Ctrl-C: portable kernels need seconds for a large network. Whoever runs
// calls check_interrupt() then.
inline constexpr engine::RunControl kUntilInterrupted = {
    .border = [](void*, size_t, bool) noexcept { return !interrupted(); }};

// A graph lowered and ready to run.
class GraphRunner {
 public:
  GraphRunner(const graph::Graph& graph, const LowerOptions& options, int threads);
  explicit GraphRunner(std::shared_ptr<const engine::Model> model, int threads);

  // Called for each named tensor as soon as it is final; the bytes are valid during the call only.
  using Observer = std::function<void(const TensorDesc& desc, const std::byte* data)>;
  // One run; `inputs` in ONNX order, element types as the program's inputs.
  void run(const std::vector<Tensor>& inputs, const Observer& observer = {});
  Tensor output(size_t i) const;  // in ONNX order
  const engine::Model& model() const { return session_->model(); }
  const Program& program() const { return model().program(); }

 private:
  std::unique_ptr<engine::Session> session_;
};

// Elements of a tensor in ONNX order as float32 (codes dequantized).
std::vector<float> real_values(const TensorDesc& desc, const std::byte* data);

// Cosine of the angle between two vectors; 1 when both are zero.
double cosine(std::span<const float> a, std::span<const float> b);

}  // namespace openhb::compiler
