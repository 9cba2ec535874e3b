// SPDX-License-Identifier: Apache-2.0
// The older interface: one input, the first output, three sides. hb_verifier does more.
#include "host/tools/hb_verifier/arguments.h"

int main(int argc, char** argv) {
  CLI::App app{
      "Compares the first output of a quantized ONNX model, of its .bin in the simulator and on a board. For "
      "models of "
      "one input; hb_verifier takes any."};
  app.name("hb_model_verifier");
  app.set_version_flag("--version", OPENHB_VERSION);
  app.footer(
      "Example:\n  hb_model_verifier -q net_quantized_model.onnx -b net.bin -a 192.168.1.10 -i cat.jpg -d 3");
  openhb::tools::VerifierArguments arguments;
  auto& options = arguments.options;
  options.tool = "hb_model_verifier";
  options.simulator = true;
  options.first_output = true;
  app.add_option("-q,--quanti_model", options.quantized, "Quantized .onnx")->required();
  app.add_option("-b,--bin_model", options.binary, "Compiled .bin")->required();
  app.add_option(
      "-a,--arm-board-ip", arguments.boards,
      "The board: name or address, with :port if it is not 22. Without it: ONNX and simulator only");
  app.add_option("-i,--input-img", options.samples.input, "A picture, .bin or .txt. Default: random numbers");
  app.add_option("-d,--compare_digits", options.digits, "Decimal places that must agree (default: 5)")
      ->check(CLI::Range(0, 15));
  add_common_options(app, arguments);
  if (const auto status = openhb::tools::parse_command_line(app, argc, argv, [] {})) return *status;
  openhb::tools::hide_password(argc, argv);
  return openhb::tools::run_main([&] { return openhb::tools::run_verifier(std::move(arguments)); });
}
