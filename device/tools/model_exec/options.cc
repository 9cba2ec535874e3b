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
#include "dnn/hb_dnn.h"

namespace openhb::model_exec {
namespace {

enum Modes : unsigned { kInfo = 1, kInfer = 2, kPerf = 4, kBinDump = 8 };

constexpr int kPerfFrames = 200;

struct ModeRow {
  const char* name;
  Mode mode;
  Modes bit;
};
constexpr std::array kModes = {ModeRow{"model_info", Mode::model_info, kInfo},
                               ModeRow{"infer", Mode::infer, kInfer}, ModeRow{"perf", Mode::perf, kPerf}};
constexpr ModeRow kBinDumpMode = {"hrt_bin_dump", Mode::bin_dump, kBinDump};
constexpr unsigned kRuns = kInfer | kPerf, kEverywhere = kInfo | kInfer | kPerf | kBinDump;

struct Number {
  int Options::* field;
  int low, high;
};
struct Real {
  double Options::* field;
  double low, high;
};
using Field = std::variant<std::string Options::*, bool Options::*, Number, Real>;

struct Row {
  const char* name;
  unsigned modes;  // where it has an effect
  Field field;
  const char* help;
  const char* alias = nullptr;  // another spelling that is documented
};

// The options of both tools: parsing, help and notes are read from here.
constexpr std::array kRows = {
    Row{"model_file", kEverywhere, &Options::model_file,
        "compiled models (.bin), separated by commas; required"},
    Row{"model_name", kEverywhere, &Options::model_name, "which model, when the files hold several"},
    Row{"input_file", kRuns | kBinDump, &Options::input_file,
        "one file per input (and per sample with --roi_infer: sample by sample), separated by commas: jpg, "
        "jpeg, png, bin for pictures (nv12 and gray also yuv, nv12), bin or txt for others; required but in "
        "perf, which takes random data without it"},
    Row{"core_id", kRuns, Number{&Options::core_id, 0, 2},
        "0 any, 1 or 2 a BPU core: a group of CPU threads here"},
    Row{"roi_infer", kRuns, &Options::roi_infer,
        "cut regions out of the pictures; needed when an input's source is the resizer"},
    Row{"roi", kRuns, &Options::roi,
        "regions left,top,right,bottom joined by ';', sample by sample, one per resizer input"},
    Row{"thread_num", kRuns, Number{&Options::thread_num, 1, 256},
        "1 to 8; infer: threads that share the work of one run, half of the CPUs unless given; perf: threads "
        "that each have a frame in flight"},
    Row{"frame_count", kRuns, Number{&Options::frame_count, 0, 1'000'000'000},
        "runs with the same input; infer prints their average time, 0: after one that is not timed no more; "
        "perf: 200 unless given"},
    Row{"perf_time", kPerf, Number{&Options::perf_time, 0, 60 * 24 * 365},
        "minutes to run; with it --frame_count has no effect", "per_time"},
    Row{"target_fps", kPerf, Real{&Options::target_fps, 0, 1e6},
        "frames per second to submit, as a camera does; reports those that were late or left out"},
    Row{"profile_path", kPerf, &Options::profile_path,
        "folder for profiler.log and profiler.csv (times of every step), made if missing"},
    Row{"dump_intermediate", kRuns, Number{&Options::dump_intermediate, 0, 3},
        "write the inputs and every tensor that a step produces: 0 no, 1 as bin, 2 as bin and txt, of BPU "
        "steps as they lie in memory, 3 as bin and txt, without padding and in ONNX order"},
    Row{"enable_dump", kInfer, &Options::enable_dump, "write the inputs and outputs of the model"},
    Row{"dump_format", kInfer, &Options::dump_format, "bin (raw elements) or txt"},
    Row{"dump_precision", kRuns, Number{&Options::dump_precision, 0, 64}, "decimals of floating-point text"},
    Row{"dump_path", kRuns, &Options::dump_path, "folder for dumps, made if missing"},
    Row{"hybrid_dequantize_process", kRuns, &Options::hybrid_dequantize_process,
        "dump quantized integers as real numbers (float32); outputs: of 4 dimensions only"},
    Row{"dump_txt_axis", kRuns, Number{&Options::dump_txt_axis, -1, 8},
        "end a line of text after this dimension: 0 all in one line, rank (or more, or -1) one value per "
        "line"},
    Row{"enable_cls_post_process", kInfer, &Options::enable_cls_post_process,
        "print the best class of output 0 (classification models)"},
    Row{"label_file", kInfer, &Options::label_file,
        "names of the classes, one per line, for the printed classes"},
    Row{"top_k", kInfer, Number{&Options::top_k, 1, 1000}, "how many classes to print"},
    Row{"conv_mapping_file", kBinDump, &Options::conv_mapping_file,
        "<prefix>_quantized_model_conv_output_map.json of the conversion; required"},
    Row{"conv_dump_path", kBinDump, &Options::conv_dump_path, "folder for the results, must exist; required"},
    Row{"json", kEverywhere, &Options::json, "file for everything that is printed, for programs"},
    Row{"quiet", kEverywhere, &Options::quiet, "no notes and no progress on stderr"},
    Row{"verbose", kEverywhere, &Options::verbose, "the library's log on stderr, too"},
};

constexpr const char* kExecHead =
    "hrt_model_exec {model_info|infer|perf} --option=value ...\n"
    "Shows what a compiled model (.bin) takes and gives, runs it, or measures its speed. This runtime "
    "executes\n"
    "\"BPU\" subgraphs on the CPU cores of the machine.\n";
constexpr const char* kExecExamples =
    "Examples:\n"
    "  hrt_model_exec model_info --model_file=model.bin\n"
    "  hrt_model_exec infer --model_file=model.bin --input_file=zebra.jpg --enable_cls_post_process=true "
    "--top_k=5\n"
    "  hrt_model_exec infer --model_file=model.bin --input_file=a.bin,b.txt --enable_dump=true "
    "--dump_format=txt\n"
    "  hrt_model_exec infer --model_file=roi.bin --roi_infer=true --input_file=street.jpg "
    "--roi=\"2,4,123,125\"\n"
    "  hrt_model_exec perf --model_file=model.bin --thread_num=2 --frame_count=1000\n"
    "  hrt_model_exec perf --model_file=model.bin --profile_path=.\n"
    "  hrt_model_exec perf --model_file=model.bin --target_fps=30 --perf_time=10\n";
constexpr const char* kDumpHead =
    "hrt_bin_dump --option=value ...\n"
    "Runs a model that was converted with layer_out_dump: True and writes the result of every convolution "
    "and\n"
    "every output as <layer>_float.bin, float32, as `hb_mapper infer` does.\n";
constexpr const char* kDumpExamples =
    "Example:\n"
    "  hrt_bin_dump --model_file=m.bin --conv_mapping_file=m_quantized_model_conv_output_map.json \\\n"
    "      --conv_dump_path=outputs --input_file=zebra_cls.bin\n";

// What one of the tools is.
struct ToolRow {
  Tool tool;
  const char* name;
  unsigned modes;
  const char *head, *examples;
};
constexpr std::array kTools = {
    ToolRow{Tool::model_exec, "hrt_model_exec", kInfo | kInfer | kPerf, kExecHead, kExecExamples},
    ToolRow{Tool::bin_dump, "hrt_bin_dump", kBinDump, kDumpHead, kDumpExamples}};

std::string default_text(const Field& field) {
  const Options defaults;
  if (const auto* text = std::get_if<std::string Options::*>(&field)) return defaults.*(*text);
  if (const auto* flag = std::get_if<bool Options::*>(&field)) return defaults.*(*flag) ? "true" : "false";
  if (const auto* real = std::get_if<Real>(&field)) return fmt::format("{}", defaults.*(real->field));
  return std::to_string(defaults.*(std::get<Number>(field).field));
}

std::string help(const ToolRow& tool) {
  std::string text = tool.head;
  text += "Options:\n";
  for (const Row& row : kRows) {
    if (!(row.modes & tool.modes)) continue;
    const std::string value = default_text(row.field);
    text += fmt::format("  --{:<28}{}{}\n", row.name, row.help, value.empty() ? "" : " [" + value + "]");
  }
  text += fmt::format("  {:<30}{}\n  {:<30}{}\n", "-h, --help", "this text", "-v, --version", "the version");
  return text + tool.examples;
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

double parse_real(const std::string& name, const std::string& value, const Real& real) {
  double n = 0;
  const auto result = std::from_chars(value.data(), value.data() + value.size(), n);
  if (result.ec != std::errc() || result.ptr != value.data() + value.size() ||
      !(n >= real.low && n <= real.high))
    fail(ErrorCode::usage, "--{}: '{}' is not a number from {} to {}", name, value, real.low, real.high);
  return n;
}

void assign(Options& options, const Row& row, const std::string& value) {
  if (const auto* text = std::get_if<std::string Options::*>(&row.field))
    options.*(*text) = value;
  else if (const auto* flag = std::get_if<bool Options::*>(&row.field))
    options.*(*flag) = parse_bool(row.name, value);
  else if (const auto* real = std::get_if<Real>(&row.field))
    options.*(real->field) = parse_real(row.name, value, *real);
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

// "target_fps" is also "target-fps".
std::vector<std::string> spellings(const Row& row) {
  std::vector<std::string> names = {row.name};
  if (row.alias) names.emplace_back(row.alias);
  for (size_t i = 0, count = names.size(); i < count; ++i) {
    std::string dashed = names[i];
    std::ranges::replace(dashed, '_', '-');
    if (dashed != names[i]) names.push_back(std::move(dashed));
  }
  return names;
}

// The parser would take the next word for the value that is missing in "--option=".
void check_values(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i)
    for (const Row& row : kRows)
      for (const std::string& name : spellings(row))
        if (!std::holds_alternative<bool Options::*>(row.field) && argv[i] == fmt::format("--{}=", name))
          fail(ErrorCode::usage, "--{} needs a value, as in --option=value", name);
}

void check_leftover(const ToolRow& tool, const std::vector<std::string>& words,
                    std::vector<std::string>& notes) {
  std::vector<std::string> names;
  for (const Row& row : kRows)
    if (row.modes & tool.modes) names.push_back(row.name);
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

void require(const std::string& value, const char* what) {
  if (value.empty()) fail(ErrorCode::usage, "{} is needed", what);
}

void check_dumps(const Options& options, std::vector<std::string>& notes) {
  const bool intermediate = options.dump_intermediate > 0;
  if (options.hybrid_dequantize_process && !options.enable_dump && !intermediate)
    notes.push_back("--hybrid_dequantize_process has no effect without --enable_dump");
  if (options.dump_format != "bin" && !options.enable_dump)
    notes.push_back("--dump_format has no effect without --enable_dump");
}

void check_options(Options& options, std::vector<std::string>& notes) {
  require(options.model_file, "--model_file=<model.bin>");
  if (options.dump_format != "bin" && options.dump_format != "txt")
    fail(ErrorCode::usage, "--dump_format: '{}' is neither bin nor txt", options.dump_format);
  if (options.mode == Mode::model_info) return;
  if (options.mode != Mode::perf)
    require(options.input_file, "--input_file=<file>[,<file>...], one file per input of the model,");
  if (options.mode == Mode::bin_dump) {
    require(options.conv_mapping_file, "--conv_mapping_file=<prefix>_quantized_model_conv_output_map.json");
    require(options.conv_dump_path, "--conv_dump_path=<folder>");
    return;
  }
  if (options.thread_num > 8) {
    notes.push_back("--thread_num is reduced to 8");
    options.thread_num = 8;
  }
  if (!options.roi.empty() && !options.roi_infer) notes.push_back("--roi has no effect without --roi_infer");
  check_dumps(options, notes);
}

}  // namespace

CommandLine parse_command_line(Tool which, int argc, const char* const* argv) {
  const ToolRow& tool = *std::ranges::find(kTools, which, &ToolRow::tool);
  CommandLine line;
  CLI::App app;
  std::string mode;
  bool want_help = false, want_version = false;
  std::array<std::string, kRows.size()> values;
  std::array<CLI::Option*, kRows.size()> given{};
  app.set_help_flag();
  app.allow_extras();
  if (which == Tool::model_exec) app.add_option("mode", mode);
  app.add_flag("-h,--help", want_help);
  app.add_flag("-v,--version", want_version);
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (!(kRows[i].modes & tool.modes)) continue;
    given[i] = app.add_option(fmt::format("--{}", fmt::join(spellings(kRows[i]), ",--")), values[i]);
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
  const bool nothing = which == Tool::model_exec ? mode.empty() : argc < 2;
  if (want_version)
    line.text = fmt::format("{} {} (OpenHB), libdnn {}\n", tool.name, OPENHB_VERSION, hbDNNGetVersion());
  if (want_help || (nothing && !want_version)) line.text = help(tool);
  if (!line.text.empty()) return line;

  Options options;
  const ModeRow& chosen = which == Tool::bin_dump ? kBinDumpMode : parse_mode(mode);
  options.mode = chosen.mode;
  if (options.mode == Mode::perf) options.frame_count = kPerfFrames;
  check_leftover(tool, app.remaining(), line.notes);
  const auto is_given = [&](const char* name) {
    for (size_t i = 0; i < kRows.size(); ++i)
      if (std::string_view(name) == kRows[i].name) return given[i] && !given[i]->empty();
    return false;
  };
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (!is_given(kRows[i].name)) continue;
    assign(options, kRows[i], values[i]);
    if (!(kRows[i].modes & chosen.bit))
      line.notes.push_back(fmt::format("--{} has no effect with {}", kRows[i].name, chosen.name));
  }
  if (options.mode == Mode::perf && options.frame_count == 0)
    fail(ErrorCode::usage, "--frame_count=0: without a frame there is nothing to measure");
  check_options(options, line.notes);
  options.thread_num_given = is_given("thread_num");
  if (options.mode == Mode::perf && options.perf_time > 0 && is_given("frame_count"))
    line.notes.push_back("--frame_count has no effect with --perf_time");
  line.options = options;
  return line;
}

}  // namespace openhb::model_exec
