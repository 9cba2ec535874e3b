// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/model.h"

#include <bit>
#include <charconv>

#include "device/dnn/log.h"

namespace openhb::dnn {
namespace {

// Threads that sessions are prepared for; how many there are is the core's business.
constexpr int kMaxThreads = 64;

std::vector<bool> interruption_points(const Program& program) {
  const auto property = program.properties.find("preemption_points");
  if (property == program.properties.end()) return {};
  std::vector<bool> points(program.steps.size(), false);
  const std::string& text = property->second;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    size_t step = 0;
    const auto result = std::from_chars(at, end, step);
    if (result.ec == std::errc() && step < points.size()) points[step] = true;
    at = std::max(result.ptr, at + 1);
  }
  return points;
}

}  // namespace

LoadedModel::LoadedModel(std::shared_ptr<const engine::Model> model)
    : model_(std::move(model)), interrupt_after_(interruption_points(model_->program())) {
  const Program& program = model_->program();
  for (const ProgramInput& input : program.inputs) {
    inputs_.push_back(std::make_unique<InputPort>(program, input));
    const InputPort& port = *inputs_.back();
    if (port.source() == HB_DNN_INPUT_FROM_RESIZER && resizers_++ == 0) batch_ = port.batch();
  }
  for (const ProgramOutput& output : program.outputs)
    outputs_.push_back(std::make_unique<OutputPort>(program, output));
  if (resizers_ == 0 && !inputs_.empty()) batch_ = inputs_[0]->batch();
}

engine::Session& LoadedModel::take_session() {
  uint32_t idle = idle_.load(std::memory_order_relaxed);
  while (idle != 0)
    if (idle_.compare_exchange_weak(idle, idle & (idle - 1), std::memory_order_acquire))
      return *sessions_[static_cast<size_t>(std::countr_zero(idle))];
  const std::lock_guard lock(making_);
  const auto i = static_cast<size_t>(made_.load(std::memory_order_relaxed));
  if (i == kMaxSessions)
    refuse(HB_DNN_OUT_OF_MEMORY, "model '{}' already runs {} times at once", name(), kMaxSessions);
  sessions_[i] = std::make_unique<engine::Session>(
      model_, engine::SessionOptions{.threads = kMaxThreads, .own_threads = false});
  made_.store(static_cast<int>(i) + 1, std::memory_order_relaxed);
  return *sessions_[i];
}

void LoadedModel::give_back(engine::Session& session) noexcept {
  for (size_t i = 0; i < kMaxSessions; ++i)
    if (sessions_[i].get() == &session) {
      idle_.fetch_or(1u << i, std::memory_order_release);
      return;
    }
}

void LoadedModel::prepare() {
  if (sessions() == 0) give_back(take_session());
}

}  // namespace openhb::dnn
