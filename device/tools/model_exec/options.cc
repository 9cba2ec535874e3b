// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <variant>

#include "common/error.h"
#include "common/text/text.h"

namespace openhb::model_exec {
namespace {

enum Modes : unsigned { kInfo = 1, kInfer = 2, kPerf = 4 };

constexpr int kPerfFrames = 200;

struct ModeRow {
  const char* name;
  Mode mode;
  Modes bit;
};
constexpr std::array kModes = {ModeRow{"model_info", Mode::model_info, kInfo},
                               ModeRow{"infer", Mode::infer, kInfer}, ModeRow{"perf", Mode::perf, kPerf}};

struct Number {
  int Options::* field;
  int low, high;
};
using Field = std::variant<std::string Options::*, bool Options::*, Number>;

struct Row {
  const char* name;
  unsigned modes;  // where it has an effect
  Field field;
  const char* help;
};

// The options: parsing, help and notes are read from here.
constexpr std::array kRows = {
    Row{"model_file", kInfo | kInfer | kPerf, &Options::model_file,
        "compiled models (.bin), separated by commas; required"},
    Row{"model_name", kInfo | kInfer | kPerf, &Options::model_name,
        "which model, when the files hold several"},
    Row{"input_file", kInfer, &Options::input_file,
        "one file per input, separated by commas: jpg, jpeg, png or bin for pictures, bin or txt for others; "
        "required"},
    Row{"core_id", kInfer | kPerf, Number{&Options::core_id, 0, 2},
        "0 any, 1 or 2 a BPU core (no effect: CPU cores are used)"},
    Row{"thread_num", kInfer | kPerf, Number{&Options::thread_num, 1, 256},
        "1 to 8; infer: threads that share the work of one run; perf: frames that run at the same time, one "
        "thread "
        "each"},
    Row{"frame_count", kInfer | kPerf, Number{&Options::frame_count, 1, 1'000'000'000},
        "runs with the same input; infer prints their average time; perf: 200 unless given"},
    Row{"perf_time", kPerf, Number{&Options::perf_time, 0, 60 * 24 * 365},
        "minutes to run; with it --frame_count has no effect"},
    Row{"profile_path", kPerf, &Options::profile_path,
        "folder for profiler.log and profiler.csv (times of every step), made if missing; also prints the "
        "slowest "
        "steps"},
    Row{"dump_intermediate", kInfer, Number{&Options::dump_intermediate, 0, 3},
        "write every tensor that a step produces: 0 no, 1 as bin, 2 or 3 as bin and txt"},
    Row{"enable_dump", kInfer, &Options::enable_dump, "write the inputs and outputs of the model"},
    Row{"dump_format", kInfer, &Options::dump_format, "bin (raw elements in ONNX order) or txt"},
    Row{"dump_precision", kInfer, Number{&Options::dump_precision, 0, 64}, "decimals of floating-point text"},
    Row{"dump_path", kInfer, &Options::dump_path, "folder for dumps, made if missing"},
    Row{"hybrid_dequantize_process", kInfer, &Options::hybrid_dequantize_process,
        "dump quantized integer outputs as real numbers (float32)"},
    Row{"dump_txt_axis", kInfer, Number{&Options::dump_txt_axis, -1, 8},
        "end a line of text after this dimension: 0 all in one line, rank (or more, or -1) one value per "
        "line"},
    Row{"enable_cls_post_process", kInfer, &Options::enable_cls_post_process,
        "print the best class of output 0 (classification models)"},
    Row{"label_file", kInfer, &Options::label_file,
        "names of the classes, one per line, for the printed classes"},
    Row{"top_k", kInfer, Number{&Options::top_k, 1, 1000}, "how many classes to print"},
};

constexpr const char* kHelpHead =
    "hrt_model_exec {model_info|infer|perf} --option=value ...\n"
    "Shows what a compiled model (.bin) takes and gives, runs it once, or measures its speed. This runtime "
    "executes \"BPU\" "
    "subgraphs\n"
    "on the CPU cores of the machine.\n";
constexpr const char* kExamples =
    "Examples:\n"
    "  hrt_model_exec model_info --model_file=model.bin\n"
    "  hrt_model_exec infer --model_file=model.bin --input_file=zebra.jpg --enable_cls_post_process=true "
    "--top_k=5\n"
    "  hrt_model_exec infer --model_file=model.bin --input_file=a.bin,b.txt --enable_dump=true "
    "--dump_format=txt\n"
    "  hrt_model_exec perf --model_file=model.bin --thread_num=2 --frame_count=1000\n"
    "  hrt_model_exec perf --model_file=model.bin --profile_path=.\n";

std::string default_text(const Field& field) {
  const Options defaults;
  if (const auto* text = std::get_if<std::string Options::*>(&field)) return defaults.*(*text);
  if (const auto* flag = std::get_if<bool Options::*>(&field)) return defaults.*(*flag) ? "true" : "false";
  return std::to_string(defaults.*(std::get<Number>(field).field));
}

std::string help() {
  std::string text = kHelpHead;
  text += "Options:\n";
  for (const Row& row : kRows) {
    const std::string value = default_text(row.field);
    text += fmt::format("  --{:<28}{}{}\n", row.name, row.help, value.empty() ? "" : " [" + value + "]");
  }
  text += fmt::format("  {:<30}{}\n  {:<30}{}\n", "-h, --help", "this text", "-v, --version", "the version");
  return text + kExamples;
}

bool parse_bool(const std::string& name, const std::string& value) {
  static const std::map<std::string, bool> words = {{"", true},    {"true", true}, {"1", true},
                                                    {"yes", true}, {"on", true},   {"false", false},
                                                    {"0", false},  {"no", false},  {"off", false}};
  const auto found = words.find(value);
  if (found == words.end()) fail(ErrorCode::usage, "--{}: '{}' is neither true nor false", name, value);
  return found->second;
}

int parse_number(const std::string& name, const std::string& value, const Number& number) {
  int n = 0;
  const auto result = std::from_chars(value.data(), value.data() + value.size(), n);
  if (result.ec != std::errc() || result.ptr != value.data() + value.size() || n < number.low ||
      n > number.high)
    fail(ErrorCode::usage, "--{}: '{}' is not a number from {} to {}", name, value, number.low, number.high);
  return n;
}

void assign(Options& options, const Row& row, const std::string& value) {
  if (const auto* text = std::get_if<std::string Options::*>(&row.field))
    options.*(*text) = value;
  else if (const auto* flag = std::get_if<bool Options::*>(&row.field))
    options.*(*flag) = parse_bool(row.name, value);
  else
    options.*(std::get<Number>(row.field).field) = parse_number(row.name, value, std::get<Number>(row.field));
}

const ModeRow& parse_mode(const std::string& word) {
  std::vector<std::string> names;
  for (const ModeRow& row : kModes) {
    if (word == row.name) return row;
    names.emplace_back(row.name);
  }
  fail(ErrorCode::usage, "'{}' is not a mode; use {} (--help shows more).{}", word, fmt::join(names, ", "),
       suggestion(word, names));
}

// The parser would take the next word for the value that is missing in "--option=".
void check_values(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i)
    for (const Row& row : kRows)
      if (!std::holds_alternative<bool Options::*>(row.field) && argv[i] == fmt::format("--{}=", row.name))
        fail(ErrorCode::usage, "--{} needs a value, as in --option=value", row.name);
}

void check_leftover(const std::vector<std::string>& words, std::vector<std::string>& notes) {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.push_back(row.name);
  for (const std::string& word : words) {
    if (!word.starts_with('-')) {
      notes.push_back(fmt::format("the word '{}' has no effect", word));
      continue;
    }
    const size_t start = word.find_first_not_of('-');
    const std::string name = start == std::string::npos ? "" : word.substr(start, word.find('=') - start);
    fail(ErrorCode::usage, "option '{}' is not known; --help lists all.{}", word, suggestion(name, names));
  }
}

void check_options(Options& options, std::vector<std::string>& notes) {
  if (options.model_file.empty()) fail(ErrorCode::usage, "--model_file=<model.bin> is needed");
  if (options.dump_format != "bin" && options.dump_format != "txt")
    fail(ErrorCode::usage, "--dump_format: '{}' is neither bin nor txt", options.dump_format);
  if (options.mode == Mode::model_info) return;
  if (options.mode == Mode::infer && options.input_file.empty())
    fail(ErrorCode::usage, "--input_file=<file>[,<file>...] is needed, one file per input of the model");
  if (options.core_id != 0) notes.push_back("--core_id has no effect: this runtime uses the CPU cores");
  if (options.thread_num > 8) {
    notes.push_back("--thread_num is reduced to 8");
    options.thread_num = 8;
  }
  if (options.enable_dump || options.mode != Mode::infer) return;
  if (options.hybrid_dequantize_process && options.dump_intermediate == 0)
    notes.push_back("--hybrid_dequantize_process has no effect without --enable_dump");
  if (options.dump_format != "bin") notes.push_back("--dump_format has no effect without --enable_dump");
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app;
  std::string mode;
  bool want_help = false, want_version = false;
  std::array<std::string, kRows.size()> values;
  std::array<CLI::Option*, kRows.size()> given{};
  app.set_help_flag();
  app.allow_extras();
  app.add_option("mode", mode);
  app.add_flag("-h,--help", want_help);
  app.add_flag("-v,--version", want_version);
  for (size_t i = 0; i < kRows.size(); ++i) {
    given[i] = app.add_option(std::string("--") + kRows[i].name, values[i]);
    given[i]->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    if (std::holds_alternative<bool Options::*>(kRows[i].field)) given[i]->expected(0, 1);
  }
  check_values(argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string_view what = e.what();
    fail(ErrorCode::usage, "{} needs a value, as in --option=value", what.substr(0, what.find(':')));
  } catch (const CLI::ParseError& e) {
    fail(ErrorCode::usage, "{}", e.what());
  }
  if (want_version) line.text = "hrt_model_exec " OPENHB_VERSION " (OpenHB)\n";
  if (want_help || (mode.empty() && !want_version)) line.text = help();
  if (!line.text.empty()) return line;

  Options options;
  const ModeRow& chosen = parse_mode(mode);
  options.mode = chosen.mode;
  if (options.mode == Mode::perf) options.frame_count = kPerfFrames;
  check_leftover(app.remaining(), line.notes);
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (given[i]->empty()) continue;
    assign(options, kRows[i], values[i]);
    if (!(kRows[i].modes & chosen.bit))
      line.notes.push_back(fmt::format("--{} has no effect with {}", kRows[i].name, mode));
  }
  check_options(options, line.notes);
  const auto is_given = [&](const char* name) {
    for (size_t i = 0; i < kRows.size(); ++i)
      if (std::string_view(name) == kRows[i].name) return !given[i]->empty();
    return false;
  };
  if (options.mode == Mode::perf && options.perf_time > 0 && is_given("frame_count"))
    line.notes.push_back("--frame_count has no effect with --perf_time");
  line.options = options;
  return line;
}

}  // namespace openhb::model_exec
