// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_verifier/arguments.h"

namespace {

using openhb::tools::truth;

// "quanti.onnx,model.bin" in any order, or the .bin alone.
void take_models(const std::string& text, openhb::verify::VerifyOptions& options) {
  for (const std::string& file : openhb::split(text, ',')) {
    std::string& place = file.ends_with(".onnx") ? options.quantized : options.binary;
    if (!place.empty())
      throw CLI::ValidationError("--model", "'" + text + "' is not one .onnx and one .bin, or one .bin");
    place = file;
  }
  if (options.binary.empty())
    throw CLI::ValidationError("--model", "'" + text + "' names no compiled model (.bin)");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs a model as quantized ONNX, in the simulator and on boards, and compares the results.\n"
      "Exit status: 0 all comparisons passed, 1 one failed or could not be made, 2 wrong command line, 130 "
      "after "
      "Ctrl-C."};
  app.name("hb_verifier");
  app.set_version_flag("--version", OPENHB_VERSION);
  app.footer(
      "Examples:\n"
      "  hb_verifier -m net_quantized_model.onnx,net.bin -b 192.168.1.10 -s True -i cat.jpg\n"
      "  hb_verifier -m net_quantized_model.onnx,net.bin -s True -r True        (no board)\n"
      "  hb_verifier -m net.bin -b 10.0.0.2:2222,10.0.0.3 --samples 20 --push-runtime\n"
      "  hb_verifier -m net_quantized_model.onnx,net.bin -b board -s True --stages -i pictures --html "
      "result.html");
  openhb::tools::VerifierArguments arguments;
  auto& options = arguments.options;
  std::string models, simulator = "False", all = "False", bit_exact;
  app.add_option("-m,--model", models, "Quantized .onnx and .bin, separated by a comma; or the .bin alone")
      ->required();
  app.add_option("-b,--board-ip", arguments.boards,
                 "Boards to run on: name or address, with :port if it is not 22, IPv6 as [address]:port; "
                 "several are separated by commas");
  CLI::Option* run_sim =
      app.add_option("-s,--run-sim", simulator, "True: also run the .bin in the simulator on this machine")
          ->expected(0, 1);
  app.add_option(
      "-i,--input-img", options.samples.input,
      "Inputs: file1,file2 in the model's order, or name1:file1,name2:file2; pictures, .bin or .txt; "
      "folders of them are several samples. Default: random numbers");
  app.add_option("-c,--compare_digits", options.digits, "Decimal places that must agree (default: 5)")
      ->check(CLI::Range(0, 15));
  CLI::Option* dump = app.add_option("-r,--dump-all-nodes-results", all,
                                     "True: compare the results of all nodes, not only outputs")
                          ->expected(0, 1);
  CLI::Option* bits =
      app.add_option(
             "--bit-exact", bit_exact,
             "True: every comparison asks for equal bits; False: none does. Default: simulator and board "
             "among each other")
          ->expected(0, 1);
  app.add_flag("--stages", options.stages,
               "Compare all stages of the conversion, whose ONNX files lie beside the quantized one: where "
               "accuracy is lost, and what to try");
  options.reproducer_folder = "hb_verifier_reproducer";
  app.add_option(
      "--reproducer", options.reproducer_folder,
      "Folder for what is needed to see a difference in bits again (default: hb_verifier_reproducer; "
      "'': none)");
  add_common_options(app, arguments);
  const auto check = [&] {
    take_models(models, options);
    options.simulator = run_sim->count() > 0 && truth("--run-sim", simulator);
    options.all_tensors = dump->count() > 0 && truth("--dump-all-nodes-results", all);
    if (bits->count() > 0)
      options.bit_exact =
          truth("--bit-exact", bit_exact) ? openhb::verify::BitExact::all : openhb::verify::BitExact::none;
    if (options.stages && options.quantized.empty())
      throw CLI::ValidationError("--stages", "needs the quantized .onnx, too: -m quanti.onnx,model.bin");
  };
  if (const auto status = openhb::tools::parse_command_line(app, argc, argv, check)) return *status;
  openhb::tools::hide_password(argc, argv);
  return openhb::tools::run_main([&] { return openhb::tools::run_verifier(std::move(arguments)); });
}
