// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/convert.h"

#include "host/compiler/inputs.h"
#include "host/compiler/stages.h"
#include "host/frontend/onnx/onnx.h"
#include "host/quantize/qdq.h"

namespace openhb::compiler {
ConversionReport convert(const config::Config& config, int threads, const Reporter& reporter,
                         const Artefacts& artefacts) {
  Conversion c{config, threads, reporter, artefacts, {}};
  auto save = [&](const graph::Graph& graph, const char* stage) {
    const std::string name = fmt::format("{}_{}_model.onnx", c.config.prefix, stage);
    reporter.info(fmt::format("Saving model to: {}.", artefacts.path(name)));
    onnx_frontend::export_onnx(graph, artefacts.staged(name));
  };
  parse(c);
  open_dataset(c);
  save(c.graph, "original_float");
  optimize(c);
  save(c.graph, "optimized_float");
  calibrate(c);
  save(quantize::calibrated_graph(c.graph), "calibrated");
  reporter.info("Start to quantize the model.");
  save(quantize::quantized_graph(c.graph, pictures(c.config), nhwc_pictures(c.config)), "quantized");
  reporter.info("End to quantize the model.");
  compile(c);
  compare(c);
  record_inputs(c);
  return std::move(c.report);
}

}  // namespace openhb::compiler
