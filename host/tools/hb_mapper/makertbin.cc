// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_mapper/makertbin.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <thread>

#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "common/text/text.h"
#include "host/compiler/convert.h"
#include "host/compiler/plan.h"
#include "host/config/config.h"
#include "host/config/keys.h"
#include "host/ops/custom.h"
#include "host/report/conversion_json.h"
#include "host/report/log.h"
#include "host/report/page.h"
#include "host/report/progress.h"
#include "host/report/provenance.h"
#include "host/tools/hb_mapper/fast_perf.h"
#include "host/tools/hb_mapper/tables.h"

namespace openhb::tools {
namespace {

std::string output_table(const compiler::ConversionReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& o : report.outputs)
    rows.push_back({o.output, fmt::format("{:.6f}", o.cosine), fmt::format("{:.6f}", o.l1),
                    fmt::format("{:.6f}", o.l2), fmt::format("{:.6f}", o.chebyshev)});
  return format_table({"Output", "Cosine Similarity", "L1 Distance", "L2 Distance", "Chebyshev Distance"},
                      rows);
}

// Why nodes stay in float, the same reason once with its nodes.
std::string reasons(const compiler::ConversionReport& report) {
  std::string text;
  for (const ReasonGroup& group : by_reason(report.nodes))
    text += fmt::format("\n  {}: {}", names_of(group), group.reason);
  return text;
}

// The HTML report, one of the artefacts; the same as JSON for --json.
std::string write_report(const MakertbinOptions& options, const config::Config& config,
                         const compiler::ConversionReport& result, const compiler::Artefacts& artefacts,
                         const std::string& date) {
  report::ConversionResult all{result, config, OPENHB_VERSION, date, {}, {}};
  if (!options.config.empty()) all.more_inputs.push_back(report::hash_file("configuration", options.config));
  for (const char* suffix : {"_original_float_model.onnx", "_optimized_float_model.onnx",
                             "_calibrated_model.onnx", "_quantized_model.onnx", ".bin"}) {
    const std::string name = config.prefix + suffix;
    if (!std::filesystem::exists(artefacts.staged(name))) continue;
    all.results.push_back(report::hash_file("result", artefacts.staged(name)));
    all.results.back().path = artefacts.path(name);
  }
  if (options.stop_after.empty())  // else that of the last whole conversion stays
    artefacts.write(config.prefix + "_report.html",
                    report::html_page(config.prefix + " - conversion", "conversion.js",
                                      report::conversion_json(all, -1)));
  all.predicted_peak_bytes = result.predicted_peak_bytes;
  return report::conversion_json(all, 2);
}

compiler::StageRange range_of(const MakertbinOptions& options) {
  compiler::StageRange range{.resume_from = options.resume_from};
  if (options.stop_after.empty()) return range;
  if (!options.json.empty())
    fail(ErrorCode::usage, "--json belongs to a whole conversion; leave it out together with --stop-after");
  const auto found = std::ranges::find(config::kStageNames, options.stop_after);
  if (found == config::kStageNames.end())
    fail(ErrorCode::usage, "--stop-after {}: no stage has this name", options.stop_after);
  range.stop_after = static_cast<config::Stage>(found - config::kStageNames.begin());
  return range;
}

}  // namespace

int makertbin(const MakertbinOptions& options) {
  if (options.print_template) {
    std::fputs(config::configuration_template().c_str(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  report::Log log("hb_mapper", "makertbin",
                  options.quiet     ? report::Level::error
                  : options.verbose ? report::Level::debug
                                    : report::Level::info);
  const auto failed = [&](const Error& e) {
    log.error("{}", e.text());
    log.error("exception in command: makertbin");
    return e.code() == ErrorCode::usage ? 2 : 1;
  };
  try {
    log.info("log will be stored in {}", std::filesystem::absolute(log.path()).string());
    // Before the work, so that what is wrong is told at once.
    const std::string date = report::source_date();
    if (!options.json.empty()) ensure_directory(std::filesystem::path(options.json).parent_path().string());
    log.info("Start hb_mapper....\nOpenHB version {}", OPENHB_VERSION);
    config::Config config =
        options.fast_perf ? fast_perf_config(options) : config::load_config(options.config);
    if ((options.model_type == "caffe") != config.is_caffe())
      fail(ErrorCode::usage, "--model-type {} was given, but the configuration '{}' names {}",
           options.model_type, options.config,
           config.is_caffe() ? "a Caffe model (prototxt, caffe_model)" : "an ONNX model (onnx_model)");
    for (const std::string& line : ops::load_plugins(config::plugin_files(config))) log.warning("{}", line);
    if (!options.working_dir.empty()) config.working_dir = options.working_dir;
    log.info("Working dir: {}; model: {}; march: {}", config.working_dir,
             config.is_caffe() ? config.caffe_model : config.onnx_model, config.march);
    if (!options.memory_limit.empty()) config.memory_limit = compiler::parse_size(options.memory_limit);
    watch_signals();
    report::StageProgress bars(!options.quiet);
    compiler::Reporter reporter;
    reporter.info = [&](const std::string& line) { log.info("{}", line); };
    reporter.warn = [&](const std::string& line) { log.warning("{}", line); };
    reporter.progress = [&](const std::string& name, size_t done, size_t total) {
      bars.show(name, done, total);
    };
    const int threads = options.threads > 0
                            ? options.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    compiler::Artefacts artefacts(config.working_dir, config.prefix);
    const compiler::StageRange range = range_of(options);
    const auto result = compiler::convert(config, threads, reporter, artefacts, range);
    artefacts.write(options.fast_perf ? "fast_perf.yaml" : "effective_config.yaml",
                    config::effective_yaml(config));
    const std::string json = write_report(options, config, result, artefacts, date);
    artefacts.commit();
    if (std::error_code ignored; !result.checkpoint.empty())
      std::filesystem::remove(result.checkpoint, ignored);
    if (range.stop_after) {
      log.info("Stopped after stage {}; --resume-from continues from the model it wrote", options.stop_after);
      return 0;
    }
    if (const std::string why = reasons(result); !why.empty())
      log.info("These nodes run on the CPU in float:{}", why);
    log.info("The converted model node information:\n{}", node_table(result.nodes, true));
    log.info("The quantized model output:\n{}", output_table(result));
    log.info("{:.1f} M multiply-accumulates, weights {:.1f} kB, arena {:.1f} kB (lower bound {:.1f} kB)",
             static_cast<double>(result.macs) / 1e6, static_cast<double>(result.weight_bytes) / 1e3,
             static_cast<double>(result.arena_bytes) / 1e3,
             static_cast<double>(result.arena_lower_bound) / 1e3);
    log.info("The program is {}", result.bin_path);
    log.info("Convert to runtime bin file successfully!");
    log.info("Report: {}", artefacts.path(config.prefix + "_report.html"));
    log.info("End Model Convert");
    if (!options.json.empty()) write_text(options.json, json);
    return 0;
  } catch (const Error& e) {
    return failed(e);
  } catch (const Interrupted& e) {
    log.error(
        "interrupted: nothing was left half-written; what the calibration has found so far is kept in "
        "working_dir, and the same command continues there");
    log.error("exception in command: makertbin");
    return e.exit_status();
  } catch (const std::bad_alloc&) {
    return failed(
        Error(ErrorCode::resources,
              "out of memory; use fewer --threads, smaller pictures or a machine with more memory"));
  }
}

}  // namespace openhb::tools
