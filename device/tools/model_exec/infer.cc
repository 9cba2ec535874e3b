// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/infer.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "common/io/file.h"
#include "common/text/text.h"
#include "device/tools/model_exec/classify.h"
#include "device/tools/model_exec/dump.h"
#include "device/tools/model_exec/inputs.h"

namespace openhb::model_exec {
namespace {

std::vector<Tensor> load_inputs(const Options& options, const Program& program, std::FILE* out) {
  const std::vector<std::string> paths = split(options.input_file, ',');
  if (paths.size() != program.inputs.size())
    fail(ErrorCode::usage, "model '{}' has {} inputs, --input_file names {} files", program.name,
         program.inputs.size(), paths.size());
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < paths.size(); ++i) {
    InputData data = load_input(program, program.inputs[i], paths[i]);
    fmt::print(out, "file length: {}\nread file success!\n", data.file_size);
    tensors.push_back(std::move(data.tensor));
  }
  return tensors;
}

// The tensors to write after each step: those that it completes, and its outputs that no step completes.
std::vector<std::vector<uint32_t>> intermediate_tensors(const Program& program) {
  std::set<uint32_t> completed;
  for (const Step& step : program.steps) completed.insert(step.completes.begin(), step.completes.end());
  std::vector<std::vector<uint32_t>> tensors;
  for (const Step& step : program.steps) {
    tensors.push_back(step.completes);
    for (uint32_t id : step.outputs)
      if (!completed.contains(id)) tensors.back().push_back(id);
  }
  return tensors;
}

// A file name for every one of these tensors; "" for the others.
std::vector<std::string> intermediate_names(const Program& program,
                                            const std::vector<std::vector<uint32_t>>& tensors) {
  constexpr size_t kMaxName = 200;  // file systems take 255 bytes
  std::vector<std::string> names(program.tensors.size());
  std::set<std::string> used;
  for (size_t s = 0; s < tensors.size(); ++s)
    for (size_t o = 0; o < tensors[s].size(); ++o) {
      const uint32_t id = tensors[s][o];
      if (!names[id].empty()) continue;
      std::string name = program.tensors[id].name.substr(0, kMaxName);
      if (name.empty()) name = fmt::format("step_{}_output_{}", s, o);
      std::replace(name.begin(), name.end(), '/', '_');
      std::replace(name.begin(), name.end(), '\0', '_');
      while (!used.insert(name).second) name += fmt::format("_{}", id);
      names[id] = std::move(name);
    }
  return names;
}

engine::StepHook intermediate_dumper(const Options& options, const engine::Session& session) {
  auto tensors = intermediate_tensors(session.model().program());
  auto names = intermediate_names(session.model().program(), tensors);
  return [&, tensors = std::move(tensors), names = std::move(names)](size_t step) {
    const Program& program = session.model().program();
    for (uint32_t id : tensors[step]) {
      const TensorDesc& desc = program.tensors[id];
      Tensor tensor = read_tensor(desc, session.tensor(id));
      if (options.hybrid_dequantize_process) tensor = dequantize(desc, tensor);
      dump_tensor(options, tensor, names[id], "bin");
      if (options.dump_intermediate > 1) dump_tensor(options, tensor, names[id], "txt");
    }
  };
}

// Average milliseconds of a run.
double run_frames(engine::Session& session, const std::vector<Tensor>& inputs, int frames) {
  const Program& program = session.model().program();
  auto store_inputs = [&] {
    for (size_t i = 0; i < inputs.size(); ++i)
      engine::store_tensor(program.tensors[program.inputs[i].tensor], inputs[i].bytes(),
                           session.input(i).data());
  };
  // A first frame that is not timed: it warms the caches and writes the dumps, if there is a hook for them.
  store_inputs();
  session.run();
  session.set_hook({});
  std::chrono::duration<double, std::milli> sum{0};
  for (int frame = 0; frame < frames; ++frame) {
    store_inputs();
    const auto start = std::chrono::steady_clock::now();
    session.run();
    sum += std::chrono::steady_clock::now() - start;
  }
  return sum.count() / frames;
}

void dump_ports(const Options& options, const Program& program, const std::vector<Tensor>& inputs,
                const std::vector<Tensor>& outputs, std::FILE* out) {
  for (size_t i = 0; i < inputs.size(); ++i)
    fmt::print(out, "Dump path: {}\n",
               dump_tensor(options, inputs[i], fmt::format("model_infer_input_{}", i), options.dump_format));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const TensorDesc& desc = program.tensors[program.outputs[i].tensor];
    const Tensor tensor = options.hybrid_dequantize_process ? dequantize(desc, outputs[i]) : outputs[i];
    fmt::print(out, "Dump path: {}\n",
               dump_tensor(options, tensor, fmt::format("model_infer_output_{}", i), options.dump_format));
  }
}

}  // namespace

void infer(const Options& options, const std::vector<ModelPtr>& models, std::FILE* out) {
  const ModelPtr model = select_model(models, options.model_name);
  const Program& program = model->program();
  // Before the work, so that a wrong path is told at once.
  const auto labels =
      options.label_file.empty() ? std::vector<std::string>() : read_labels(options.label_file);
  if (options.enable_dump || options.dump_intermediate > 0) ensure_directory(options.dump_path);
  fmt::print(out, "get model handle success\nget model input count success\n");
  const std::vector<Tensor> inputs = load_inputs(options, program, out);
  fmt::print(out, "get model output count success\n");
  engine::Session session(model, {.threads = options.thread_num});
  fmt::print(out, "prepare output tensor success\n");
  if (options.dump_intermediate > 0) session.set_hook(intermediate_dumper(options, session));
  const double milliseconds = run_frames(session, inputs, options.frame_count);
  fmt::print(out, "infer success\ntask done\n");

  std::vector<Tensor> outputs;
  for (size_t i = 0; i < program.outputs.size(); ++i)
    outputs.push_back(read_tensor(program.tensors[program.outputs[i].tensor], session.output(i).data()));
  constexpr std::string_view rule = "----------------------------------------";
  fmt::print(out, "\n{}\nInfer time: {:.3f} ms\n{}\n", rule, milliseconds, rule);
  if (options.enable_dump) dump_ports(options, program, inputs, outputs, out);
  if (options.enable_cls_post_process) {
    const Tensor scores = dequantize(program.tensors[program.outputs[0].tensor], outputs[0]);
    const auto classes = class_count(scores);
    if (!labels.empty() && labels.size() < classes)
      fmt::print(stderr, "note: '{}' names {} classes, output 0 has {}; the others are printed as '?'\n",
                 options.label_file, labels.size(), classes);
    fmt::print(out, "Attention: please make sure model is for classfication\n{}",
               classification_text(scores, static_cast<size_t>(options.top_k), labels));
  }
  fmt::print(out, "hbDNNRelease success!\n");
}

}  // namespace openhb::model_exec
