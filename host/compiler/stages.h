// SPDX-License-Identifier: Apache-2.0
// The stages of a conversion, one function each. Each takes what the one before left in the state and writes
// the artefact that belongs to it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/calibration/dataset.h"
#include "host/compiler/artefacts.h"
#include "host/compiler/convert.h"
#include "host/compiler/lowering.h"
#include "host/quantize/load.h"

namespace openhb::compiler {

struct Conversion {
  config::Config config;  // its inputs in the graph's order once the model is read
  int threads;
  const Reporter& reporter;
  const Artefacts& artefacts;

  graph::Graph graph;                  // as the last stage left it
  quantize::LoadedParams loaded = {};  // calibration_type load: the model's own parameters
  std::shared_ptr<calibration::Dataset> dataset = {};
  // The calibrated model, whose float results the integers are compared with (none: resumed without it), and
  // its file's hash.
  std::shared_ptr<const graph::Graph> reference = {};
  std::string float_hash = {};
  Program program = {};
  ConversionReport report = {};

  bool loads() const { return config.calibration == config::CalibrationType::load; }
};

// The integer program, with its inputs as configured.
LowerOptions integer_options(const config::Config& config);
// The samples of the configuration, or random ones where none are asked for.
void open_dataset(Conversion& conversion);

void parse(Conversion& conversion);          // the model with its pre-processing
void optimize(Conversion& conversion);       // fewer nodes, the same results
void calibrate(Conversion& conversion);      // annotations: precision, ranges, scales
void compile(Conversion& conversion);        // the program
void compare(Conversion& conversion);        // similarity of float and integers, for the report
void record_inputs(Conversion& conversion);  // hashes of what was read, for the report

}  // namespace openhb::compiler
