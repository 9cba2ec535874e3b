// SPDX-License-Identifier: Apache-2.0
#include "host/config/keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/text/text.h"
#include "host/config/inputs.h"
#include "host/config/node_info.h"
#include "host/config/removable.h"

namespace openhb::config {
namespace {

template <class Enum>
using Names = std::initializer_list<std::pair<Enum, std::string_view>>;

InputKind kind_from_word(std::string_view word) {
  for (uint8_t k = 0; k <= static_cast<uint8_t>(InputKind::nv12); ++k)
    if (type_word(InputKind{k}) == word) return InputKind{k};
  fail(ErrorCode::internal, "the configuration table allows '{}', which has no meaning", word);
}
const Names<Norm> kNorms = {{Norm::none, "no_preprocess"},
                            {Norm::mean, "data_mean"},
                            {Norm::scale, "data_scale"},
                            {Norm::mean_and_scale, "data_mean_and_scale"}};
const Names<CalibrationType> kCalibrations = {
    {CalibrationType::automatic, "default"}, {CalibrationType::mix, "mix"},
    {CalibrationType::max, "max"},           {CalibrationType::kl, "kl"},
    {CalibrationType::mse, "mse"},           {CalibrationType::percentile, "percentile"},
    {CalibrationType::skip, "skip"},         {CalibrationType::load, "load"}};

template <class Enum>
Enum from_word(const Names<Enum>& names, std::string_view word) {
  for (const auto& [value, name] : names)
    if (name == word) return value;
  fail(ErrorCode::internal, "the configuration table allows '{}', which has no meaning", word);
}
template <class Enum>
std::string to_word(const Names<Enum>& names, Enum wanted) {
  for (const auto& [value, name] : names)
    if (value == wanted) return std::string(name);
  fail(ErrorCode::internal, "a configuration value has no word");
}

std::string show_boolean(bool value) { return value ? "True" : "False"; }
std::string show_numbers(const std::vector<float>& values) {
  return values.empty() ? "None" : fmt::format("{}", fmt::join(values, " "));
}
std::string show_names(const std::vector<std::string>& names, std::string_view after = "") {
  return fmt::format("{}{}", fmt::join(names, fmt::format("{}; ", after)), after);
}

std::string check_removable(const std::vector<std::string>& types) {
  std::vector<std::string> known;
  for (const auto& [word, op] : kRemovable) known.emplace_back(word);
  for (const std::string& type : types)
    if (std::ranges::find(known, type) == known.end())
      return fmt::format("'{}' cannot be removed, only: {}.{}", type, fmt::join(known, "; "),
                         suggestion(type, known));
  return "";
}

std::string check_plugins(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (file.ends_with(".py"))
      return fmt::format(
          "'{}' is a Python file, and there is no Python at run time here, on the board least of all; write "
          "the "
          "operator in C or C++ as a plug-in (.so), see docs/custom-operators.md and examples/custom_op",
          file);
    if (!file.ends_with(".so"))
      return fmt::format("'{}' is no plug-in; their names end in .so (docs/custom-operators.md)", file);
  }
  return "";
}

using C = Config;
using I = InputConfig;
using V = Value;

// clang-format off
const Key kKeys[] = {
  {.group = Group::model, .name = "onnx_model", .type = Type::path,
   .help = "The float ONNX model. Either this is required, or `prototxt` and `caffe_model` are.",
   .start = "model.onnx",
   .set = [](C& c, const V& v) { c.onnx_model = v.text; }, .show = [](const C& c) { return c.onnx_model; }},
  {.group = Group::model, .name = "prototxt", .type = Type::path,
   .help = "The structure of a Caffe model.",
   .set = [](C& c, const V& v) { c.prototxt = v.text; }, .show = [](const C& c) { return c.prototxt; }},
  {.group = Group::model, .name = "caffe_model", .type = Type::path,
   .help = "The weights of a Caffe model.",
   .set = [](C& c, const V& v) { c.caffe_model = v.text; }, .show = [](const C& c) { return c.caffe_model; }},
  {.group = Group::model, .name = "march", .type = Type::text, .required = true, .since = Stage::calibrate, .values = "bayes", .later = "bernoulli2",
   .help = "The architecture to compile for.",
   .set = [](C& c, const V& v) { c.march = v.text; }, .show = [](const C& c) { return c.march; }},
  {.group = Group::model, .name = "output_model_file_prefix", .type = Type::text, .since = Stage::compile, .fallback = "model",
   .help = "Names of all results begin with this.",
   .set = [](C& c, const V& v) { c.prefix = v.text; }, .show = [](const C& c) { return c.prefix; }},
  {.group = Group::model, .name = "working_dir", .type = Type::path, .fallback = "model_output",
   .help = "The folder for all results, relative to the current directory; made when it is missing.",
   .set = [](C& c, const V& v) { c.working_dir = v.text; }, .show = [](const C& c) { return c.working_dir; }},
  {.group = Group::model, .name = "layer_out_dump", .type = Type::boolean, .since = Stage::compile, .fallback = "False",
   .help = "What convolutions hand on (with the activation that is part of their step) becomes further outputs of the "
           "program, as floats, listed in `<prefix>_quantized_model_conv_output_map.json`. More memory, more time, the "
           "same numbers. Not with `input_source: resizer`.",
   .set = [](C& c, const V& v) { c.layer_out_dump = v.boolean; },
   .show = [](const C& c) { return show_boolean(c.layer_out_dump); }},
  {.group = Group::model, .name = "output_nodes", .type = Type::names,
   .help = "Exactly these nodes become the outputs.",
   .set = [](C& c, const V& v) { c.output_nodes = v.names; }, .show = [](const C& c) { return show_names(c.output_nodes); }},
  {.group = Group::model, .name = "remove_node_type", .type = Type::names,
   .help = "Types of nodes to remove, one type after the other: any of `Quantize; Transpose; Dequantize; Cast; Reshape; "
           "Softmax`. A node goes only when at that moment it stands at an input (which keeps its name and becomes what the "
           "node made of it) or at an output (what the node read becomes the output, under its own name), and nobody else "
           "reads that tensor; so the order matters. The log lists what went, and why other nodes of the types stay.",
   .check = [](V& v) { return check_removable(v.names); },
   .set = [](C& c, const V& v) { c.remove_node_types = v.names; },
   .show = [](const C& c) { return show_names(c.remove_node_types); }},
  {.group = Group::model, .name = "remove_node_name", .type = Type::names,
   .help = "Nodes to remove, by name, in this order, behind those of `remove_node_type` and under the same conditions.",
   .set = [](C& c, const V& v) { c.remove_node_names = v.names; },
   .show = [](const C& c) { return show_names(c.remove_node_names); }},
  {.group = Group::model, .name = "set_node_data_type", .type = Type::names, .since = Stage::calibrate,
   .help = "Nodes with int16 outputs, as `name:int16`, as far as the nodes that read them take int16.",
   .check = [](V& v) { return parse_node_types(std::exchange(v.names, {}), v.names); },
   .set = [](C& c, const V& v) { c.int16_nodes = v.names; },
   .show = [](const C& c) { return c.int16_nodes.empty() ? "" : show_names(c.int16_nodes, ":int16"); }},
  {.group = Group::model, .name = "debug_mode", .type = Type::text, .since = Stage::compile,
   .values = "dump_calibration_data",
   .help = "`dump_calibration_data` writes every calibration sample as the network takes it (after colour conversion, "
           "mean and scale) to `calibration_data/<input>/<i>.npy` in `working_dir`.",
   .set = [](C& c, const V& v) { c.dump_calibration = !v.text.empty(); },
   .show = [](const C& c) { return std::string(c.dump_calibration ? "dump_calibration_data" : ""); }},
  {.group = Group::model, .name = "node_info", .type = Type::node_info, .since = Stage::calibrate,
   .help = "Place and data type of single nodes: a map such as `{'conv_1': {'ON': 'BPU', 'InputType': 'int16', "
           "'OutputType': 'int16'}}` (`InputType0`, ...: one input), or `conv_1:int16;add_2:int16` for outputs. A tensor "
           "becomes int16 when all integer nodes that touch it take int16; otherwise it stays int8 and the log says why.",
   .set = [](C& c, const V& v) { c.node_info = v.nodes; },
   .show = [](const C& c) { return show_node_info(c.node_info); }},

  {.group = Group::input, .name = "input_name", .type = Type::text, .per_input = true,
   .help = "Names of the model's inputs; may be left out for a single input.",
   .set_input = [](I& i, const V& v) { i.name = v.text; }, .show_input = [](const I& i) { return i.name; }},
  {.group = Group::input, .name = "input_type_train", .type = Type::text, .per_input = true, .required = true,
   .values = "rgb bgr gray yuv444 featuremap",
   .help = "What the model was trained on. `yuv444` is BT.601 of the full range. Calibration samples are of this type.",
   .set_input = [](I& i, const V& v) { i.kind_train = kind_from_word(v.text); },
   .show_input = [](const I& i) { return std::string(type_word(i.kind_train)); }},
  {.group = Group::input, .name = "input_layout_train", .type = Type::text, .per_input = true, .required = true,
   .values = "NCHW NHWC", .help = "The layout of the model's input.",
   .set_input = [](I& i, const V& v) { i.nhwc_train = v.text == "NHWC"; },
   .show_input = [](const I& i) { return std::string(i.nhwc_train ? "NHWC" : "NCHW"); }},
  {.group = Group::input, .name = "input_type_rt", .type = Type::text, .per_input = true, .required = true,
   .values = "rgb bgr gray yuv444 nv12 featuremap",
   .help = "What the program is given when it runs. A model trained on `rgb` or `bgr` takes `nv12`, `yuv444`, `rgb` and "
           "`bgr`, one trained on `yuv444` takes `nv12` and `yuv444`; `gray` and `featuremap` take only themselves. The "
           "colours are converted in the program (numerics.md). `nv12` needs even height and width. For grey pictures "
           "from nv12 hardware set both types to `gray` and pass the luma plane alone.",
   .set_input = [](I& i, const V& v) { i.kind_rt = kind_from_word(v.text); },
   .show_input = [](const I& i) { return std::string(type_word(i.kind_rt)); }},
  {.group = Group::input, .name = "input_layout_rt", .type = Type::text, .per_input = true, .since = Stage::compile, .values = "NCHW NHWC",
   .help = "The layout that the program is given when it runs. Default: `NHWC`; for a featuremap as "
           "`input_layout_train` (one of other than 4 dimensions has no layout). The bytes of `nv12` have one order only: "
           "there it has no effect, and the log says so.",
   .set_input = [](I& i, const V& v) { i.nhwc_rt = v.text == "NHWC"; },
   .show_input = [](const I& i) {
     return i.kind_rt == InputKind::nv12 ? std::string() : std::string(i.nhwc_rt ? "NHWC" : "NCHW");
   }},
  {.group = Group::input, .name = "input_space_and_range", .type = Type::text, .per_input = true, .fallback = "regular",
   .values = "regular bt601_video",
   .help = "The range of nv12 data: `regular` is 0 to 255, `bt601_video` 16 to 235 (chroma to 240). `bt601_video` needs "
           "`input_type_rt: nv12` and a model trained on `rgb` or `bgr`.",
   .set_input = [](I& i, const V& v) { i.bt601_video = v.text == "bt601_video"; },
   .show_input = [](const I& i) { return std::string(i.bt601_video ? "bt601_video" : "regular"); }},
  {.group = Group::input, .name = "input_shape", .type = Type::shape, .per_input = true,
   .help = "Shapes such as `1x3x224x224`, in the model's layout; needed for models with open dimensions (a first one "
           "that is open is 1 without).",
   .set_input = [](I& i, const V& v) { i.shape = v.shape; },
   .show_input = [](const I& i) { return i.shape ? to_string(*i.shape) : std::string(); }},
  {.group = Group::input, .name = "input_batch", .type = Type::integer, .since = Stage::compile, .fallback = "1",
   .help = "Batch of the program, of all its inputs; the ONNX files keep theirs, and calibration samples stay single. "
           "Every input's first dimension must be 1, and no node may mix what is along it: the conversion checks that on "
           "random data and names the node otherwise.",
   .least = 1, .most = 4096,
   .set = [](C& c, const V& v) { c.input_batch = static_cast<int64_t>(v.number); },
   .show = [](const C& c) { return std::to_string(c.input_batch); }},
  {.group = Group::input, .name = "norm_type", .type = Type::text, .per_input = true, .fallback = "no_preprocess",
   .values = "no_preprocess data_mean data_scale data_mean_and_scale",
   .help = "What becomes part of the program: `(data - mean) * scale`, one of the two, or nothing.",
   .set_input = [](I& i, const V& v) { i.norm = from_word(kNorms, v.text); },
   .show_input = [](const I& i) { return to_word(kNorms, i.norm); }},
  {.group = Group::input, .name = "mean_value", .type = Type::numbers, .per_input = true, .fallback = "None",
   .help = "One number, or one per channel separated by blanks. Needed with `data_mean` and `data_mean_and_scale`.",
   .set_input = [](I& i, const V& v) { i.mean = v.numbers; },
   .show_input = [](const I& i) { return show_numbers(i.mean); }},
  {.group = Group::input, .name = "scale_value", .type = Type::numbers, .per_input = true, .fallback = "None",
   .help = "As `mean_value`; for `data_scale` and `data_mean_and_scale`. Not 0.",
   .set_input = [](I& i, const V& v) { i.scale = v.numbers; },
   .show_input = [](const I& i) { return show_numbers(i.scale); }},

  {.group = Group::calibration, .name = "cal_data_dir", .type = Type::path, .per_input = true,
   .help = "Folders with one file per sample; needed unless `calibration_type` is `skip` or `load`.",
   .start = "./calibration_data",
   .set_input = [](I& i, const V& v) { i.cal_dir = v.text; }, .show_input = [](const I& i) { return i.cal_dir; }},
  {.group = Group::calibration, .name = "cal_data_type", .type = Type::text, .per_input = true,
   .values = "float32 uint8 int32 int16 int8",
   .help = "Element type of raw files. Default: float32 when the folder's name ends in `_f32` (or, with a notice, "
           "contains `f32`), else uint8. Pictures and .npy files need none.",
   .set_input = [](I& i, const V& v) { i.cal_dtype = dtype_from_name(v.text); },
   .show_input = [](const I& i) { return i.cal_dtype ? std::string(dtype_name(*i.cal_dtype)) : std::string(); }},
  {.group = Group::calibration, .name = "preprocess_on", .type = Type::boolean, .fallback = "False",
   .help = "The folders hold JPEG, PNG or BMP pictures, which are resized and reordered. Picture inputs only.",
   .start = "True",
   .set = [](C& c, const V& v) { c.preprocess_on = v.boolean; },
   .show = [](const C& c) { return show_boolean(c.preprocess_on); }},
  {.group = Group::calibration, .name = "calibration_type", .type = Type::text, .fallback = "default",
   .values = "default mix max kl mse percentile skip load",
   .help = "How ranges are chosen (calibration.md). `default`: the best of several methods for the whole network. `mix`: kl, "
           "and for each tensor whose cosine is below 0.999 the best of kl, max and max-percentile. `skip`: random data, only to measure speed. `load`: the "
           "model is quantized already (QuantizeLinear and DequantizeLinear, or QLinear operators); exactly its "
           "scales are used, no data is needed.",
   .set = [](C& c, const V& v) { c.calibration = from_word(kCalibrations, v.text); },
   .show = [](const C& c) { return to_word(kCalibrations, c.calibration); }},
  {.group = Group::calibration, .name = "max_percentile", .type = Type::number, .fallback = "1.0",
   .help = "The share of values that `max` and `percentile` keep, such as 0.99995. Needed with `percentile`.",
   .least = 0.5, .most = 1.0,
   .set = [](C& c, const V& v) { c.max_percentile = v.number; },
   .show = [](const C& c) { return fmt::format("{}", c.max_percentile); }},
  {.group = Group::calibration, .name = "per_channel", .type = Type::boolean, .fallback = "False",
   .help = "Ranges of their own for the channels of tensors between convolutions (or Gemm; a Relu or LeakyRelu may stand "
           "between): channels are multiplied by powers of two where they are written and divided where they are read, which "
           "changes no float result. Other tensors keep one range. No effect with `calibration_type` `default` and `mix`, and "
           "the log says so.",
   .set = [](C& c, const V& v) { c.per_channel = v.boolean; },
   .show = [](const C& c) { return show_boolean(c.per_channel); }},
  {.group = Group::calibration, .name = "run_on_cpu", .type = Type::names,
   .help = "Nodes that stay in float on the CPU.",
   .set = [](C& c, const V& v) { c.run_on_cpu = v.names; }, .show = [](const C& c) { return show_names(c.run_on_cpu); }},
  {.group = Group::calibration, .name = "run_on_bpu", .type = Type::names,
   .help = "Nodes that must become integer steps.",
   .set = [](C& c, const V& v) { c.run_on_bpu = v.names; }, .show = [](const C& c) { return show_names(c.run_on_bpu); }},
  {.group = Group::calibration, .name = "optimization", .type = Type::options,
   .values = "set_all_nodes_int16 set_{NodeKind}_input_int16 set_{NodeKind}_output_int16 set_Softmax_input_int8 "
             "set_Softmax_output_int8 set_model_output_int8 set_model_output_int16 asymmetric bias_correction "
             "lstm_batch_last",
   .help = "Options of the quantizer, separated by `,`. `{NodeKind}` is an ONNX operator type such as `Conv`; its nodes get "
           "int16 as `node_info` does it. `set_Softmax_input_int8`, `set_Softmax_output_int8`: every Softmax becomes an "
           "integer step where its shape allows it. `set_model_output_int8`, `set_model_output_int16`: outputs are codes with scale "
           "and zero point instead of float32. `asymmetric`: try symmetric ranges as well as the usual ones with a zero "
           "point and keep the better. `bias_correction`: correct biases for the rounding of weights where that brings the "
           "outputs nearer to float (`default` and `mix` try it anyway). `lstm_batch_last`: no effect here, and the log says "
           "so: LSTM runs in float on the CPU, where the batch's position costs nothing.",
   .set = [](C& c, const V& v) { c.optimization = v.names; },
   .show = [](const C& c) { return fmt::format("{}", fmt::join(c.optimization, ", ")); }},

  {.group = Group::compiler, .name = "compile_mode", .type = Type::text, .fallback = "latency",
   .values = "latency bandwidth balance",
   .help = "What memory plans are judged by from `O2` on: `latency` the estimated time (1 % of it outweighs 19 % of memory), "
           "`bandwidth` the memory that one frame walks through (the arena; what is small stays in the caches), `balance` both. "
           "The steps are the same.",
   .set = [](C& c, const V& v) { c.compile_mode = v.text; }, .show = [](const C& c) { return c.compile_mode; }},
  {.group = Group::compiler, .name = "balance_factor", .type = Type::integer,
   .help = "For `compile_mode: balance`, which needs it: from 0, as `bandwidth`, to 100, as `latency`. Without effect in "
           "other modes; the log says so.", .least = 0, .most = 100,
   .set = [](C& c, const V& v) { c.balance_factor = static_cast<int>(v.number); },
   .show = [](const C& c) { return c.balance_factor ? std::to_string(*c.balance_factor) : std::string(); }},
  {.group = Group::compiler, .name = "debug", .type = Type::boolean, .fallback = "True",
   .help = "Estimated costs of every layer are kept in the program (property `layer_costs`, bin-format.md).",
   .set = [](C& c, const V& v) { c.debug = v.boolean; }, .show = [](const C& c) { return show_boolean(c.debug); }},
  {.group = Group::compiler, .name = "core_num", .type = Type::integer, .fallback = "1",
   .help = "Cores that one inference is compiled for. This march has 1; the number of threads is chosen when a program runs.",
   .least = 1, .most = 2,
   .check = [](V& v) { return std::string(v.number == 1 ? "" : "this march runs one inference on 1 core"); },
   .set = [](C&, const V&) {}, .show = [](const C&) { return std::string("1"); }},
  {.group = Group::compiler, .name = "optimize_level", .type = Type::text, .fallback = "O0", .values = "O0 O1 O2 O3",
   .help = "How much the compiler does; the numbers that a program computes are the same. `O0`: the steps of every node, one "
           "memory plan. `O1`: functions of one code become tables, copies vanish, steps share memory. `O2`: several memory "
           "plans are compared (`compile_mode`); steps that can run strip by strip in the nearest cache are kept apart. "
           "`O3`: thousands of plans and orders of steps are searched; the result is remembered in `cache.json` and used "
           "again while the model, the options, the tool and the .bin file are the same. Below `O2` the log says what "
           "`O2` would save.",
   .start = "O2",
   .set = [](C& c, const V& v) { c.optimize_level = v.text; }, .show = [](const C& c) { return c.optimize_level; }},
  {.group = Group::compiler, .name = "input_source", .type = Type::anything,
   .help = "Where a runtime takes inputs from, as a map such as `{'image': 'pyramid'}` of `ddr` (memory), `pyramid` (the "
           "camera's pictures) and `resizer` (regions of larger pictures). Default: `pyramid` for nv12 and gray, `ddr` for "
           "others, which can have no other. Stored in the program; the numbers are the same. Not `resizer` with "
           "`layer_out_dump`.",
   .check = [](V& v) { std::map<std::string, InputSource> sources; return parse_input_source(v.text, sources); },
   .set = [](C& c, const V& v) { parse_input_source(v.text, c.input_sources); },
   .show = show_input_source},
  {.group = Group::compiler, .name = "max_time_per_fc", .type = Type::integer, .fallback = "0",
   .help = "0, or from 1000 on: the longest estimated time in microseconds between two points where a runtime may let "
           "something more urgent run; the points are kept in the program (property `preemption_points`, bin-format.md). A "
           "step that takes longer by itself is not divided.",
   .least = 0, .most = 4294967295.0,
   .check = [](V& v) { return std::string(v.number == 0 || v.number >= 1000 ? "" : "it must be 0 or at least 1000"); },
   .set = [](C& c, const V& v) { c.max_time_per_fc = static_cast<uint32_t>(v.number); },
   .show = [](const C& c) { return std::to_string(c.max_time_per_fc); }},
  {.group = Group::compiler, .name = "jobs", .type = Type::integer,
   .help = "Threads of the search of `O3`, at most the machine's cores; the result does not depend on them. Default: "
           "`--threads`.", .least = 1, .most = 1024,
   .set = [](C& c, const V& v) { c.jobs = static_cast<int>(v.number); },
   .show = [](const C& c) { return c.jobs ? std::to_string(*c.jobs) : std::string(); }},
  {.group = Group::compiler, .name = "advice", .type = Type::integer, .fallback = "0",
   .help = "Microseconds: the log names each step that is estimated to take more than so much longer than its theoretical "
           "time (benchmarks.md), with its shapes before and after alignment and the share of padding. 0: none.",
   .least = 0, .most = 4294967295.0,
   .set = [](C& c, const V& v) { c.advice = static_cast<uint32_t>(v.number); },
   .show = [](const C& c) { return std::to_string(c.advice); }},

  {.group = Group::custom_op, .name = "custom_op_method", .type = Type::text, .since = Stage::parse,
   .fallback = "register", .values = "register",
   .help = "`register`: nodes that OpenHB has no operator for are those of `op_register_files` and of the folders in the "
           "environment variable `HB_DNN_PLUGIN_PATH` (custom-operators.md).",
   .set = [](C& c, const V& v) { c.custom_op_method = v.text; }, .show = [](const C& c) { return c.custom_op_method; }},
  {.group = Group::custom_op, .name = "op_register_files", .type = Type::names, .since = Stage::parse,
   .help = "Plug-ins (`.so`) that bring operators. Python files are refused: there is no Python at run time here.",
   .check = [](V& v) { return check_plugins(v.names); },
   .set = [](C& c, const V& v) { c.op_register_files = v.names; },
   .show = [](const C& c) { return show_names(c.op_register_files); }},
  {.group = Group::custom_op, .name = "custom_op_dir", .type = Type::path,
   .help = "The folder of these files, relative to the configuration file or the current folder, as other paths. Default: "
           "that of the configuration file, or the current one. Without effect when there are none.",
   .set = [](C& c, const V& v) { c.custom_op_dir = v.text; }, .show = [](const C& c) { return c.custom_op_dir; }},
};
// clang-format on

constexpr std::array<std::string_view, 11> kTypeNames = {"text",   "path",         "True/False", "integer",
                                                         "number", "names",        "shape",      "numbers",
                                                         "any",    "map or names", "options"};

}  // namespace

std::span<const Key> keys() { return kKeys; }

Stage stage_of(const Key& key) {
  if (key.since) return *key.since;
  return key.group == Group::calibration ? Stage::calibrate
         : key.group == Group::compiler  ? Stage::compile
                                         : Stage::parse;
}

std::string_view type_name(const Key& key) { return kTypeNames[static_cast<size_t>(key.type)]; }

std::vector<std::string> words(std::string_view text) { return split(text, ' '); }

}  // namespace openhb::config
