// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "host/tools/command_line.h"
#include "host/tools/vec_diff/vec_diff.h"

namespace {

using openhb::verify::VecDiffOrder;

const std::map<std::string, VecDiffOrder> kOrders = {
    {"order", VecDiffOrder::order},     {"name", VecDiffOrder::name},
    {"cosine", VecDiffOrder::cosine},   {"relative", VecDiffOrder::relative},
    {"max-abs", VecDiffOrder::max_abs}, {"mse", VecDiffOrder::mse}};

openhb::DType dtype_of(const std::string& word) {
  if (const auto dtype = openhb::dtype_from_name(word)) return *dtype;
  std::vector<std::string> known;
  for (const auto& info : openhb::kDTypes) known.emplace_back(info.name);
  openhb::fail(openhb::ErrorCode::usage, "--dtype: '{}' is no type of elements; they are {}.{}", word,
               fmt::join(known, ", "), openhb::suggestion(word, known));
}

// "int8" of both sides, "int8,float32" of left and right.
void set_types(const std::string& words, openhb::verify::VecDiffOptions& options) {
  if (words.empty()) return;
  const auto comma = words.find(',');
  options.left_dtype = dtype_of(words.substr(0, comma));
  options.right_dtype = comma == words.npos ? options.left_dtype : dtype_of(words.substr(comma + 1));
}

}  // namespace

int main(int argc, char** argv) {
  openhb::tools::VecDiffArguments arguments;
  CLI::App app{
      "Compares tensors: two files, or two folders whose files are matched by name. Files are .bin (float32, "
      "or what dump_index.json beside them says), .npy or .txt; kinds may be mixed."};
  app.name("vec_diff");
  app.set_version_flag("--version", OPENHB_VERSION);
  app.add_option("LEFT", arguments.compare.left, "File or folder, such as the quantized side")->required();
  app.add_option("RIGHT", arguments.compare.right, "File or folder, such as the float side")->required();
  app.add_option("-o,--output-file", arguments.output, "CSV file for the result (default vec_diff_out.csv)");
  std::string order = "order";
  std::vector<std::string> orders;
  for (const auto& [name, value] : kOrders) orders.emplace_back(name);
  app.add_option("--sort", order,
                 "Order of the table: order (default; that of dump_index.json, else names), name, or worst "
                 "first by cosine, relative, max-abs or mse")
      ->check(CLI::IsMember(orders));
  std::string types;
  app.add_option("--dtype", types,
                 "Type of the elements of .bin and .txt files, as int8, or of left and right ones, as "
                 "int8,float32; dump_index.json is not read then");
  const auto limit = [&](const char* name, std::optional<double>& value, const char* help) {
    app.add_option(name, value, help)->check(CLI::Number);
  };
  limit("--min-cosine", arguments.limits.min_cosine, "End with status 1 when a cosine similarity is lower");
  limit("--max-relative", arguments.limits.max_relative, "... when a relative Euclidean distance is larger");
  limit("--max-abs", arguments.limits.max_abs, "... when an absolute error is larger");
  limit("--max-mse", arguments.limits.max_mse, "... when a mean square error is larger");
  app.add_flag("--strict", arguments.strict, "End with status 1 when a file has no partner");
  app.add_option("--json", arguments.json, "Also write the result to this JSON file");
  app.add_flag("-v,--verbose", arguments.verbose, "Also tell where elements differ");
  app.add_flag("--quiet", arguments.quiet, "Errors only on the console");
  app.footer(
      "Examples:\n  vec_diff quantized.bin float.npy\n  vec_diff board_dump simulator_dump --sort cosine\n"
      "  vec_diff infer_quantized infer_float -o similarity.csv --min-cosine 0.99");
  const auto wrong = openhb::tools::parse_command_line(app, argc, argv, [] {});
  if (wrong) return *wrong;
  return openhb::tools::run_main([&] {
    set_types(types, arguments.compare);
    arguments.order = kOrders.at(order);
    return openhb::tools::vec_diff(arguments);
  });
}
