// SPDX-License-Identifier: Apache-2.0
// Tensors of the wrong size, shape and type, parameters out of range, regions outside of pictures, calls at
// the wrong time, too many of everything.
#include <atomic>
#include <chrono>
#include <climits>
#include <functional>
#include <thread>

#include "tests/device/dnn/gate.h"
#include "tests/device/dnn/refused.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

class BadTensors : public ::testing::Test {
 protected:
  hbDNNHandle_t model(const std::string& name) const { return pack_.model(name); }

  // A change to the tensors or parameters makes the call fail; nothing is submitted.
  struct Call {
    std::vector<hbDNNTensor> inputs, outputs;
    hbDNNInferCtrlParam control = control_parameters();
  };
  void expect_bad(hbDNNHandle_t handle, const char* title, const std::function<void(Call&)>& change,
                  const char* word = "") {
    SCOPED_TRACE(title);
    Tensors tensors(handle, 1);
    const std::vector<std::byte> before = tensors.output_bytes();
    Call call{tensors.inputs, tensors.outputs};
    change(call);
    hbDNNTaskHandle_t task = nullptr;
    hbDNNTensor* output = call.outputs.data();
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT,
                   hbDNNInfer(&task, &output, call.inputs.data(), handle, &call.control), word);
    EXPECT_EQ(task, nullptr);
    if (task) hbDNNReleaseTask(task);
    EXPECT_EQ(tensors.output_bytes(), before);
  }

  ModelFolder folder_{"bad_tensors"};
  Pack pack_{{folder_.add(small_network()), folder_.add(quantized_network()), folder_.add(float_network()),
              folder_.add(batch_network(4)), folder_.add(nv12_network(InputSource::pyramid)),
              folder_.add(nv12_network(InputSource::resizer)), folder_.add(mixed_sources_network())}};
};

TEST_F(BadTensors, Memory) {
  for (const char* name : {"small_network", "quantized_network", "nv12_pyramid"}) {
    SCOPED_TRACE(name);
    const hbDNNHandle_t handle = model(name);
    expect_bad(handle, "input without memory", [](Call& c) { c.inputs[0].sysMem[0] = {}; });
    expect_bad(handle, "input of null", [](Call& c) { c.inputs[0].sysMem[0].virAddr = nullptr; });
    expect_bad(handle, "input a byte short", [](Call& c) { --c.inputs[0].sysMem[0].memSize; }, "memSize");
    expect_bad(handle, "input of size 0", [](Call& c) { c.inputs[0].sysMem[0].memSize = 0; });
    expect_bad(handle, "output of null", [](Call& c) { c.outputs.back().sysMem[0].virAddr = nullptr; });
    expect_bad(
        handle, "output a byte short", [](Call& c) { --c.outputs.back().sysMem[0].memSize; }, "memSize");
    expect_bad(handle, "output of size 0", [](Call& c) { c.outputs[0].sysMem[0].memSize = 0; });
  }
}

TEST_F(BadTensors, TypesAndShapes) {
  for (const char* name : {"small_network", "quantized_network", "float_network", "nv12_pyramid"}) {
    SCOPED_TRACE(name);
    const hbDNNHandle_t handle = model(name);
    const int32_t right = Tensors(handle, 1).inputs[0].properties.tensorType;
    for (int32_t type = -1; type <= HB_DNN_TENSOR_TYPE_MAX + 1; ++type) {
      if (type == right || (right == HB_DNN_IMG_TYPE_NV12 && type == HB_DNN_IMG_TYPE_NV12_SEPARATE)) continue;
      expect_bad(handle, "type", [&](Call& c) { c.inputs[0].properties.tensorType = type; });
    }
    for (int32_t rank : {-1, 0, 1, 3, 5, 8, 9, 1000, INT_MAX, INT_MIN})
      expect_bad(handle, "dimensions",
                 [&](Call& c) { c.inputs[0].properties.alignedShape.numDimensions = rank; });
    for (int32_t extent : {-1, 0, 5, INT_MAX, INT_MIN})
      expect_bad(handle, "extent", [&](Call& c) {
        hbDNNTensorShape& s = c.inputs[0].properties.alignedShape;
        s.dimensionSize[s.numDimensions - 1] = extent;
      });
  }
}

TEST_F(BadTensors, SeparatePlanes) {
  const hbDNNHandle_t handle = model("nv12_pyramid");
  const auto separate = [](Call& c) {
    c.inputs[0].properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
    c.inputs[0].sysMem[1] = c.inputs[0].sysMem[0];
    c.inputs[0].sysMem[0].memSize = 48 * 32;
    c.inputs[0].sysMem[1].memSize = 48 * 16;
  };
  const auto with = [&](auto change) {
    return [=](Call& c) {
      separate(c);
      change(c);
    };
  };
  expect_bad(handle, "no UV plane", with([](Call& c) { c.inputs[0].sysMem[1] = {}; }));
  expect_bad(handle, "UV a byte short", with([](Call& c) { --c.inputs[0].sysMem[1].memSize; }));
  expect_bad(handle, "Y a byte short", with([](Call& c) { --c.inputs[0].sysMem[0].memSize; }));
  Tensors tensors(handle, 1);
  ASSERT_DONE(tensors.run());
  const auto expected = tensors.output_bytes();
  tensors.clear_outputs();
  hbDNNTensor& input = tensors.inputs[0];
  input.properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
  input.sysMem[1] = input.sysMem[0];
  input.sysMem[1].virAddr = static_cast<char*>(input.sysMem[0].virAddr) + 48 * 32;
  input.sysMem[1].phyAddr += 48 * 32;
  input.sysMem[1].memSize = 48 * 16;
  EXPECT_DONE(tensors.run());
  EXPECT_EQ(tensors.output_bytes(), expected);
}

// Strides, names of layouts and quantization are the model's: what an application has in those fields
// changes nothing.
TEST_F(BadTensors, OtherFieldsHaveNoEffect) {
  for (const char* name : {"small_network", "quantized_network"}) {
    Tensors tensors(model(name), 1);
    ASSERT_DONE(tensors.run());
    const auto expected = tensors.output_bytes();
    tensors.clear_outputs();
    for (auto* list : {&tensors.inputs, &tensors.outputs})
      for (hbDNNTensor& t : *list) {
        for (int32_t& s : t.properties.stride) s = -7;
        t.properties.scale = {1000, nullptr, 1000, nullptr};
        t.properties.shift = {-1, nullptr};
        t.properties.quantizeAxis = 1000;
        t.properties.alignedByteSize = -1;
      }
    EXPECT_DONE(tensors.run());
    EXPECT_EQ(tensors.output_bytes(), expected);
  }
}

TEST_F(BadTensors, Control) {
  const hbDNNHandle_t handle = model("small_network");
  for (int32_t core : {-1, 4, 5, 8, 255, INT_MAX, INT_MIN})
    expect_bad(handle, "core", [&](Call& c) { c.control.bpuCoreId = core; });
  for (int32_t priority : {-1, 256, 1000, INT_MAX, INT_MIN})
    expect_bad(handle, "priority", [&](Call& c) { c.control.priority = priority; });
}

TEST_F(BadTensors, Batch) {
  const hbDNNHandle_t handle = model("batch_network");
  for (int32_t samples : {-1, 0, 2, 3, 5, INT_MAX})
    expect_bad(handle, "samples",
               [&](Call& c) { c.inputs[0].properties.alignedShape.dimensionSize[0] = samples; });
  // One sample each: as many tensors as samples, the last of which is too small.
  Tensors whole(handle, 1);
  ASSERT_DONE(whole.run());
  const auto expected = whole.output_bytes();
  std::vector<hbDNNTensor> single(4, whole.inputs[0]);
  for (size_t i = 0; i < 4; ++i) {
    single[i].properties.alignedShape.dimensionSize[0] = 1;
    single[i].sysMem[0].virAddr = static_cast<float*>(whole.inputs[0].sysMem[0].virAddr) + 16 * i;
    single[i].sysMem[0].phyAddr += 64 * i;
    single[i].sysMem[0].memSize = 64;
  }
  whole.clear_outputs();
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* output = whole.outputs.data();
  hbDNNInferCtrlParam control = control_parameters();
  single[3].sysMem[0].memSize = 63;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(&task, &output, single.data(), handle, &control));
  single[3].sysMem[0].memSize = 64;
  single[2].properties.tensorType = HB_DNN_TENSOR_TYPE_S8;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(&task, &output, single.data(), handle, &control));
  single[2].properties.tensorType = HB_DNN_TENSOR_TYPE_F32;
  ASSERT_DONE(hbDNNInfer(&task, &output, single.data(), handle, &control));
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_DONE(hbDNNReleaseTask(task));
  EXPECT_EQ(whole.output_bytes(), expected);
}

TEST_F(BadTensors, TaskHandleInUse) {
  Tensors tensors(model("small_network"), 1);
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters()));
  const hbDNNTaskHandle_t before = task;
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, tensors.submit(&task, control_parameters()));
  EXPECT_EQ(task, before);
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, tensors.submit(&task, control_parameters()));
  EXPECT_DONE(hbDNNReleaseTask(task));
}

TEST_F(BadTensors, More) {
  Tensors tensors(model("small_network"), 1);
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters(0, 0, 1)));
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, hbDNNWaitTaskDone(task, 1));
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, hbDNNWaitTaskDone(task, 0));
  openhbTaskTimes times = {};
  times.structSize = sizeof times;
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, openhbGetTaskTimes(&times, task));
  // A bad addition leaves the task as it was.
  hbDNNTensor* output = tensors.outputs.data();
  hbDNNInferCtrlParam control = control_parameters();
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT,
                 hbDNNInfer(&task, &output, nullptr, model("small_network"), &control));
  for (int i = 1; i < 254; ++i) ASSERT_DONE(tensors.submit(&task, control_parameters(0, 0, 1)));
  ASSERT_DONE(tensors.submit(&task, control_parameters(0, 0, 1)));  // the 255th
  EXPECT_REFUSED(HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT, tensors.submit(&task, control_parameters(0, 0, 1)),
                 "255");
  EXPECT_REFUSED(HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT, tensors.submit(&task, control_parameters()), "255");
  EXPECT_DONE(hbDNNReleaseTask(task));
  // A task that waits for models can be released, and its models then, too.
  task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters(0, 0, 1)));
  EXPECT_REFUSED(HB_DNN_MODEL_IS_RUNNING, hbDNNRelease(pack_.packed()));
  EXPECT_DONE(hbDNNReleaseTask(task));
}

TEST_F(BadTensors, TooManyTasks) {
  Tensors tensors(model("small_network"), 1);
  std::vector<hbDNNTaskHandle_t> tasks(32);
  for (auto& t : tasks) ASSERT_DONE(tensors.submit(&t, control_parameters()));
  hbDNNTaskHandle_t task = nullptr;
  EXPECT_REFUSED(HB_DNN_TASK_NUM_EXCEED_LIMIT, tensors.submit(&task, control_parameters()), "32",
                 "hbDNNReleaseTask");
  EXPECT_EQ(task, nullptr);
  // Finished ones count until they are released.
  for (auto& t : tasks) EXPECT_DONE(hbDNNWaitTaskDone(t, 0));
  EXPECT_REFUSED(HB_DNN_TASK_NUM_EXCEED_LIMIT, tensors.submit(&task, control_parameters()));
  EXPECT_DONE(hbDNNReleaseTask(tasks[7]));
  tasks[7] = nullptr;
  EXPECT_DONE(tensors.submit(&tasks[7], control_parameters()));
  for (auto& t : tasks) EXPECT_DONE(hbDNNReleaseTask(t));
}

TEST_F(BadTensors, WaitAndCallbacks) {
  Tensors tensors(model("small_network"), 1);
  hbDNNTaskHandle_t task = nullptr;
  auto gate = std::make_unique<Gate>();
  ASSERT_DONE(tensors.submit(&task, control_parameters()));
  EXPECT_REFUSED(HB_DNN_TIMEOUT, hbDNNWaitTaskDone(task, 1));
  openhbTaskTimes times = {};
  times.structSize = sizeof times;
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, openhbGetTaskTimes(&times, task));
  std::atomic<int> calls{0};
  const auto count = [](hbDNNTaskHandle_t, int32_t status, void* calls) {
    if (status == 0) ++*static_cast<std::atomic<int>*>(calls);
  };
  EXPECT_DONE(hbDNNSetTaskDoneCb(task, count, &calls));
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, hbDNNSetTaskDoneCb(task, count, &calls));
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, openhbSetCoreThreads(HB_BPU_CORE_0, 1, 0));
  gate->open();
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_DONE(hbDNNWaitTaskDone(task, 1));  // as often as one likes
  for (uint32_t size : {0u, 1u, 3u}) {
    times.structSize = size;
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetTaskTimes(&times, task), "structSize");
  }
  EXPECT_DONE(hbDNNReleaseTask(task));
  EXPECT_EQ(calls, 1);
  // One that is released before it is done calls nothing.
  gate.reset();
  gate = std::make_unique<Gate>();
  task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters(0, HB_BPU_CORE_0)));
  EXPECT_DONE(hbDNNSetTaskDoneCb(task, count, &calls));
  hbDNNTaskHandle_t queued = nullptr;
  gate->wait_for_run();
  ASSERT_DONE(tensors.submit(&queued, control_parameters(0, HB_BPU_CORE_0)));
  EXPECT_DONE(hbDNNSetTaskDoneCb(queued, count, &calls));
  EXPECT_DONE(hbDNNReleaseTask(queued));
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the release below waits meanwhile
    gate->open();
  });
  EXPECT_DONE(hbDNNReleaseTask(task));
  opener.join();
  EXPECT_DONE(Tensors(model("small_network"), 1).run());
  EXPECT_EQ(calls, 1);
}

// What a callback may not do is refused; the rest works, also while another thread wants the core to end.
TEST_F(BadTensors, CallsInCallbacks) {
  Tensors tensors(model("small_network"), 1);
  struct State {
    std::atomic<int> step{0};
    int32_t set = 0, get = 0, threads = 0;
  } state;
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters(0, HB_BPU_CORE_0)));
  const auto callback = [](hbDNNTaskHandle_t, int32_t, void* userdata) {
    State& s = *static_cast<State*>(userdata);
    s.step = 1;
    while (s.step == 1) std::this_thread::yield();
    uint64_t mask = 0;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the other thread is inside its call now
    s.set = openhbSetCoreThreads(HB_BPU_CORE_0, 1, 0);
    s.get = openhbGetCoreThreads(HB_BPU_CORE_0, &s.threads, &mask);
    s.step = 3;
  };
  int32_t threads = 0;
  uint64_t mask = 0;
  ASSERT_DONE(openhbGetCoreThreads(HB_BPU_CORE_0, &threads, &mask));
  ASSERT_DONE(hbDNNWaitTaskDone(task, 0));
  // The task is done, so that this is called here, not on the core's thread; then one on the core's.
  std::thread outside([&] {
    while (state.step == 0) std::this_thread::yield();
    state.step = 2;
    EXPECT_DONE(openhbSetCoreThreads(HB_BPU_CORE_0, threads, mask));
  });
  ASSERT_DONE(hbDNNSetTaskDoneCb(task, callback, &state));
  outside.join();
  EXPECT_DONE(state.get);
  EXPECT_DONE(hbDNNReleaseTask(task));

  State second;
  Gate gate;
  task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters(0, HB_BPU_CORE_0)));
  ASSERT_DONE(hbDNNSetTaskDoneCb(task, callback, &second));
  gate.open();
  while (second.step != 1) std::this_thread::yield();
  second.step = 2;
  EXPECT_DONE(openhbSetCoreThreads(HB_BPU_CORE_0, threads, mask));  // waits for the callback
  EXPECT_EQ(second.step, 3);
  EXPECT_EQ(second.set, HB_DNN_API_USE_ERROR);
  EXPECT_DONE(second.get);
  EXPECT_DONE(hbDNNReleaseTask(task));
}

TEST_F(BadTensors, Extensions) {
  int32_t threads = 0;
  uint64_t mask = 0;
  ASSERT_DONE(openhbGetCoreThreads(HB_BPU_CORE_0, &threads, &mask));
  for (int32_t core : {-1, 0, 3, 4, INT_MAX}) {
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbSetCoreThreads(core, 1, 0));
    Untouched<int32_t> no_threads;
    Untouched<uint64_t> no_mask;
    if (openhbGetCoreThreads(core, &no_threads, &no_mask) != HB_DNN_INVALID_ARGUMENT) ADD_FAILURE() << core;
  }
  for (int32_t n : {0, -1, 65, INT_MAX, INT_MIN})
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbSetCoreThreads(HB_BPU_CORE_0, n, 0), "64");
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbSetCoreThreads(HB_BPU_CORE_0, 1, uint64_t{1} << 63));
  int32_t after = 0;
  ASSERT_DONE(openhbGetCoreThreads(HB_BPU_CORE_0, &after, &mask));
  EXPECT_EQ(after, threads);
  openhbModelMemory memory = {};
  memory.structSize = 2;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetModelMemory(&memory, model("small_network")),
                 "structSize");
  EXPECT_STREQ(openhbGetStatusName(HB_DNN_TIMEOUT), "HB_DNN_TIMEOUT");
  EXPECT_STREQ(openhbGetStatusName(-1), "unknown status");
  EXPECT_STREQ(openhbGetStatusName(INT_MIN), "unknown status");
}

}  // namespace
}  // namespace openhb::testing
