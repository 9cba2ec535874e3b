// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include "host/config/stage.h"
#include "host/march/march.h"
#include "host/tools/command_line.h"
#include "host/tools/hb_mapper/checker.h"
#include "host/tools/hb_mapper/infer.h"
#include "host/tools/hb_mapper/makertbin.h"

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // Large blocks (pictures, arenas, histograms) go back to the system at once: otherwise memory would grow
  // with the order in which they come.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
  CLI::App app{"Quantizes a float network, compiles it to one .bin file, and reports what it cost."};
  app.name("hb_mapper");
  app.set_version_flag("--version", OPENHB_VERSION);
  app.require_subcommand(0, 1);  // none is reported below, behind a word that is not known
  app.footer(
      "Examples:\n  hb_mapper checker --model-type onnx --march bayes --model net.onnx\n"
      "  hb_mapper makertbin -c config.yaml --model-type onnx\n"
      "  hb_mapper infer -c config.yaml --model-file model_output/net_quantized_model.onnx --model-type onnx "
      "--image-file image cat.png --output-dir results");

  openhb::tools::CheckerOptions check;
  CLI::App* checker = app.add_subcommand("checker", "Tell which nodes of a model run where, and why");
  checker->add_option("--model-type", check.model_type, "onnx or caffe")
      ->required()
      ->check(CLI::IsMember({"onnx", "caffe"}));
  std::vector<std::string> marches;
  for (const auto& row : openhb::march::kMarches) marches.emplace_back(row.name);
  checker->add_option("--march", check.march, "bayes (default) or bernoulli2")->check(CLI::IsMember(marches));
  checker->add_option("--proto", check.proto, "The .prototxt of a Caffe model");
  checker->add_option("--model", check.model, "The .onnx or .caffemodel file")->required();
  checker
      ->add_option("-i,--input-shape", check.input_shapes,
                   "Name of an input and its shape, as in: --input-shape data 1x3x224x224; once per input")
      ->take_all();
  checker->add_option("--output", check.output, "Without effect; for scripts of older versions");
  checker->add_option("--json", check.json, "Also write the result to this JSON file");
  checker->add_flag("--strict", check.strict, "End with status 1 when a node runs on the CPU");
  checker->add_flag("-v,--verbose", check.verbose, "More lines on the console");
  checker->add_flag("--quiet", check.quiet, "Errors only on the console");
  checker->footer(
      "Example:\n  hb_mapper checker --model-type onnx --march bayes --model net.onnx --input-shape data "
      "1x3x224x224");

  openhb::tools::MakertbinOptions options;
  CLI::App* makertbin = app.add_subcommand("makertbin", "Convert a model as a YAML configuration describes");
  makertbin->add_option("-c,--config", options.config, "Configuration file (YAML; docs/configuration.md)");
  makertbin->add_flag("--print-template", options.print_template,
                      "Print a configuration with comments to start from, and do nothing else");
  makertbin->add_option("--model-type", options.model_type, "onnx or caffe: the format of the model")
      ->check(CLI::IsMember({"onnx", "caffe"}));
  CLI::Option* fast = makertbin->add_flag("--fast-perf", options.fast_perf,
                                          "Without a configuration and calibration data: the fastest program "
                                          "of a model, to measure it, not to use it");
  makertbin->add_option("--model", options.model, "With --fast-perf: the .onnx or .caffemodel file")
      ->needs(fast);
  makertbin->add_option("--proto", options.proto, "With --fast-perf: the .prototxt of a Caffe model")
      ->needs(fast);
  makertbin->add_option("--march", options.march, "With --fast-perf: bayes (default)")
      ->needs(fast)
      ->check(CLI::IsMember({"bayes"}));
  makertbin
      ->add_option(
          "-i,--input-shape", options.input_shapes,
          "With --fast-perf: name of an input and its shape, as in: -i data 1x3x224x224; once per input")
      ->needs(fast)
      ->take_all();
  fast->excludes(makertbin->get_option("--config"));
  makertbin->add_option("--threads", options.threads, "Threads for calibration (default: all processors)")
      ->check(CLI::Range(1, 256));
  makertbin->add_option(
      "--memory-limit", options.memory_limit,
      "Memory that the conversion may use, such as 512M or 2G; it takes fewer samples at a time, or "
      "refuses before it starts");
  makertbin->add_option("--working-dir", options.working_dir, "Instead of working_dir of the configuration");
  std::vector<std::string> stages(openhb::config::kStageNames.begin(), openhb::config::kStageNames.end());
  makertbin
      ->add_option(
          "--stop-after", options.stop_after,
          "End after this stage: parse, optimize, calibrate, quantize or compile (without comparing results)")
      ->check(CLI::IsMember(stages));
  makertbin->add_option("--resume-from", options.resume_from,
                        "Continue from the ONNX file that a stage wrote (and somebody edited, perhaps)");
  makertbin->add_option("--json", options.json, "Also write the result tables to this JSON file");
  makertbin->add_flag("-v,--verbose", options.verbose, "More lines on the console");
  makertbin->add_flag("--quiet", options.quiet, "Errors only on the console");
  makertbin->footer(
      "Examples:\n  hb_mapper makertbin -c config.yaml --model-type onnx --json result.json\n"
      "  hb_mapper makertbin -c config.yaml --model-type onnx --stop-after calibrate\n"
      "  hb_mapper makertbin -c config.yaml --model-type onnx --resume-from "
      "model_output/net_calibrated_model.onnx\n"
      "  hb_mapper makertbin --fast-perf --model net.onnx --model-type onnx");

  openhb::tools::InferOptions inference;
  CLI::App* infer = app.add_subcommand("infer", "Run one of the ONNX files of a conversion on one sample");
  infer->add_option("-c,--config", inference.config, "The configuration of the conversion")->required();
  infer
      ->add_option("--model-file", inference.model, "One of the conversion's ONNX files, or the model itself")
      ->required();
  infer->add_option("--model-type", inference.model_type, "onnx or caffe: the format of the original model")
      ->required()
      ->check(CLI::IsMember({"onnx", "caffe"}));
  infer
      ->add_option("--image-file", inference.files,
                   "Name of an input and its file, of the kind that calibration takes (a picture, .npy, raw "
                   "array); once per input")
      ->required()
      ->take_all();
  infer->add_option("--input-layout", inference.input_layout, "Layout of the model's inputs (they know it)")
      ->check(CLI::IsMember({"NCHW", "NHWC"}));
  infer->add_option("--output-dir", inference.output_dir, "Folder for the results, NAME_float.bin")
      ->required();
  infer->add_option("--threads", inference.threads, "Threads (default: all processors)")
      ->check(CLI::Range(1, 256));
  infer->add_option("--json", inference.json, "Also write the list of results to this JSON file");
  infer->add_flag("-v,--verbose", inference.verbose, "More lines on the console");
  infer->add_flag("--quiet", inference.quiet, "Errors only on the console");
  infer->footer(
      "With layer_out_dump: True in the configuration convolutions are written, too.\nExample:\n  hb_mapper "
      "infer -c config.yaml --model-file model_output/net_quantized_model.onnx --model-type onnx "
      "--image-file "
      "image cat.png --output-dir results");
  const auto wrong = openhb::tools::parse_command_line(app, argc, argv, [&] {
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A command (checker, infer, makertbin)");
    if (*makertbin && !options.print_template)
      for (const char* needed : {"--config", "--model-type"})
        if (makertbin->count(needed) == 0 && !(options.fast_perf && needed == std::string_view("--config")))
          throw CLI::RequiredError(needed);
  });
  if (wrong) return *wrong;
  return openhb::tools::run_main([&] {
    return *checker ? openhb::tools::checker(check)
           : *infer ? openhb::tools::infer(inference)
                    : openhb::tools::makertbin(options);
  });
}
