// SPDX-License-Identifier: Apache-2.0
// The whole conversion: configuration and model in, five artefacts and a report out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "device/engine/model.h"
#include "host/calibration/lint.h"
#include "host/compiler/artefacts.h"
#include "host/config/config.h"
#include "host/config/stage.h"
#include "host/graph/graph.h"
#include "host/report/conversion.h"

namespace openhb::compiler {

// How the conversion talks: lines for the log, and progress of long stages.
struct Reporter {
  std::function<void(const std::string& line)> info = [](const std::string&) {};
  std::function<void(const std::string& line)> warn = [](const std::string&) {};
  std::function<void(const std::string& stage, size_t done, size_t total)> progress = [](const std::string&,
                                                                                         size_t, size_t) {};
};

struct NodeReport {
  std::string node, on, subgraph, type, reason;
  std::optional<double> cosine, threshold;
  std::string op;                            // of the graph; `type` is what the integer engine calls it
  int64_t macs = 0, bytes = 0;               // of the node's steps
  Shape shape;                               // of the first output
  std::vector<std::string> inputs, outputs;  // tensors, constants left out
};
struct OutputReport {
  std::string output;
  double cosine, l1, l2, chebyshev;
};
struct ConversionReport {
  std::vector<NodeReport> nodes;
  std::vector<OutputReport> outputs;
  std::string method;
  std::string bin_path;
  calibration::Lint lint;  // of the calibration data
  std::string checkpoint;  // a file to remove once the artefacts are in their places; may be missing
  uint64_t predicted_peak_bytes = 0;  // of memory; 0 when nothing was calibrated
  uint64_t arena_bytes = 0, arena_lower_bound = 0, weight_bytes = 0;
  int64_t macs = 0;
  std::vector<report::MethodScore> search;
  std::vector<report::TensorHistogram> histograms;  // empty when nothing was calibrated
  std::vector<report::Buffer> buffers;              // of the program
  std::vector<std::string> steps;                   // the program's: the node that each belongs to
  std::vector<report::RemovedNode> removed;
  std::vector<report::File> inputs;  // models and calibration data
};

// Where each node of `graph` runs in the program that it became, why, and what its steps cost; similarities
// are left open.
std::vector<NodeReport> placements(const graph::Graph& graph, const engine::Model& model);

// Which part of a conversion to run.
struct StageRange {
  std::string resume_from = {};                            // the ONNX file of a stage: what comes behind it
  std::optional<config::Stage> stop_after = std::nullopt;  // otherwise to the end, and results are compared
};

// Runs the stages. The artefacts are <prefix>_original_float_model.onnx, _optimized_float_model.onnx,
// _calibrated_model.onnx, _quantized_model.onnx and <prefix>.bin; the caller commits them.
ConversionReport convert(const config::Config& config, int threads, const Reporter& reporter,
                         const Artefacts& artefacts, const StageRange& range = {});

// All graph optimisations, in order; the result is numerically equivalent in float.
void optimize(graph::Graph& graph);

}  // namespace openhb::compiler
