// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/infer.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "device/dnn/tensor_file.h"
#include "device/tools/model_exec/classify.h"
#include "device/tools/model_exec/inputs.h"
#include "device/tools/model_exec/intermediate.h"
#include "device/tools/model_exec/values.h"

namespace openhb::model_exec {
namespace {

// Average milliseconds of a run, after a first one that is not timed: it warms the caches and writes the
// dumps.
double run_frames(const Options& options, const ModelHandle& model, Frame& frame, dnn::DumpIndex& index) {
  if (options.dump_intermediate > 0)
    index = run_with_dump(options, model, frame);
  else
    run(model, frame, options.core_id);
  std::chrono::duration<double, std::milli> sum{0};
  for (int i = 0; i < options.frame_count; ++i) {
    check_interrupt();
    const auto start = std::chrono::steady_clock::now();
    run(model, frame, options.core_id);
    sum += std::chrono::steady_clock::now() - start;
  }
  return sum.count() / std::max(options.frame_count, 1);
}

// Writes inputs and outputs: <dump_path>/model_infer_input_<i>.<format>, model_infer_output_<i>.<format>.
class PortDumper {
 public:
  PortDumper(const Options& options, std::FILE* out, dnn::DumpIndex& index, nlohmann::ordered_json* json)
      : options_(options), out_(out), index_(index), json_(json) {}

  void input(size_t i, const Port& port, const Tensor& data) {
    dump(fmt::format("model_infer_input_{}", i), {.kind = "input", .name = port.name}, data);
  }
  void output(size_t i, const Port& port, const hbDNNTensor& tensor) {
    dnn::DumpIndex::Entry entry{.kind = "output", .name = port.name, .quant = quant_of(port.properties)};
    Tensor data = load(tensor);
    bool real = options_.hybrid_dequantize_process && !entry.quant.empty();
    if (real && data.rank() != 4) {
      if (!options_.quiet)
        fmt::print(
            stderr,
            "note: output '{}' has {} dimensions and is dumped as it is; --hybrid_dequantize_process is "
            "for outputs of 4\n",
            port.name, data.rank());
      real = false;
    }
    if (real)
      data = dnn::dequantize(data, entry.quant), entry.quant = {};
    else if (!options_.hybrid_dequantize_process) {
      Tensor all = load_aligned(tensor);
      if (all.shape() != data.shape()) entry.aligned = true, entry.valid = data.shape();
      data = std::move(all);
    }
    dump(fmt::format("model_infer_output_{}", i), std::move(entry), data);
  }

 private:
  void dump(const std::string& stem, dnn::DumpIndex::Entry entry, const Tensor& data) {
    const std::string file = fmt::format("{}.{}", stem, options_.dump_format);
    const std::string path = fmt::format("{}/{}", options_.dump_path, file);
    if (options_.dump_format == "txt")
      write_file_atomically(path, dnn::tensor_text(data, options_.dump_precision, options_.dump_txt_axis),
                            Sync::no);
    else
      write_file_atomically(path, data.bytes(), Sync::no);
    fmt::print(out_, "Dump path: {}\n", path);
    if (json_) (*json_)["dumps"].push_back(path);
    entry.files = {file};
    entry.dtype = data.dtype();
    entry.shape = data.shape();
    index_.add(std::move(entry));
  }

  const Options& options_;
  std::FILE* out_;
  dnn::DumpIndex& index_;
  nlohmann::ordered_json* json_;
};

void classify(const Options& options, const Tensor& scores, const std::vector<std::string>& labels,
              std::FILE* out, nlohmann::ordered_json* json) {
  const size_t classes = class_count(scores);
  if (!labels.empty() && labels.size() < classes && !options.quiet)
    fmt::print(stderr, "note: '{}' names {} classes, output 0 has {}; the others are printed as '?'\n",
               options.label_file, labels.size(), classes);
  const auto k = static_cast<size_t>(options.top_k);
  fmt::print(out, "Attention: please make sure model is for classfication\n{}",
             classification_text(scores, k, labels));
  for (size_t n = 0; json && n < scores.size() / classes; ++n)
    for (const ClassScore& c : best_classes(scores, n * classes, classes, k)) {
      nlohmann::ordered_json row = {{"sample", n}, {"id", c.id}, {"score", c.score}};
      if (c.id < labels.size()) row["label"] = labels[c.id];
      (*json)["classes"].push_back(std::move(row));
    }
}

// Without the samples that a region inference computes only to fill the model's batch.
Tensor first_samples(Tensor tensor, const Frame& frame) {
  const auto samples = static_cast<int64_t>(frame.samples);
  if (frame.rois.empty() || tensor.rank() == 0 || tensor.shape()[0] <= samples) return tensor;
  Shape shape = tensor.shape();
  shape[0] = samples;
  Tensor cut(tensor.dtype(), shape);
  std::memcpy(cut.bytes().data(), tensor.bytes().data(), cut.bytes().size());
  return cut;
}

}  // namespace

void infer(const Options& options, const Package& package, std::FILE* out, nlohmann::ordered_json* json) {
  const ModelHandle model = package.select(options.model_name);
  // Before the work, so that a wrong path is told at once.
  const auto labels =
      options.label_file.empty() ? std::vector<std::string>() : read_labels(options.label_file);
  fmt::print(out, "get model handle success\nget model input count success\n");
  LoadedFrame loaded = load_frame(options, model, out);
  fmt::print(out, "get model output count success\nprepare output tensor success\n");
  if (options.thread_num_given) set_core_threads(options.thread_num);
  infer_frame(options, model, loaded, out, json);
  if (options.enable_cls_post_process && !model.outputs.empty()) {
    const Tensor scores = first_samples(load(loaded.frame.outputs[0]), loaded.frame);
    classify(options, dnn::dequantize(scores, quant_of(model.outputs[0].properties)), labels, out, json);
  }
  fmt::print(out, "hbDNNRelease success!\n");
}

void infer_frame(const Options& options, const ModelHandle& model, LoadedFrame& loaded, std::FILE* out,
                 nlohmann::ordered_json* json) {
  if (options.enable_dump || options.dump_intermediate > 0) ensure_directory(options.dump_path);
  Frame& frame = loaded.frame;
  dnn::DumpIndex index;
  const double milliseconds = run_frames(options, model, frame, index);
  frame.outputs.flush(HB_SYS_MEM_CACHE_INVALIDATE);
  constexpr std::string_view rule = "----------------------------------------";
  fmt::print(out, "infer success\ntask done\n\n");
  if (options.frame_count > 0) fmt::print(out, "{}\nInfer time: {:.3f} ms\n{}\n", rule, milliseconds, rule);
  if (json) {
    *json = {{"mode", "infer"}, {"model", model.name}, {"frames", options.frame_count}};
    if (options.frame_count > 0) (*json)["infer_time_ms"] = milliseconds;
  }
  if (options.enable_dump) {
    PortDumper dumper(options, out, index, json);
    for (size_t i = 0; i < loaded.inputs.size(); ++i)
      dumper.input(i, model.inputs[i % model.inputs.size()], loaded.inputs[i]);
    for (size_t i = 0; i < model.outputs.size(); ++i) dumper.output(i, model.outputs[i], frame.outputs[i]);
  }
  if (!index.empty()) index.write(options.dump_path, model.name);
}

}  // namespace openhb::model_exec
