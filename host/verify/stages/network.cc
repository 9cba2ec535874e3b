// SPDX-License-Identifier: Apache-2.0
#include "host/verify/stages/network.h"

#include <algorithm>
#include <cmath>

#include "common/io/file.h"
#include "common/io/hash.h"
#include "host/compiler/lowering.h"
#include "host/compiler/stage_file.h"

namespace openhb::verify {

std::string Network::setting(const std::string& key) const {
  const auto it = settings.find(key);
  return it == settings.end() ? "" : it->second;
}

namespace {

compiler::StageFile open(const std::string& path, compiler::Stage stage, std::string_view which) {
  auto file = compiler::open_stage(path, stage, std::nullopt, [](const std::string&) {});
  if (!file)
    fail(ErrorCode::model_structure,
         "'{}' is no {} model of hb_mapper, or has lost its metadata (some tools drop it); convert the model "
         "again",
         path, which);
  return std::move(*file);
}

}  // namespace

void Network::bound(const graph::Value& value, std::vector<float>& values) const {
  const auto it = bounds.find(value.name);
  if (it == bounds.end()) return;
  for (float& v : values)
    if (!std::isnan(v)) v = std::min(std::max(v, it->second.first), it->second.second);
}

Network read_network(const std::string& calibrated_file, const std::string& quantized_file) {
  Network network;
  auto calibrated = open(calibrated_file, compiler::Stage::calibrate, "calibrated");
  const auto quantized = open(quantized_file, compiler::Stage::quantize, "quantized");
  network.graph = std::move(calibrated.graph);
  network.settings = std::move(calibrated.settings);
  network.method = std::move(calibrated.method);
  network.belongs = quantized.calibrated == hash_text(MappedFile::open(calibrated_file)->bytes());
  const auto consumers = network.graph.consumers();
  for (const auto& node : network.graph.nodes())
    if (const graph::Node* next = compiler::fusable_activation(*node, consumers, network.graph))
      network.bounds[node->outputs[0]->name] = compiler::activation_bounds(*next);
  for (const auto& v : network.graph.values()) {
    const graph::Value* other = v->quant && !v->is_constant() ? quantized.graph.find_value(v->name) : nullptr;
    if (other && other->quant && !(*other->quant == *v->quant))
      network.edited[v->name] = fmt::format(
          "the quantized model has scale {} and zero point {}, the calibrated one {} and {}",
          other->quant->scale(), other->quant->zero_point(), v->quant->scale(), v->quant->zero_point());
  }
  return network;
}

StageSample::StageSample(const std::string& folder) : tensors_(read_dump(folder)) {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const DumpedTensor& t = tensors_[i];
    if (!t.name.empty()) (t.kind == "output" ? outputs_ : t.kind == "input" ? inputs_ : by_name_)[t.name] = i;
  }
}

StageSample::StageSample(const StageDumps& stage, size_t sample) : StageSample(stage.folders.at(sample)) {
  marked_ = stage.name == "calibrated";
}

const DumpedTensor* StageSample::find(const std::string& name) const {
  for (const std::string& known : {marked_ ? name + "_calibrated" : name, name})
    for (const auto* names : {&by_name_, &outputs_, &inputs_})
      if (const auto it = names->find(known); it != names->end()) return &tensors_[it->second];
  return nullptr;
}

const DumpedTensor* StageSample::input(const std::string& name) const {
  for (const auto* names : {&inputs_, &by_name_})
    if (const auto it = names->find(name); it != names->end()) return &tensors_[it->second];
  return nullptr;
}

}  // namespace openhb::verify
