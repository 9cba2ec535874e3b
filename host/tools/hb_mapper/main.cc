// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "common/error.h"
#include "host/tools/hb_mapper/makertbin.h"

int main(int argc, char** argv) {
  CLI::App app{"Quantizes a float network, compiles it to one .bin file, and reports what it cost."};
  app.name("hb_mapper");
  app.set_version_flag("--version", OPENHB_VERSION);
  app.require_subcommand(1);
  app.footer("Example:\n  hb_mapper makertbin -c config.yaml --model-type onnx");

  openhb::tools::MakertbinOptions options;
  CLI::App* makertbin = app.add_subcommand("makertbin", "Convert a model as a YAML configuration describes");
  makertbin->add_option("-c,--config", options.config, "Configuration file (YAML; docs/configuration.md)")->required();
  makertbin->add_option("--model-type", options.model_type, "onnx")->required()->check(CLI::IsMember({"onnx", "caffe"}));
  makertbin->add_option("--threads", options.threads, "Threads for calibration (default: all processors)")
      ->check(CLI::Range(1, 256));
  makertbin->add_option("--working-dir", options.working_dir, "Instead of working_dir of the configuration");
  makertbin->add_option("--json", options.json, "Also write the result tables to this JSON file");
  makertbin->add_flag("-v,--verbose", options.verbose, "More lines on the console");
  makertbin->add_flag("--quiet", options.quiet, "Errors only on the console");
  makertbin->footer("Example:\n  hb_mapper makertbin -c config.yaml --model-type onnx --json result.json");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    return openhb::tools::makertbin(options);
  } catch (const openhb::Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
    return e.code() == openhb::ErrorCode::usage ? 2 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "OHB-0001: internal error: %s; please report it with the command you ran\n", e.what());
    return 1;
  }
}
