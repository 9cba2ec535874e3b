// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/dump.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/io/file_name.h"
#include "device/dnn/log.h"
#include "device/dnn/tensor_file.h"

namespace openhb::dnn {
namespace {

// Names come from files: what is not UTF-8 is replaced, not refused.
std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The tensors to write after each step: those that it completes, and outputs that no step completes and no
// later one writes.
std::vector<std::vector<uint32_t>> tensors_after_steps(const Program& program) {
  std::set<uint32_t> known;
  for (const Step& step : program.steps) known.insert(step.completes.begin(), step.completes.end());
  std::vector<std::vector<uint32_t>> tensors(program.steps.size());
  for (size_t s = program.steps.size(); s-- > 0;) {
    const Step& step = program.steps[s];
    tensors[s] = step.completes;
    for (uint32_t id : step.outputs)
      if (known.insert(id).second) tensors[s].push_back(id);
  }
  return tensors;
}

}  // namespace

std::string DumpIndex::json(const std::string& model) const {
  std::string tensors;  // a line each
  for (const Entry& entry : entries_) {
    nlohmann::ordered_json row = {{"files", entry.files},
                                  {"kind", entry.kind},
                                  {"name", entry.name},
                                  {"dtype", dtype_name(entry.dtype)},
                                  {"shape", entry.shape}};
    if (!entry.step.empty()) row["step"] = entry.step;
    if (!entry.row.empty()) row["row"] = entry.row;
    if (!entry.valid.empty()) row["valid_shape"] = entry.valid;
    if (entry.aligned) row["aligned"] = true;
    if (!entry.quant.empty()) {
      row["scale"] = entry.quant.scales;
      row["zero_point"] = entry.quant.zero_points;
      row["axis"] = entry.quant.axis;
    }
    tensors += (tensors.empty() ? "  " : ",\n  ") + json_text(row);
  }
  return fmt::format("{{\"model\": {},\n \"tensors\": [\n{}\n]}}\n", json_text(model), tensors);
}

void DumpIndex::write(const std::string& folder, const std::string& model) const {
  write_file_atomically(fmt::format("{}/{}", folder, kDumpIndex), json(model), Sync::no);
}

void FileObserver::before(const engine::Model& model, engine::Session& session) {
  engine::Session* nobody = nullptr;
  if (error() || !session_.compare_exchange_strong(nobody, &session)) return;
  guard([&] {
    const std::string& name = model.program().name;
    if (models_.empty()) first_ = name;
    current_ = folder_;
    if (name != first_) {
      std::set<std::string> used;
      current_ += "/" + file_stem(name, used);
    }
    if (models_.insert(name).second) ensure_directory(current_);
    running_ = {};
    begin(model, session);
  });
}

void FileObserver::after(const engine::Model& model, engine::Session& session, const RunTimes&,
                         int32_t status) {
  if (session_.load() != &session) return;
  if (status == 0)
    guard([&] {
      end(model, session);
      if (running_.empty()) return;
      running_.write(current_, model.program().name);
      const std::lock_guard lock(mutex_);
      last_ = running_;
    });
  session.set_hook({});
  session_.store(nullptr);
}

std::optional<Error> FileObserver::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

DumpIndex FileObserver::index() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void FileObserver::keep(const Error& error) noexcept {
  OPENHB_LOG(Level::error, "Dump", "{}", error.text());
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = error;
}

void FileObserver::write(const std::string& file, std::span<const std::byte> bytes) {
  write_file_atomically(fmt::format("{}/{}", current_, file), bytes, Sync::no);
}

void FileObserver::write(const std::string& file, const std::string& text) {
  write_file_atomically(fmt::format("{}/{}", current_, file), text, Sync::no);
}

void TensorDumper::dump(const engine::Session& session, uint32_t id, std::optional<size_t> step) {
  const Program& program = session.model().program();
  const TensorDesc& desc = program.tensors[id];
  const bool bpu = step && program.steps[*step].backend == Backend::bpu;
  DumpIndex::Entry entry{.kind = step ? "tensor" : "input", .name = desc.name, .dtype = desc.dtype};
  if (step) {
    const Step& made_by = program.steps[*step];
    entry.step = fmt::format("{} of {}", step_name(made_by.params), made_by.node);
    entry.row = session.row(*step);
  }
  entry.aligned = options_.level == 2 && bpu && !options_.real;
  entry.quant = entry.aligned ? desc.quant : logical_quant(desc);
  const std::byte* storage = session.tensor(id);
  Tensor tensor = entry.aligned ? read_aligned(desc, storage) : read_tensor(desc, storage);
  std::string stem = stems_[id];
  if (options_.real && (desc.dtype == DType::f32 || !desc.quant.empty())) {
    tensor = to_real(tensor, entry.quant);
    entry.quant = {};
    stem += "_float";
  }
  entry.dtype = tensor.dtype();
  entry.shape = tensor.shape();
  entry.files = {stem + ".bin"};
  write(entry.files[0], tensor.bytes());
  if (options_.level > 1) {
    entry.files.push_back(stem + ".txt");
    write(entry.files[1], tensor_text(tensor, options_.precision, options_.txt_axis));
  }
  running_.add(std::move(entry));
}

void TensorDumper::begin(const engine::Model& model, engine::Session& session) {
  const Program& program = model.program();
  after_step_ = tensors_after_steps(program);
  stems_.assign(program.tensors.size(), "");
  std::set<std::string> used;
  const auto name = [&](uint32_t id, const std::string& otherwise) {
    const std::string& onnx = program.tensors[id].name;
    if (stems_[id].empty()) stems_[id] = file_stem(onnx.empty() ? otherwise : onnx, used);
  };
  for (size_t i = 0; i < program.inputs.size(); ++i)
    name(program.inputs[i].tensor, fmt::format("input_{}", i));
  for (size_t s = 0; s < after_step_.size(); ++s)
    for (size_t o = 0; o < after_step_[s].size(); ++o)
      name(after_step_[s][o], fmt::format("step_{}_output_{}", s, o));
  for (const ProgramInput& input : program.inputs) dump(session, input.tensor, std::nullopt);
  session.set_hook([this, &session](size_t step) {
    guard([&] {
      for (uint32_t id : after_step_[step]) dump(session, id, step);
    });
  });
}

void TensorDumper::end(const engine::Model&, engine::Session&) {}

ConvMap ConvMap::read(const std::string& path) {
  const std::string text = read_text_file(path, EmptyFile::refuse);
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  const auto bad = [&](std::string_view what) {
    fail(ErrorCode::data_bad_value,
         "'{}' is not a map of convolutions: {}; makertbin with layer_out_dump: True writes it as "
         "<prefix>_quantized_model_conv_output_map.json",
         path, what);
  };
  if (!json.is_object()) bad("it is no JSON object");
  ConvMap map;
  for (const auto& [conv, row] : json.items()) {
    const bool plain = row.is_string();
    if (!plain && !(row.is_object() && row.contains("output") && row["output"].is_string()))
      bad(fmt::format("'{}' has no output", conv));
    const bool own = !plain && row.contains("model_output") && row["model_output"] == true;
    map.rows.push_back({conv, plain ? row.get<std::string>() : row["output"].get<std::string>(), own});
  }
  return map;
}

std::vector<size_t> ConvMap::outputs_of(const Program& program) const {
  std::vector<size_t> found;
  for (const Row& row : rows) {
    const auto at = std::ranges::find(program.outputs, row.output, &ProgramOutput::name);
    if (at == program.outputs.end())
      fail(ErrorCode::data_missing,
           "model '{}' has no output '{}', which the map names for convolution '{}'; take the map of the "
           "same conversion, with layer_out_dump: True",
           program.name, row.output, row.conv);
    found.push_back(static_cast<size_t>(at - program.outputs.begin()));
  }
  return found;
}

void ConvDumper::end(const engine::Model& model, engine::Session& session) {
  const Program& program = model.program();
  const std::vector<size_t> outputs = map_.outputs_of(program);
  std::vector<bool> added(program.outputs.size());  // by layer_out_dump
  std::set<std::string> used;
  const auto dump = [&](size_t output, const std::string& layer, const char* kind) {
    const TensorDesc& desc = program.tensors[program.outputs[output].tensor];
    const Tensor real = to_real(read_tensor(desc, session.output(output).data()), logical_quant(desc));
    const std::string file = file_stem(layer, used) + "_float.bin";
    write(file, real.bytes());
    running_.add({.files = {file}, .kind = kind, .name = layer, .shape = real.shape()});
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    added[outputs[i]] = !map_.rows[i].own;
    dump(outputs[i], map_.rows[i].conv, "layer");
  }
  for (size_t i = 0; i < program.outputs.size(); ++i)
    if (!added[i]) dump(i, program.outputs[i].name, "output");
}

}  // namespace openhb::dnn
