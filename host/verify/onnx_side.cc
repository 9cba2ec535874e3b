// SPDX-License-Identifier: Apache-2.0
// The ONNX files of a conversion. A quantized model that carries hb_mapper's notes runs in integers, as
// docs/numerics.md defines them, with the portable kernels and one step per node: no tables, no shared
// memory, no SIMD, so that it checks the compiler and the kernels of the .bin bit for bit. Other files are
// evaluated as ONNX defines them.
#include <algorithm>
#include <chrono>

#include "common/image/yuv.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "common/program/pack.h"
#include "common/text/text.h"
#include "device/dnn/dump.h"
#include "device/dnn/tensor_file.h"
#include "host/compiler/batch.h"
#include "host/compiler/build.h"
#include "host/compiler/evaluate.h"
#include "host/compiler/sample.h"
#include "host/compiler/stage_file.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"
#include "host/verify/side.h"

namespace openhb::verify {
namespace {

// The inputs of the compiled model.
struct BinInputs {
  std::vector<ProgramInput> inputs;
  std::vector<TensorDesc> descs;
  int64_t batch = 1;

  std::vector<std::string> pictures() const {
    std::vector<std::string> names;
    for (const ProgramInput& in : inputs)
      if (in.kind != InputKind::featuremap) names.push_back(in.name);
    return names;
  }
};

BinInputs inputs_of(const std::string& model_file, const std::string& model_name) {
  for (const Program& program : read_programs(model_file)) {
    if (!model_name.empty() && program.name != model_name) continue;
    BinInputs bin;
    bin.inputs = program.inputs;
    for (const ProgramInput& in : program.inputs) bin.descs.push_back(program.tensors[in.tensor]);
    return bin;
  }
  fail(ErrorCode::usage, "'{}' holds no model '{}'", model_file, model_name);
}

// "NCHW" or "NHWC" of input `i` as it was configured; "" where nothing tells.
std::string layout_of(const std::map<std::string, std::string>& settings, size_t i) {
  const auto it = settings.find("input_layout_train");
  if (it == settings.end()) return "";
  const auto words = split(it->second, ';');
  return words.empty() ? "" : words[i < words.size() ? i : 0];
}

// Whether a network takes this input as N, H, W, C.
bool network_nhwc(const ProgramInput& in, const Shape& shape, const std::string& configured) {
  if (shape.size() != 4) return in.nhwc;
  if (in.kind != InputKind::featuremap) {
    const int64_t channels = in.kind == InputKind::gray ? 1 : 3;
    const bool nchw = shape[1] == channels, nhwc = shape[3] == channels;
    if (nchw != nhwc) return nhwc;
  }
  return configured.empty() ? in.nhwc : configured == "NHWC";
}

struct OnnxInput {
  std::string name;
  DType dtype;
  Shape shape;
};

// What an ONNX file takes in place of what the program takes: pixels - 128 in run-time colours, featuremaps
// in the network's layout.
Tensor onnx_input(const ProgramInput& in, const Tensor& given, const OnnxInput& value) {
  Tensor t = in.kind == InputKind::nv12 ? yuv444_from_nv12(given) : given;  // N, H, W, 3
  const bool nhwc = in.kind == InputKind::nv12 || in.nhwc;
  t = compiler::in_layout(std::move(t), nhwc, network_nhwc(in, value.shape, ""));
  if (t.shape() != value.shape)
    fail(ErrorCode::data_bad_size, "input '{}' of the ONNX model has shape {}, that of the .bin gives {}",
         value.name, to_string(value.shape), to_string(t.shape()));
  if (in.kind == InputKind::featuremap || value.dtype == DType::u8) return t;
  Tensor centred(value.dtype, t.shape());
  const auto from = std::as_const(t).data<uint8_t>();
  if (value.dtype == DType::i8)
    std::ranges::transform(from, centred.data<int8_t>().begin(),
                           [](uint8_t v) { return static_cast<int8_t>(v - 128); });
  else
    std::ranges::transform(from, centred.data<float>().begin(),
                           [](uint8_t v) { return static_cast<float>(v) - 128.0f; });
  return centred;
}

class OnnxSide final : public Side {
 public:
  OnnxSide(std::string name, std::string file, BinInputs bin, int threads)
      : name_(std::move(name)), file_(std::move(file)), bin_(std::move(bin)) {
    graph::Graph graph = open();
    check_inputs(graph);
    for (const graph::Value* v : graph.inputs) {
      const auto at = std::ranges::find(bin_.inputs, v->name, &ProgramInput::name);
      places_.push_back(static_cast<size_t>(at - bin_.inputs.begin()));
    }
    const compiler::LowerOptions options = integers_ ? integer_options(graph) : compiler::LowerOptions{};
    if (!integers_) ops::infer_shapes(graph);
    const int64_t batch = batch_of(graph);
    if (batch > 1) graph = compiler::batched(graph, batch, options);
    Program program = compiler::build_program(graph, options, {.level = 0});
    for (const graph::Value* v : graph.inputs) values_.push_back({v->name, v->dtype, v->shape});
    if (integers_) check_sizes(program);
    model_ = engine::Model::create(std::move(program));
    session_ = std::make_unique<engine::Session>(
        model_,
        engine::SessionOptions{.threads = threads, .cpu = integers_ ? isa_level("ref") : usable_cpu()});
  }

  SideInfo info() const override {
    SideInfo info;
    info.name = name_;
    info.facts = {{"file", file_},
                  {"runs", integers_ ? "in integers, portable kernels, a step per node"
                                     : "in floating point, as ONNX defines its operators"}};
    for (const std::string& note : notes_) info.facts.emplace_back("note", note);
    info.seconds = seconds_;
    return info;
  }

  void run(std::span<const Tensor> inputs, bool all_tensors, const std::string& folder) override {
    const auto start = std::chrono::steady_clock::now();
    ensure_directory(folder);
    const Program& program = model_->program();
    for (size_t i = 0; i < places_.size(); ++i) {
      const Tensor& given = inputs[places_[i]];
      const ProgramInput& in = bin_.inputs[places_[i]];
      const Tensor t = integers_ ? given : onnx_input(in, given, values_[i]);
      engine::store_tensor(program.tensors[program.inputs[i].tensor], t.bytes(), session_->input(i).data());
    }
    dnn::DumpIndex index;
    if (all_tensors) {
      dnn::TensorDumper dumper({.folder = folder});
      dumper.before(*model_, *session_);
      const bool ran = session_->run(compiler::kUntilInterrupted);
      dumper.after(*model_, *session_, {}, ran ? 0 : 1);
      if (!ran) check_interrupt();
      if (const auto error = dumper.error()) throw *error;
      index = dumper.index();
    } else {
      if (!session_->run(compiler::kUntilInterrupted)) check_interrupt();
    }
    session_->check();
    for (size_t o = 0; o < program.outputs.size(); ++o) {
      const TensorDesc& desc = program.tensors[program.outputs[o].tensor];
      const Tensor values = dnn::read_tensor(desc, session_->output(o).data());
      const std::string file = fmt::format("model_infer_output_{}.bin", o);
      write_file_atomically(folder + "/" + file, values.bytes(), Sync::no);
      index.add({.files = {file},
                 .kind = "output",
                 .name = program.outputs[o].name,
                 .dtype = values.dtype(),
                 .shape = values.shape(),
                 .quant = dnn::logical_quant(desc)});
    }
    index.write(folder, program.name);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  // The annotated graph of a quantized model, or the file as it is.
  graph::Graph open() {
    const auto note = [&](const std::string& sentence) { notes_.push_back(sentence); };
    try {
      if (auto quantized = compiler::open_stage(file_, compiler::Stage::quantize, bin_.pictures(), note)) {
        settings_ = std::move(quantized->settings);
        integers_ = true;
        return std::move(quantized->graph);
      }
    } catch (const Error& e) {
      check_inputs(onnx_frontend::import_onnx(file_, {.allow_nan = true}));  // the likelier reason
      if (e.code() != ErrorCode::model_structure) throw;
      note(fmt::format("{}; it is evaluated in floating point, where single codes may differ", e.what()));
    }
    return onnx_frontend::import_onnx(file_, {.allow_nan = true});
  }

  compiler::LowerOptions integer_options(const graph::Graph& graph) const {
    compiler::LowerOptions options;
    options.int8 = true;
    for (size_t i = 0; i < places_.size(); ++i) {
      const ProgramInput& in = bin_.inputs[places_[i]];
      const bool nhwc = network_nhwc(in, graph.inputs[i]->shape, layout_of(settings_, i));
      if (in.kind != InputKind::featuremap || in.nhwc != nhwc)
        options.images[in.name] = {in.kind, in.nhwc, nhwc};
    }
    return options;
  }

  // Samples in one run of the program.
  int64_t batch_of(const graph::Graph& graph) const {
    if (places_.empty()) return 1;
    const Shape program = bin_.descs[places_[0]].logical_shape();
    const Shape& own = graph.inputs[0]->shape;
    if (program.empty() || own.empty() || own[0] != 1) return 1;
    return std::max<int64_t>(program[0], 1);
  }

  void check_inputs(const graph::Graph& graph) const {
    std::vector<std::string> onnx, bin;
    for (const graph::Value* v : graph.inputs) onnx.push_back(v->name);
    for (const ProgramInput& in : bin_.inputs) bin.push_back(in.name);
    if (!std::ranges::is_permutation(onnx, bin))
      fail(ErrorCode::usage, "'{}' has the inputs {}, the .bin has {}: they are not of one conversion", file_,
           fmt::join(onnx, ", "), fmt::join(bin, ", "));
  }

  // Both take the same elements: `program` is made for the run-time inputs of the .bin.
  void check_sizes(const Program& program) const {
    for (size_t i = 0; i < places_.size(); ++i) {
      const Shape own = program.tensors[program.inputs[i].tensor].logical_shape();
      const Shape bin = bin_.descs[places_[i]].logical_shape();
      if (num_elements(own) != num_elements(bin))
        fail(ErrorCode::usage, "input '{}' is {} in '{}' and {} in the .bin: they are not of one conversion",
             program.inputs[i].name, to_string(own), file_, to_string(bin));
    }
  }

  std::string name_, file_;
  BinInputs bin_;
  bool integers_ = false;
  std::map<std::string, std::string> settings_;
  std::vector<std::string> notes_;
  std::vector<size_t> places_;  // of the ONNX model's inputs among the program's
  std::vector<OnnxInput> values_;
  std::shared_ptr<const engine::Model> model_;
  std::unique_ptr<engine::Session> session_;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<Side> onnx_side(std::string name, const std::string& onnx_file, const std::string& model_file,
                                const std::string& model_name, int threads) {
  return std::make_unique<OnnxSide>(std::move(name), onnx_file, inputs_of(model_file, model_name), threads);
}

}  // namespace openhb::verify
