// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/collect.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "common/io/interrupt.h"
#include "host/compiler/evaluate.h"

namespace openhb::compiler {
namespace {

// The sum of each channel (logical axis 1, of matrices the last one), in the order of the memory.
void add_channel_sums(const TensorDesc& desc, const float* data, std::vector<double>& sums) {
  const size_t rank = desc.rank();
  if (rank == 0 || desc.elements() == 0) return;
  const size_t axis = rank >= 3 ? 1 : rank - 1;
  const auto k = static_cast<size_t>(std::ranges::find(desc.order, axis) - desc.order.begin());
  const auto channels = static_cast<size_t>(desc.dims[k]);
  sums.resize(channels, 0.0);
  const auto row = static_cast<size_t>(desc.dims.back()), pitch = static_cast<size_t>(desc.pitch),
             rows = static_cast<size_t>(desc.elements()) / row;
  if (k + 1 == rank) {
    for (size_t r = 0; r < rows; ++r)
      for (size_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(data[r * pitch + c]);
    return;
  }
  size_t inner = 1;  // rows per channel
  for (size_t d = k + 1; d + 1 < rank; ++d) inner *= static_cast<size_t>(desc.dims[d]);
  for (size_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (size_t i = 0; i < row; ++i) sum += static_cast<double>(data[r * pitch + i]);
    sums[r / inner % channels] += sum;
  }
}

// Inputs of integer sums of products: what bias correction asks for.
std::set<std::string> values_for_means(const graph::Graph& graph) {
  std::set<std::string> names;
  for (const auto& node : graph.nodes())
    if (node->int8 && node->input(0) && node->input(2) && node->input(2)->is_constant())
      names.insert(node->input(0)->name);
  return names;
}

class Collector {
 public:
  Collector(const graph::Graph& graph, const SampleReader& samples, const Plan& plan, Checkpoint& checkpoint,
            const Reporter& reporter)
      : graph_(graph),
        samples_(samples),
        plan_(plan),
        checkpoint_(checkpoint),
        reporter_(reporter),
        for_means_(values_for_means(graph)) {
    total_.done.resize(samples.size());
    for (const graph::Value* v : precision::values_to_calibrate(graph)) total_.histograms[v->name];
    own_.resize(static_cast<size_t>(plan.workers), total_.histograms);
    Statistics stored;
    if (checkpoint.restore(stored, total_)) {
      total_ = std::move(stored);
      reporter.info(fmt::format("Continuing from the checkpoint '{}': {} of {} samples are done.",
                                checkpoint.path(), total_.count(), samples.size()));
    }
    for (size_t s = 0; s < samples.size(); ++s)
      if (!total_.done[s]) todo_.push_back(s);
    finished_ = samples.size() - todo_.size();
  }

  Statistics run() {
    if (!todo_.empty()) {
      std::vector<std::jthread> workers;
      for (int w = 0; w < plan_.workers; ++w)
        workers.emplace_back([this, w] { work(static_cast<size_t>(w)); });
      try {
        watch();
      } catch (...) {
        const std::lock_guard lock(mutex_);
        stopped_ = true, paused_ = false;
        changed_.notify_all();
        throw;
      }
    }
    merge();
    return std::move(total_);
  }

 private:
  void work(size_t w) {
    std::unique_ptr<GraphRunner> runner;
    while (true) {
      size_t sample = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !paused_; });
        if (stopped_ || next_ == todo_.size()) return;
        sample = todo_[next_++];
        ++active_;
      }
      std::exception_ptr error;
      ChannelSums sums;
      try {
        if (!runner) runner = std::make_unique<GraphRunner>(plan_.real, plan_.threads);
        take(*runner, sample, own_[w], sums);
      } catch (...) {
        error = std::current_exception();
      }
      const std::lock_guard lock(mutex_);
      --active_;
      // Of several bad samples the first one is told, however many workers there are.
      if (error && (!error_ || sample < bad_)) error_ = error, bad_ = sample;
      if (error) {
        stopped_ = true;
      } else {
        total_.done[sample] = true;
        if (sample < kSamplesForMeans) total_.add(sample, std::move(sums));
        ++finished_;
      }
      changed_.notify_all();
    }
  }

  void take(GraphRunner& runner, size_t sample, Histograms& histograms, ChannelSums& sums) {
    const auto inputs = samples_.floats(sample);
    for (size_t i = 0; i < graph_.inputs.size(); ++i)
      if (const auto it = histograms.find(graph_.inputs[i]->name); it != histograms.end())
        it->second.add(inputs[i].data<float>());
    const bool means = sample < kSamplesForMeans;
    runner.run(inputs, [&](const TensorDesc& desc, const std::byte* data) {
      if (desc.dtype != DType::f32) return;
      const auto* values = reinterpret_cast<const float*>(data);
      if (means && for_means_.contains(desc.name)) {
        std::vector<double>& list = sums[desc.name];
        add_channel_sums(desc, values, list);
        const std::lock_guard lock(mutex_);
        total_.values[desc.name] = static_cast<uint64_t>(desc.elements()) / std::max<size_t>(list.size(), 1);
      }
      const auto it = histograms.find(desc.name);
      if (it == histograms.end()) return;
      if (desc.dense())
        it->second.add({values, static_cast<size_t>(desc.elements())});
      else
        it->second.add(real_values(desc, data));
    });
  }

  // On the calling thread: progress, checkpoints, Ctrl-C.
  void watch() {
    size_t told = finished_;
    std::unique_lock lock(mutex_);
    while (active_ > 0 || (!stopped_ && next_ < todo_.size())) {
      changed_.wait_for(lock, std::chrono::milliseconds(100));
      if (interrupted()) stopped_ = true;
      if (told < finished_) {
        told = finished_;
        lock.unlock();
        reporter_.progress("calibration", told, samples_.size());
        lock.lock();
      }
      if (!stopped_ && checkpoint_.due()) save(lock);
    }
    if (error_) std::rethrow_exception(error_);
    if (!interrupted()) return;
    save(lock);
    lock.unlock();
    check_interrupt();
  }

  // Between samples, so that what is stored belongs to whole samples.
  void save(std::unique_lock<std::mutex>& lock) {
    paused_ = true;
    changed_.wait(lock, [&] { return active_ == 0; });
    if (!error_) {
      merge();
      checkpoint_.update(total_);
    }
    paused_ = false;
    changed_.notify_all();
    lock.unlock();
    checkpoint_.write();
    lock.lock();
  }

  void merge() {
    for (Histograms& own : own_)
      for (auto& [name, histogram] : own) {
        total_.histograms[name].merge(histogram);
        histogram = {};
      }
  }

  const graph::Graph& graph_;
  const SampleReader& samples_;
  const Plan& plan_;
  Checkpoint& checkpoint_;
  const Reporter& reporter_;
  const std::set<std::string> for_means_;

  std::mutex mutex_;  // over everything below
  std::condition_variable changed_;
  std::vector<size_t> todo_;
  size_t next_ = 0, finished_ = 0, bad_ = 0;
  int active_ = 0;
  bool paused_ = false, stopped_ = false;
  std::exception_ptr error_;
  std::vector<Histograms> own_;  // one per worker, touched by it alone while a sample runs
  Statistics total_;
};

}  // namespace

Statistics collect_statistics(const graph::Graph& graph, const SampleReader& samples, const Plan& plan,
                              Checkpoint& checkpoint, const Reporter& reporter) {
  Statistics statistics = Collector(graph, samples, plan, checkpoint, reporter).run();
  for (const auto& [name, h] : statistics.histograms)
    if (h.non_finite() > 0)
      reporter.warn(
          fmt::format("tensor '{}' held {} NaN or infinite values during calibration; they were ignored",
                      name, h.non_finite()));
  return statistics;
}

}  // namespace openhb::compiler
