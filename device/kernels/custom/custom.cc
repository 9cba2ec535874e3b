// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/custom/custom.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "device/kernels/custom/guarded_run.h"
#include "device/kernels/elementwise/checks.h"
#include "device/plugin/node.h"

namespace openhb::kernels {
namespace {

using plugin::NodeView;
using plugin::Operator;
using plugin::TensorType;

constexpr int kMaxParts = 256;
constexpr int64_t kMaxScratch = int64_t{1} << 32;  // of all parts

bool is_absent(const CustomParams& p, size_t input) { return (p.absent >> input & 1) != 0; }

// Of the node: with those that are absent.
size_t count_inputs(const StepView& view, const CustomParams& p) {
  return view.num_inputs() + static_cast<size_t>(std::popcount(static_cast<uint64_t>(p.absent)));
}

const Operator& operator_of(const StepView& view, const CustomParams& p) {
  if (const Operator* op = plugin::find_operator(p.domain, p.type)) return *op;
  fail(ErrorCode::plugin_missing, "the model's node '{}' cannot run: {}", view.step().node,
       plugin::why_missing(p.domain, p.type));
}

std::vector<openhb_tensor> describe_inputs(const StepView& view, const CustomParams& p) {
  std::vector<openhb_tensor> inputs;
  for (size_t i = 0, present = 0; i < count_inputs(view, p); ++i) {
    if (is_absent(p, i)) {
      inputs.emplace_back();
      continue;
    }
    const TensorDesc& t = view.in(present);
    const void* data = view.is_constant(present) ? view.constant<std::byte>(present).data() : nullptr;
    inputs.push_back(plugin::describe_tensor(t.dtype, t.dims, data));
    ++present;
  }
  return inputs;
}

std::vector<TensorType> output_types(const StepView& view) {
  std::vector<TensorType> types;
  for (size_t i = 0; i < view.num_outputs(); ++i) types.push_back({view.out(i).dtype, view.out(i).dims});
  return types;
}

NodeView make_node(const StepView& view, const CustomParams& p) {
  return NodeView(operator_of(view, p), view.step().node, plugin::decode_attributes(p.attributes),
                  describe_inputs(view, p), view.num_outputs(), ErrorCode::program_step);
}

size_t byte_size(const TensorDesc& t) { return static_cast<size_t>(t.elements()) * dtype_size(t.dtype); }

struct alignas(64) Line {
  std::byte bytes[64];
};

class CustomRunner final : public Runner {
 public:
  CustomRunner(const StepView& view, const CustomParams& p, const Binding& binding)
      : op_(operator_of(view, p)) {
    NodeView node = make_node(view, p);
    node.set_outputs(output_types(view));
    for (size_t i = 0, present = 0; i < count_inputs(view, p); ++i) {
      inputs_.push_back(is_absent(p, i) ? nullptr : binding.inputs[present]);
      memory_.inputs.emplace_back();
      if (is_absent(p, i)) continue;
      memory_.inputs.back() = {binding.inputs[present], byte_size(view.in(present))};
      ++present;
    }
    for (size_t i = 0; i < view.num_outputs(); ++i) {
      outputs_.push_back(binding.outputs[i]);
      memory_.outputs.emplace_back(binding.outputs[i], byte_size(view.out(i)));
    }
    instance_ = node.create();
    const char* check = std::getenv("OPENHB_CHECK_PLUGINS");
    guard_ = check && std::string_view(check) == "1";
    reserve(node, binding.threads);
  }

  int max_parts() const override { return guard_ ? 1 : parts_; }

  void run(int part, int parts) noexcept override {
    if (!guard_) {
      call(inputs_.data(), outputs_.data(), part, parts);
      return;
    }
    try {
      run_guarded();
    } catch (const std::exception& e) {
      note_ = e.what();
    }
  }

  const char* take_failure() noexcept override {
    if (!note_.empty()) {
      reported_.swap(note_);
      note_.clear();
      return reported_.c_str();
    }
    const int part = failed_.exchange(-1, std::memory_order_relaxed);
    return part < 0 ? nullptr : failures_[static_cast<size_t>(part)].text();
  }

 private:
  void reserve(const NodeView& node, int threads) {
    const openhb_op& table = op_.table;
    const int wanted = table.max_parts ? table.max_parts(instance_->get()) : 1;
    if (wanted < 1 || wanted > kMaxParts)
      node.failed(fmt::format("the plug-in's max_parts() gives {}, 1 to {} are possible", wanted, kMaxParts));
    parts_ = guard_ ? wanted : std::clamp(wanted, 1, threads);
    const int64_t size = table.scratch_size ? table.scratch_size(instance_->get()) : 0;
    if (size < 0 || size > kMaxScratch / parts_)
      node.failed(
          fmt::format("the plug-in's scratch_size() gives {} bytes for each of {} parts, at most {} "
                      "are possible",
                      size, parts_, kMaxScratch / parts_));
    lines_ = (static_cast<size_t>(size) + sizeof(Line) - 1) / sizeof(Line);
    scratch_.resize(lines_ * static_cast<size_t>(parts_));
    failures_ = std::make_unique<plugin::Failure[]>(static_cast<size_t>(parts_));
  }

  bool call(const void* const* inputs, void* const* outputs, int part, int parts) noexcept {
    const auto p = static_cast<size_t>(part);
    openhb_run run{};
    run.size = sizeof(openhb_run);
    run.part = part, run.parts = parts;
    run.inputs = inputs, run.outputs = outputs;
    run.scratch = lines_ == 0 ? nullptr : scratch_.data() + p * lines_;
    failures_[p].clear();
    int32_t status = -1;
    try {
      status = op_.table.run(instance_->get(), &run, failures_[p].error());
    } catch (...) {  // the plug-in broke its contract, but the application need not end
    }
    if (status == OPENHB_OK) return true;
    failed_.store(part, std::memory_order_relaxed);
    return false;
  }

  // Not for speed: it allocates.
  void run_guarded() {
    bool failed = false;
    note_ = guarded_run(
        memory_, parts_,
        [this](const void* const* inputs, void* const* outputs, int parts) {
          for (int part = 0; part < parts; ++part)
            if (!call(inputs, outputs, part, parts)) return false;
          return true;
        },
        failed);
  }

  const Operator& op_;
  std::unique_ptr<plugin::Instance> instance_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
  RunMemory memory_;
  int parts_ = 1;
  size_t lines_ = 0;  // of scratch per part
  std::vector<Line> scratch_;
  std::unique_ptr<plugin::Failure[]> failures_;  // per part
  std::atomic<int> failed_{-1};                  // a part that did
  bool guard_ = false;
  std::string note_, reported_;  // of a guarded run
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<CustomParams>::validate(const StepView& view, const CustomParams& p) {
  const auto is_name = [](const std::string& s) { return s.find('\0') == std::string::npos; };
  view.require(!p.type.empty() && is_name(p.type) && is_name(p.domain), "its operator has no sound name");
  view.require(view.num_inputs() <= OPENHB_MAX_PORTS && view.num_outputs() >= 1 &&
                   view.num_outputs() <= OPENHB_MAX_PORTS && p.absent >= 0,
               "wrong number of tensors");
  const size_t inputs = count_inputs(view, p);
  view.require(inputs <= OPENHB_MAX_PORTS && p.absent >> inputs == 0, "wrong number of tensors");
  check_tensors(view, view.num_inputs(), view.num_outputs());
  const auto check = [&](const TensorDesc& t) {
    view.require(t.dense() && std::ranges::is_sorted(t.order), "a tensor is not stored in order");
    view.require(t.quant.empty() && plugin::type_number(t.dtype) != OPENHB_TYPE_NONE,
                 "a tensor of codes, or of a type that plug-ins do not get");
  };
  for (size_t i = 0; i < view.num_inputs(); ++i) check(view.in(i));
  for (size_t i = 0; i < view.num_outputs(); ++i) check(view.out(i));
  NodeView node = make_node(view, p);
  const std::vector<TensorType> inferred = node.infer(), stored = output_types(view);
  for (size_t i = 0; i < stored.size(); ++i)
    if (inferred[i] != stored[i])
      node.failed(
          fmt::format("output {} is {} {} in the compiled model, but the plug-in infers {} {}; use the "
                      "plug-in that it was compiled with, or compile it again",
                      i, dtype_name(stored[i].dtype), to_string(stored[i].shape),
                      dtype_name(inferred[i].dtype), to_string(inferred[i].shape)));
}

Cost Kernel<CustomParams>::cost(const StepView& view, const CustomParams& p) {
  NodeView node = make_node(view, p);
  node.set_outputs(output_types(view));
  Cost cost = traffic(view);
  cost.macs = node.cost();
  if (cost.macs < 0) {
    cost.macs = 0;
    for (size_t i = 0; i < view.num_outputs(); ++i) cost.macs += view.out(i).elements();
  }
  return cost;
}

std::unique_ptr<Runner> Kernel<CustomParams>::bind(const StepView& view, const CustomParams& params,
                                                   const Binding& binding) {
  return std::make_unique<CustomRunner>(view, params, binding);
}

}  // namespace openhb
