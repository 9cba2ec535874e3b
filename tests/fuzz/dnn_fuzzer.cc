// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the bytes are a sequence of calls of the C API, with good and bad arguments, on several
// models. Every call gives a documented status; a failing one says why; what was completed has the right
// bits; at the end everything can be given back.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"
#include "dnn/openhb_ext.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

namespace {

using namespace openhb;

#define REQUIRE(condition)                                                                   \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "line %d: %s; %s\n", __LINE__, #condition, openhbGetLastError()); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

int32_t checked(int32_t status) {
  REQUIRE(std::strcmp(openhbGetStatusName(status), "unknown status") != 0);
  REQUIRE(status == 0 || *openhbGetLastError() != '\0');
  return status;
}

// The bytes that decide; zeros when they have run out.
class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : data_(data), end_(data + size) {}
  bool empty() const { return data_ == end_; }
  uint8_t byte() { return empty() ? uint8_t{0} : *data_++; }
  size_t below(size_t n) { return byte() % n; }
  // Often small, sometimes extreme.
  int32_t number() {
    constexpr int32_t kExtremes[] = {-1, 0, 1, 2, 255, 256, 4096, INT32_MAX, INT32_MIN, 16, -16, 65536};
    const uint8_t b = byte();
    return b < 128 ? kExtremes[b % std::size(kExtremes)] : b - 128;
  }

 private:
  const uint8_t *data_, *end_;
};

std::vector<std::byte> bytes_of(const std::vector<hbDNNTensor>& tensors) {
  std::vector<std::byte> all;
  for (const hbDNNTensor& t : tensors) {
    const auto* first = static_cast<const std::byte*>(t.sysMem[0].virAddr);
    all.insert(all.end(), first, first + t.sysMem[0].memSize);
  }
  return all;
}

std::vector<hbDNNTensor> make_tensors(hbDNNHandle_t model, bool inputs) {
  int32_t count = 0;
  REQUIRE((inputs ? hbDNNGetInputCount : hbDNNGetOutputCount)(&count, model) == 0);
  std::vector<hbDNNTensor> tensors(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    hbDNNTensor& t = tensors[static_cast<size_t>(i)];
    const auto get = inputs ? hbDNNGetInputTensorProperties : hbDNNGetOutputTensorProperties;
    REQUIRE(get(&t.properties, model, i) == 0);
    REQUIRE(hbSysAllocMem(&t.sysMem[0], static_cast<uint32_t>(t.properties.alignedByteSize)) == 0);
    if (inputs) std::memset(t.sysMem[0].virAddr, 1, t.sysMem[0].memSize);
  }
  return tensors;
}

void free_tensors(std::vector<hbDNNTensor>& tensors) {
  for (hbDNNTensor& t : tensors) REQUIRE(hbSysFreeMem(&t.sysMem[0]) == 0);
}

// The models' files, inputs and right outputs; made once.
struct Fixture {
  testing::ModelFolder folder{"dnn_fuzzer"};
  std::vector<std::string> files, names;
  std::vector<std::vector<std::byte>> expected;

  Fixture() {
    ::setenv("HB_DNN_LOG_LEVEL", "0", 1);
    for (const Program& p :
         {testing::small_network(), testing::float_network(), testing::quantized_network(),
          testing::mixed_network(), testing::batch_network(3), testing::nv12_network(InputSource::pyramid),
          testing::nv12_network(InputSource::resizer), testing::mixed_sources_network()}) {
      files.push_back(folder.add(p));
      names.push_back(p.name);
    }
    for (size_t i = 0; i < files.size(); ++i) {
      const char* file = files[i].c_str();
      hbPackedDNNHandle_t packed = nullptr;
      hbDNNHandle_t model = nullptr;
      REQUIRE(hbDNNInitializeFromFiles(&packed, &file, 1) == 0);
      REQUIRE(hbDNNGetModelHandle(&model, packed, names[i].c_str()) == 0);
      auto inputs = make_tensors(model, true), outputs = make_tensors(model, false);
      hbDNNInferCtrlParam control;
      HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
      hbDNNTensor* output = outputs.data();
      hbDNNTaskHandle_t task = nullptr;
      expected.emplace_back();
      if (hbDNNInfer(&task, &output, inputs.data(), model, &control) == 0) {  // not those of resizers
        REQUIRE(hbDNNWaitTaskDone(task, 0) == 0);
        REQUIRE(hbDNNReleaseTask(task) == 0);
        expected.back() = bytes_of(outputs);
      }
      free_tensors(inputs), free_tensors(outputs);
      REQUIRE(hbDNNRelease(packed) == 0);
    }
  }
};

struct LoadedModel {
  size_t kind = 0;
  hbPackedDNNHandle_t packed = nullptr;
  hbDNNHandle_t handle = nullptr;
};

// A task with memory of its own, which lives until the task is released.
struct Job {
  hbDNNTaskHandle_t task = nullptr;
  std::vector<size_t> kinds;
  std::vector<std::vector<hbDNNTensor>> inputs, outputs;
  bool open = true;        // takes further models
  bool comparable = true;  // good arguments only
  std::atomic<int> called{0};
};

class Machine {
 public:
  Machine(const Fixture& fixture, Choices choices) : fixture_(fixture), choices_(choices) {}

  void run() {
    for (int calls = 0; !choices_.empty() && calls < 200; ++calls) act();
    for (auto& job : jobs_) end(*job);
    for (LoadedModel& m : models_) REQUIRE(hbDNNRelease(m.packed) == 0);
  }

 private:
  void act() {
    switch (choices_.below(14)) {
      case 0:
        return load();
      case 1:
        return unload();
      case 2:
      case 3:
      case 4:
        return submit(false);
      case 5:
        return submit(true);
      case 6:
        return wait();
      case 7:
        return release();
      case 8:
        return callback();
      case 9:
        return ask();
      case 10:
        return roi();
      case 11:
        return memory();
      case 12:
        return stale();
      default:
        return settings();
    }
  }

  // A handle that is good, was good once, or never was.
  void* handle(void* good) {
    switch (choices_.below(8)) {
      case 0:
        return nullptr;
      case 1:
        return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(good) ^
                                       (uintptr_t{1} << choices_.below(64)));
      case 2:
        return stale_.empty() ? &stale_ : stale_[choices_.below(stale_.size())];
      default:
        return good;
    }
  }
  LoadedModel* any_model() { return models_.empty() ? nullptr : &models_[choices_.below(models_.size())]; }
  Job* any_job() { return jobs_.empty() ? nullptr : jobs_[choices_.below(jobs_.size())].get(); }

  void load() {
    if (models_.size() >= 6) return;
    LoadedModel m;
    m.kind = choices_.below(fixture_.files.size());
    const char* files[2] = {fixture_.files[m.kind].c_str(), nullptr};
    const int32_t count = choices_.below(8) == 0 ? choices_.number() % 3 : 1;
    const int32_t status = checked(hbDNNInitializeFromFiles(&m.packed, files, count));
    if (status != 0) {
      REQUIRE(m.packed == nullptr && count != 1);
      return;
    }
    const char* name = fixture_.names[m.kind].c_str();
    REQUIRE(hbDNNGetModelHandle(&m.handle, m.packed, name) == 0);
    models_.push_back(m);
  }

  void unload() {
    LoadedModel* m = any_model();
    if (!m) return;
    void* packed = handle(m->packed);
    const int32_t status = checked(hbDNNRelease(packed));
    if (status != 0) return;
    // Only a good handle can be released; which of them it was we look up.
    for (size_t i = 0; i < models_.size(); ++i)
      if (models_[i].packed == packed) {
        stale_.push_back(packed), stale_.push_back(models_[i].handle);
        models_.erase(models_.begin() + static_cast<std::ptrdiff_t>(i));
        return;
      }
    constexpr bool kForeignHandleReleased = true;
    REQUIRE(!kForeignHandleReleased);
  }

  // Something that an application gets wrong.
  void damage(hbDNNTensor& t) {
    hbDNNTensorProperties& p = t.properties;
    switch (choices_.below(8)) {
      case 0:
        t.sysMem[0].virAddr = nullptr;
        break;
      case 1:
        t.sysMem[0].memSize = std::min(t.sysMem[0].memSize, static_cast<uint32_t>(choices_.byte()));
        break;
      case 2:
        p.tensorType = choices_.number();
        break;
      case 3:
        p.alignedShape.numDimensions = choices_.number();
        break;
      case 4:
        p.alignedShape.dimensionSize[choices_.below(8)] = choices_.number();
        break;
      case 5:
        p.validShape.dimensionSize[choices_.below(8)] = choices_.number();
        break;
      case 6:
        p.stride[choices_.below(8)] = choices_.number();
        break;
      default:
        p.alignedByteSize = choices_.number();
    }
  }

  void submit(bool add) {
    LoadedModel* m = any_model();
    if (!m) return;
    Job* job = add ? any_job() : nullptr;
    std::unique_ptr<Job> fresh;
    if (!job) fresh = std::make_unique<Job>(), job = fresh.get();
    auto inputs = make_tensors(m->handle, true), outputs = make_tensors(m->handle, false);
    auto given_inputs = inputs, given_outputs = outputs;
    given_inputs.resize(inputs.size() + 8);  // for damage that says: one sample per tensor
    const bool bad = choices_.below(4) == 0;
    if (bad) damage(given_inputs[choices_.below(inputs.size())]);
    if (choices_.below(16) == 0) damage(given_outputs[choices_.below(given_outputs.size())]);
    hbDNNInferCtrlParam control;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
    control.priority = choices_.below(8) == 0 ? choices_.number() : choices_.byte();
    control.bpuCoreId = choices_.below(8) == 0 ? choices_.number() : static_cast<int32_t>(choices_.below(4));
    control.more = choices_.below(3) == 0;
    control.customId = choices_.number();
    hbDNNTensor* output = given_outputs.data();
    void* model = choices_.below(8) == 0 ? handle(m->handle) : m->handle;
    for (const LoadedModel& other : models_)
      if (model == other.handle) model = m->handle;  // the arrays are made for this one
    const hbDNNTaskHandle_t before = job->task;
    const int32_t status = checked(hbDNNInfer(&job->task, &output, given_inputs.data(), model, &control));
    if (status != 0) {
      REQUIRE(job->task == before);
      free_tensors(inputs), free_tensors(outputs);
      return;
    }
    REQUIRE(job->open);
    job->open = control.more != 0;
    job->comparable = job->comparable && !bad && model == m->handle;
    job->kinds.push_back(m->kind);
    job->inputs.push_back(std::move(inputs)), job->outputs.push_back(std::move(outputs));
    if (fresh) jobs_.push_back(std::move(fresh));
  }

  void roi() {
    LoadedModel* m = any_model();
    if (!m) return;
    int32_t inputs_each = 0;
    REQUIRE(hbDNNGetInputCount(&inputs_each, m->handle) == 0);
    const size_t samples = 1 + choices_.below(4);
    auto job = std::make_unique<Job>();
    job->comparable = false;
    std::vector<hbDNNTensor> inputs;
    std::vector<hbDNNRoi> rois(16);
    for (size_t s = 0; s < samples; ++s)
      for (hbDNNTensor& t : make_tensors(m->handle, true)) inputs.push_back(t);
    for (hbDNNRoi& r : rois) {
      r = {0, 0, 15, 11};
      if (choices_.below(4) == 0)
        r = {choices_.number(), choices_.number(), choices_.number(), choices_.number()};
    }
    auto outputs = make_tensors(m->handle, false);
    for (hbDNNTensor& t : outputs) {
      const uint32_t size = t.sysMem[0].memSize;
      REQUIRE(hbSysFreeMem(&t.sysMem[0]) == 0);
      REQUIRE(hbSysAllocMem(&t.sysMem[0], size * static_cast<uint32_t>(samples)) == 0);
    }
    auto given = inputs, given_outputs = outputs;
    if (choices_.below(4) == 0) damage(given[choices_.below(given.size())]);
    if (choices_.below(8) == 0) damage(given_outputs[choices_.below(given_outputs.size())]);
    hbDNNInferCtrlParam control;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
    control.priority = choices_.byte();
    hbDNNTensor* output = given_outputs.data();
    int32_t resizers = 0;
    for (int32_t i = 0; i < inputs_each; ++i) {
      int32_t source = -1;
      REQUIRE(hbDNNGetInputSource(&source, m->handle, i) == 0);
      resizers += source == HB_DNN_INPUT_FROM_RESIZER;
    }
    // More regions than there are tensors for would be our own mistake.
    int32_t count = static_cast<int32_t>(samples) * resizers;
    if (choices_.below(4) == 0) count = std::min(count, choices_.number());
    if (checked(hbDNNRoiInfer(&job->task, &output, given.data(), rois.data(), count, m->handle, &control)) !=
        0) {
      free_tensors(inputs), free_tensors(outputs);
      return;
    }
    job->open = false;
    job->inputs.push_back(std::move(inputs)), job->outputs.push_back(std::move(outputs));
    jobs_.push_back(std::move(job));
  }

  void check_outputs(const Job& job) {
    for (size_t i = 0; job.comparable && i < job.kinds.size(); ++i)
      REQUIRE(bytes_of(job.outputs[i]) == fixture_.expected[job.kinds[i]]);
  }

  void wait() {
    Job* job = any_job();
    if (!job) return;
    // For ever only when it ends by itself.
    const int32_t timeout =
        choices_.below(2) == 0 || job->open ? static_cast<int32_t>(1 + choices_.below(2)) : 0;
    const bool good = choices_.below(4) != 0;
    const int32_t status = checked(hbDNNWaitTaskDone(good ? job->task : handle(job->task), timeout));
    if (!good) return;
    if (job->open) REQUIRE(status == HB_DNN_API_USE_ERROR);
    if (status == 0) check_outputs(*job);
    openhbTaskTimes times = {};
    times.structSize = choices_.below(4) == 0 ? static_cast<uint32_t>(choices_.number()) % 64 : sizeof times;
    const int32_t told = checked(openhbGetTaskTimes(&times, job->task));
    if (status == 0 && times.structSize == sizeof times) REQUIRE(told == 0);
  }

  void end(Job& job) {
    REQUIRE(checked(hbDNNReleaseTask(job.task)) == 0);
    free_job(job);
  }
  void free_job(Job& job) {
    stale_.push_back(job.task);
    for (auto& t : job.inputs) free_tensors(t);
    for (auto& t : job.outputs) free_tensors(t);
  }

  void release() {
    if (jobs_.empty()) return;
    const size_t i = choices_.below(jobs_.size());
    end(*jobs_[i]);
    REQUIRE(hbDNNReleaseTask(jobs_[i]->task) == HB_DNN_INVALID_TASK_HANDLE);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  void callback() {
    Job* job = any_job();
    if (!job) return;
    const bool releases = choices_.below(2) == 0 && !job->open;
    const auto count = [](hbDNNTaskHandle_t, int32_t, void* j) { ++static_cast<Job*>(j)->called; };
    const auto count_and_release = [](hbDNNTaskHandle_t task, int32_t, void* j) {
      REQUIRE(hbDNNReleaseTask(task) == 0);
      ++static_cast<Job*>(j)->called;
    };
    const auto chosen = releases ? +count_and_release : +count;
    if (checked(hbDNNSetTaskDoneCb(job->task, chosen, job)) != 0 || !releases) return;
    while (job->called == 0) std::this_thread::yield();
    check_outputs(*job);
    free_job(*job);
    std::erase_if(jobs_, [&](const auto& j) { return j.get() == job; });
  }

  void ask() {
    LoadedModel* m = any_model();
    void* model = handle(m ? m->handle : nullptr);
    int32_t number = 0;
    const char* name = nullptr;
    hbDNNTensorProperties properties;
    const int32_t i = choices_.number();
    checked(hbDNNGetInputCount(&number, model));
    checked(hbDNNGetOutputCount(&number, model));
    checked(hbDNNGetInputName(&name, model, i));
    checked(hbDNNGetOutputName(&name, model, i));
    checked(hbDNNGetInputTensorProperties(&properties, model, i));
    checked(hbDNNGetOutputTensorProperties(&properties, model, i));
    checked(hbDNNGetInputSource(&number, model, i));
    openhbModelMemory memory = {};
    memory.structSize = sizeof memory;
    checked(openhbGetModelMemory(&memory, model));
  }

  void memory() {
    hbSysMem mem = {};
    const uint32_t size = choices_.byte();
    const bool cached = choices_.below(2) == 0;
    const int32_t status = checked((cached ? hbSysAllocCachedMem : hbSysAllocMem)(&mem, size));
    REQUIRE((status == 0) == (size > 0));
    if (status != 0) return;
    std::vector<char> bytes(512);
    const auto n = static_cast<uint32_t>(choices_.byte()) * 2;
    const int32_t wrote = checked(hbSysWriteMem(&mem, bytes.data(), n));
    REQUIRE((wrote == 0) == (n <= size));
    REQUIRE((checked(hbSysReadMem(bytes.data(), &mem, n)) == 0) == (n <= size));
    checked(hbSysFlushMem(&mem, choices_.number()));
    hbSysMem other = mem;
    if (choices_.below(4) == 0) {
      other.virAddr = static_cast<char*>(other.virAddr) + 1 + choices_.byte();
      other.phyAddr = reinterpret_cast<uintptr_t>(other.virAddr);
      REQUIRE(checked(hbSysFreeMem(&other)) != 0);
    }
    REQUIRE(hbSysFreeMem(&mem) == 0);
    REQUIRE(checked(hbSysFreeMem(&mem)) != 0);
  }

  void stale() {
    if (stale_.empty()) return;
    void* old = stale_[choices_.below(stale_.size())];
    int32_t count = 0;
    const char** names = nullptr;
    REQUIRE(checked(hbDNNGetInputCount(&count, old)) == HB_DNN_INVALID_DNN_HANDLE);
    REQUIRE(checked(hbDNNReleaseTask(old)) == HB_DNN_INVALID_TASK_HANDLE);
    REQUIRE(checked(hbDNNWaitTaskDone(old, 1)) == HB_DNN_INVALID_TASK_HANDLE);
    REQUIRE(checked(hbDNNGetModelNameList(&names, &count, old)) == HB_DNN_INVALID_PACKED_DNN_HANDLE);
    REQUIRE(checked(hbDNNRelease(old)) == HB_DNN_INVALID_PACKED_DNN_HANDLE);
  }

  void settings() {
    const int32_t core = choices_.number(), threads = static_cast<int32_t>(choices_.below(4));
    checked(openhbSetCoreThreads(core, threads, choices_.byte()));
    int32_t now = 0;
    uint64_t mask = 0;
    checked(openhbGetCoreThreads(core, &now, &mask));
  }

  const Fixture& fixture_;
  Choices choices_;
  std::vector<LoadedModel> models_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::vector<void*> stale_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture fixture;
  Machine(fixture, Choices(data, size)).run();
  return 0;
}
