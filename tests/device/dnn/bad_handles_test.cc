// SPDX-License-Identifier: Apache-2.0
// Every function with null, foreign, released and exchanged handles, null pointers and wrong indexes.
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "dnn/hb_dnn_ext.h"
#include "tests/device/dnn/refused.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"

namespace openhb::testing {
namespace {

class BadHandles : public ::testing::Test {
 protected:
  ModelFolder folder_{"bad_handles"};
  Pack pack_{{folder_.add(small_network())}};
  hbDNNHandle_t model_ = pack_.model("small_network");

  // What no function may take for a handle: numbers, addresses, what was a handle once.
  std::vector<void*> foreign() {
    static int object = 0;
    heap_ = std::make_unique<std::array<char, 4096>>();
    std::vector<void*> all = {nullptr, &object, heap_.get(), this};
    for (uintptr_t bits : {uintptr_t{1}, uintptr_t{0x1234}, uintptr_t{0xffffffff}, ~uintptr_t{0},
                           uintptr_t{1} << 63, uintptr_t{0x7fff00000000}})
      all.push_back(reinterpret_cast<void*>(bits));
    // Neighbours of valid ones.
    for (uintptr_t flip = 1; flip != 0; flip <<= 1) {
      all.push_back(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(model_) ^ flip));
      all.push_back(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(pack_.packed()) ^ flip));
    }
    return all;
  }

  std::unique_ptr<std::array<char, 4096>> heap_;
};

void expect_no_pack(hbPackedDNNHandle_t packed) {
  Untouched<const char**> names;
  Untouched<int32_t> count;
  Untouched<hbDNNHandle_t> model;
  EXPECT_REFUSED(HB_DNN_INVALID_PACKED_DNN_HANDLE, hbDNNGetModelNameList(&names, &count, packed));
  EXPECT_REFUSED(HB_DNN_INVALID_PACKED_DNN_HANDLE, hbDNNGetModelHandle(&model, packed, "small_network"));
  EXPECT_REFUSED(HB_DNN_INVALID_PACKED_DNN_HANDLE, hbDNNRelease(packed));
}

void expect_no_model(hbDNNHandle_t model) {
  Untouched<int32_t> count;
  Untouched<const char*> name;
  Untouched<hbDNNTensorProperties> properties;
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetInputCount(&count, model));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetOutputCount(&count, model));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetInputName(&name, model, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetOutputName(&name, model, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetInputTensorProperties(&properties, model, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetOutputTensorProperties(&properties, model, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNGetInputSource(&count, model, 0));
  openhbModelMemory memory = {};
  memory.structSize = sizeof memory;
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, openhbGetModelMemory(&memory, model));
  hbDNNTensor tensor = {};
  hbDNNTensor* output = &tensor;
  hbDNNInferCtrlParam control = control_parameters();
  hbDNNRoi roi = {0, 0, 15, 15};
  hbDNNTaskHandle_t task = nullptr;
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNInfer(&task, &output, &tensor, model, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_DNN_HANDLE, hbDNNRoiInfer(&task, &output, &tensor, &roi, 1, model, &control));
  EXPECT_EQ(task, nullptr);
}

void expect_no_task(hbDNNTaskHandle_t task) {
  EXPECT_REFUSED(HB_DNN_INVALID_TASK_HANDLE, hbDNNWaitTaskDone(task, 1));
  EXPECT_REFUSED(HB_DNN_INVALID_TASK_HANDLE, hbDNNReleaseTask(task));
  EXPECT_REFUSED(HB_DNN_INVALID_TASK_HANDLE,
                 hbDNNSetTaskDoneCb(task, [](hbDNNTaskHandle_t, int32_t, void*) { std::abort(); }, nullptr));
  Untouched<uint64_t> bytes;
  EXPECT_REFUSED(HB_DNN_INVALID_TASK_HANDLE, openhbGetTaskMemory(&bytes, task));
  openhbTaskTimes times = {};
  times.structSize = sizeof times;
  EXPECT_REFUSED(HB_DNN_INVALID_TASK_HANDLE, openhbGetTaskTimes(&times, task));
}

TEST_F(BadHandles, Foreign) {
  Tensors tensors(model_, 1);
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters()));
  for (void* handle : foreign()) {
    SCOPED_TRACE(handle);
    if (handle != pack_.packed()) expect_no_pack(handle);
    if (handle != model_) expect_no_model(handle);
    if (handle != task) expect_no_task(handle);
  }
  // One kind for another.
  expect_no_pack(model_), expect_no_pack(task);
  expect_no_model(pack_.packed()), expect_no_model(task);
  expect_no_task(pack_.packed()), expect_no_task(model_);
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_DONE(hbDNNReleaseTask(task));
}

TEST_F(BadHandles, Released) {
  Tensors tensors(model_, 1);
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters()));
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_DONE(hbDNNReleaseTask(task));
  expect_no_task(task);
  // Also when later tasks live in the same place.
  std::vector<hbDNNTaskHandle_t> later(32);
  for (auto& t : later) EXPECT_DONE(tensors.submit(&t, control_parameters()));
  expect_no_task(task);
  hbDNNTaskHandle_t old = task;
  EXPECT_REFUSED(HB_DNN_INVALID_TASK_HANDLE, tensors.submit(&old, control_parameters()));
  EXPECT_EQ(old, task);
  for (auto& t : later) EXPECT_DONE(hbDNNReleaseTask(t));

  const hbPackedDNNHandle_t packed = pack_.packed();
  EXPECT_DONE(pack_.release());
  expect_no_pack(packed);
  expect_no_model(model_);
  const Pack again({folder_.path("small_network.bin")});
  expect_no_pack(packed);
  expect_no_model(model_);
}

TEST_F(BadHandles, NullPointers) {
  const char** names = nullptr;
  int32_t count = 0;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetModelNameList(nullptr, &count, pack_.packed()));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetModelNameList(&names, nullptr, pack_.packed()));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetModelHandle(nullptr, pack_.packed(), "small_network"));
  Untouched<hbDNNHandle_t> handle;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetModelHandle(&handle, pack_.packed(), nullptr));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetModelHandle(&handle, pack_.packed(), "no such"), "no such",
                 "small_network");
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputCount(nullptr, model_));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetOutputCount(nullptr, model_));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputName(nullptr, model_, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetOutputName(nullptr, model_, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputTensorProperties(nullptr, model_, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetOutputTensorProperties(nullptr, model_, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputSource(nullptr, model_, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetModelMemory(nullptr, model_));

  Tensors tensors(model_, 1);
  hbDNNTensor* output = tensors.outputs.data();
  hbDNNTensor* none = nullptr;
  hbDNNTensor* input = tensors.inputs.data();
  hbDNNInferCtrlParam control = control_parameters();
  hbDNNTaskHandle_t task = nullptr;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(nullptr, &output, input, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(&task, nullptr, input, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(&task, &none, input, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(&task, &output, nullptr, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInfer(&task, &output, input, model_, nullptr));
  EXPECT_EQ(task, nullptr);
  ASSERT_DONE(hbDNNInfer(&task, &output, input, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNSetTaskDoneCb(task, nullptr, nullptr));
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetTaskMemory(nullptr, task));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetTaskTimes(nullptr, task));
  EXPECT_DONE(hbDNNReleaseTask(task));
}

TEST_F(BadHandles, Indexes) {
  for (int32_t i : {-1, 1, 2, 1024, INT32_MAX, INT32_MIN}) {
    SCOPED_TRACE(i);
    Untouched<const char*> name;
    Untouched<hbDNNTensorProperties> properties;
    Untouched<int32_t> source;
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputName(&name, model_, i), "1");
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetOutputName(&name, model_, i), "1");
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputTensorProperties(&properties, model_, i));
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetOutputTensorProperties(&properties, model_, i));
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNGetInputSource(&source, model_, i));
  }
}

TEST_F(BadHandles, PackInUse) {
  Tensors tensors(model_, 1);
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters()));
  EXPECT_REFUSED(HB_DNN_MODEL_IS_RUNNING, pack_.release());
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  // Done, but not released.
  EXPECT_REFUSED(HB_DNN_MODEL_IS_RUNNING, pack_.release());
  EXPECT_DONE(hbDNNReleaseTask(task));
  // The refusals had no effect.
  EXPECT_DONE(tensors.run());
  EXPECT_DONE(pack_.release());
}

TEST_F(BadHandles, AfterFork) {
  Tensors tensors(model_, 1);
  ASSERT_DONE(tensors.run());
  const std::vector<std::byte> expected = tensors.output_bytes();
  hbDNNTaskHandle_t task = nullptr;
  ASSERT_DONE(tensors.submit(&task, control_parameters()));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int32_t count = 0;
    hbDNNTaskHandle_t mine = nullptr;
    const char** names = nullptr;
    const bool refused =
        hbDNNGetInputCount(&count, model_) == HB_DNN_MULTI_PROGRESS_USE_ERROR &&
        tensors.submit(&mine, control_parameters()) == HB_DNN_MULTI_PROGRESS_USE_ERROR && !mine &&
        hbDNNGetModelNameList(&names, &count, pack_.packed()) == HB_DNN_MULTI_PROGRESS_USE_ERROR &&
        hbDNNWaitTaskDone(task, 0) == HB_DNN_MULTI_PROGRESS_USE_ERROR &&
        hbDNNReleaseTask(task) == HB_DNN_MULTI_PROGRESS_USE_ERROR &&
        hbDNNRelease(pack_.packed()) == HB_DNN_MULTI_PROGRESS_USE_ERROR;
    if (!refused) ::_exit(1);
    // Its own handles work.
    const Pack own({folder_.path("small_network.bin")});
    Tensors own_tensors(own.model("small_network"), 1);
    if (own_tensors.run() != 0) ::_exit(2);
    ::_exit(own_tensors.output_bytes() == expected ? 0 : 3);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_DONE(hbDNNWaitTaskDone(task, 0));
  EXPECT_DONE(hbDNNReleaseTask(task));
}

}  // namespace
}  // namespace openhb::testing
