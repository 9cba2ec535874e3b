// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/convert.h"

#include "common/io/interrupt.h"
#include "host/compiler/stage_file.h"
#include "host/compiler/stages.h"
#include "host/report/provenance.h"

namespace openhb::compiler {
namespace {

void run(Conversion& c, Stage stage) {
  switch (stage) {
    case Stage::parse:
      parse(c);
      break;
    case Stage::optimize:
      optimize(c);
      break;
    case Stage::calibrate:
      open_dataset(c);
      calibrate(c);
      break;
    case Stage::quantize:
      c.reporter.info("Start to quantize the model.");
      break;
    case Stage::compile:
      return compile(c);
  }
  hand_on(c, stage);
  const std::string_view kind = stage != Stage::parse ? "" : c.config.is_caffe() ? " caffe" : " onnx";
  c.reporter.info(fmt::format("End to {} the{} model.", name_of(stage), kind));
}

}  // namespace

ConversionReport convert(const config::Config& config, int threads, const Reporter& reporter,
                         const Artefacts& artefacts, const StageRange& range) {
  Conversion c{config, threads, reporter, artefacts, {}};
  const Stage last = range.stop_after.value_or(Stage::compile);
  auto next = Stage::parse;
  if (!range.resume_from.empty()) {
    const Stage done = resume(c, range.resume_from);
    reporter.info(fmt::format("Continuing from {} (stage {}).", range.resume_from, name_of(done)));
    next = static_cast<Stage>(static_cast<int>(done) + 1);
    if (last < next)
      fail(ErrorCode::usage, "--stop-after {}: {} is of stage {} already", name_of(last), range.resume_from,
           name_of(done));
  }
  for (; next <= last; next = static_cast<Stage>(static_cast<int>(next) + 1)) {
    check_interrupt();
    run(c, next);
    // What is wrong with the samples should be told before the long part.
    if (next == Stage::parse && last >= Stage::calibrate) open_dataset(c);
  }
  if (!range.stop_after) compare(c);
  record_inputs(c);
  if (!range.resume_from.empty())
    c.report.inputs.push_back(report::hash_file("continued from", range.resume_from));
  return std::move(c.report);
}

}  // namespace openhb::compiler
