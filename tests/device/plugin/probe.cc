// SPDX-License-Identifier: Apache-2.0
#include "tests/device/plugin/probe.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

std::atomic<int> instances{0};
std::atomic<int> runs{0}, parts{0};

struct Probe {
  std::string mode;
  float sum = 0;
  int64_t rows = 0, columns = 0, scratch = 0;
  bool second = false;
};

const openhb_attribute* find(const openhb_node& node, const char* name) {
  for (int32_t i = 0; i < node.attribute_count; ++i)
    if (std::strcmp(node.attributes[i].name, name) == 0) return &node.attributes[i];
  return nullptr;
}
std::string mode_of(const openhb_node& node) {
  const openhb_attribute* a = find(node, "mode");
  return a ? std::string(a->strings[0].data, a->strings[0].size) : "";
}

bool has_second(const openhb_node& node) {
  return node.input_count > 1 && node.inputs[1].type != OPENHB_TYPE_NONE;
}

int32_t infer(const openhb_node* node, openhb_tensor* outputs, openhb_error* error) {
  const std::string mode = mode_of(*node);
  if (mode == "infer throws") throw std::runtime_error("no");
  if (mode == "infer fails") {
    std::snprintf(error->text, error->capacity, "the moon is\nfull");
    return 3;
  }
  if (mode == "infer fails silently") return 3;
  const openhb_tensor& x = node->inputs[0];
  const openhb_attribute* w = find(*node, "w");
  const openhb_attribute* s = find(*node, "scratch");
  if (x.type != OPENHB_TYPE_FLOAT || x.rank < 2) return 1;
  if (has_second(*node) && (node->inputs[1].type != OPENHB_TYPE_FLOAT || node->inputs[1].rank != 1 ||
                            node->inputs[1].dims[0] != x.dims[x.rank - 1]))
    return 1;
  if (w && (w->tensor->type != OPENHB_TYPE_FLOAT || w->tensor->rank != 1 || w->tensor->dims[0] < 1)) return 1;
  if (s && s->ints[0] > 1 << 20 && s->ints[0] < 1 << 30) return 1;  // memory for nothing
  outputs[0] = x;
  outputs[0].data = nullptr;
  if (mode == "rank") outputs[0].rank = 9;
  if (mode == "negative") outputs[0].dims[1] = -1;
  if (mode == "huge") outputs[0].dims[0] = outputs[0].dims[1] = 1 << 20;
  if (mode == "type") outputs[0].type = 11;
  if (mode == "other shape") outputs[0].dims[0] = 1;
  if (mode == "other type") outputs[0].type = OPENHB_TYPE_INT32;
  return OPENHB_OK;
}

int32_t create(const openhb_node* node, void** instance, openhb_error* error) {
  auto probe = std::make_unique<Probe>();
  probe->mode = mode_of(*node);
  if (probe->mode == "create fails") {
    std::snprintf(error->text, error->capacity, "node %s has no luck", node->name);
    return -7;
  }
  if (const openhb_attribute* k = find(*node, "k"))
    for (uint64_t i = 0; i < k->count; ++i) probe->sum += static_cast<float>(k->ints[i]);
  if (const openhb_attribute* w = find(*node, "w"))
    probe->sum += static_cast<const float*>(w->tensor->data)[0];
  if (const openhb_attribute* s = find(*node, "scratch")) probe->scratch = s->ints[0];
  const openhb_tensor& x = node->inputs[0];
  probe->columns = x.dims[x.rank - 1];
  probe->rows = 1;
  for (int32_t i = 0; i + 1 < x.rank; ++i) probe->rows *= x.dims[i];
  probe->second = has_second(*node);
  if (node->outputs[0].type != x.type) return -1;
  *instance = probe.release();
  ++instances;
  return OPENHB_OK;
}

int64_t cost(const openhb_node*) { return 1 << 18; }  // worth several threads

void destroy(void* instance) {
  --instances;
  delete static_cast<Probe*>(instance);
}

int32_t max_parts(void* instance) { return static_cast<Probe*>(instance)->mode == "parts" ? 300 : 8; }
int64_t scratch_size(void* instance) { return static_cast<Probe*>(instance)->scratch; }

int32_t run(void* instance, const openhb_run* r, openhb_error* error) {
  const Probe& probe = *static_cast<Probe*>(instance);
  if (r->part == 0) parts = std::max<int>(parts, r->parts);
  const auto* x = static_cast<const float*>(r->inputs[0]);
  auto* y = static_cast<float*>(r->outputs[0]);
  if (probe.mode == "run throws") throw 1;
  if (probe.mode == "run fails" && r->part == r->parts - 1) {
    std::snprintf(error->text, error->capacity, "part %d of %d is broken", r->part, r->parts);
    return 1;
  }
  if (probe.scratch > 0) std::memset(r->scratch, 0x77, static_cast<size_t>(probe.scratch));
  if (probe.mode == "writes behind") y[probe.rows * probe.columns] = 1;
  if (probe.mode == "writes input") const_cast<float*>(x)[0] = 1e9f;
  const bool counts = probe.mode == "counts runs";
  const float more = counts ? static_cast<float>(++runs) : 0.0f;
  const int64_t first = probe.rows * r->part / r->parts, last = probe.rows * (r->part + 1) / r->parts;
  for (int64_t i = first * probe.columns; i < last * probe.columns; ++i) {
    if (probe.mode == "leaves out" && i == 5) continue;
    y[i] = x[i] + probe.sum + more;
    if (probe.second) y[i] += static_cast<const float*>(r->inputs[1])[i % probe.columns];
  }
  return OPENHB_OK;
}

const openhb_attribute_rule kRules[] = {{"mode", OPENHB_ATTRIBUTE_STRING, 0},
                                        {"k", OPENHB_ATTRIBUTE_INTS, 0},
                                        {"scratch", OPENHB_ATTRIBUTE_INT, 0},
                                        {"w", OPENHB_ATTRIBUTE_TENSOR, 0}};

openhb_op make_op() {
  openhb_op op{};
  op.size = sizeof(op);
  op.domain = "test", op.type = "Probe";
  op.attributes = kRules, op.attribute_count = 4;
  op.min_inputs = 1, op.max_inputs = 2, op.min_outputs = op.max_outputs = 1;
  op.infer = infer, op.create = create, op.destroy = destroy, op.cost = cost;
  op.max_parts = max_parts, op.scratch_size = scratch_size, op.run = run;
  return op;
}

}  // namespace

const openhb_op& probe_op() {
  static const openhb_op op = make_op();
  return op;
}

void register_probe() { plugin::add_operator(&probe_op()); }

int live_instances() { return instances; }
int most_parts() { return parts; }

Program probe_program(const plugin::Attributes& attributes, bool second_input, const std::string& type) {
  ProgramBuilder b("probe");
  const uint32_t x = b.tensor("x", DType::f32, {2, 3, 4}), y = b.tensor("y", DType::f32, {2, 3, 4});
  std::vector<uint32_t> inputs{x};
  if (second_input) inputs.push_back(b.constant(Tensor::from<float>({4}, std::vector<float>{1, 2, 3, 4})));
  b.step(CustomParams{"test", type, plugin::encode_attributes(attributes), 0}, inputs, y);
  b.input(x);
  b.output(y);
  return b.finish();
}

}  // namespace openhb::testing
