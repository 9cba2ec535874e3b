// SPDX-License-Identifier: Apache-2.0
// Files, packs, shared programs, and processes that fork.
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/program/pack.h"
#include "device/dnn/observer.h"
#include "tests/device/dnn/fixture.h"

namespace openhb::testing {
namespace {

std::string folder() {
  const auto path = std::filesystem::temp_directory_path() / fmt::format("dnn_load_test_{}", ::getpid());
  std::filesystem::create_directories(path);
  return path.string();
}

std::string write(const std::string& name, std::span<const std::byte> bytes) {
  const std::string path = folder() + "/" + name;
  write_file_atomically(path, bytes);
  return path;
}

int32_t load(hbPackedDNNHandle_t* package, std::vector<const char*> paths) {
  return hbDNNInitializeFromFiles(package, paths.data(), static_cast<int32_t>(paths.size()));
}

class DnnLoad : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder()); }
};

TEST_F(DnnLoad, TheSameFileIsOneProgram) {
  const std::string path = write("a.bin", serialize_program(float_network()));
  hbPackedDNNHandle_t first = nullptr, second = nullptr, third = nullptr;
  expect_ok(load(&first, {path.c_str()}));
  expect_ok(load(&second, {path.c_str()}));
  write("a.bin", serialize_program(quantized_network()));  // another file of the same name
  expect_ok(load(&third, {path.c_str()}));
  const auto model = [](hbPackedDNNHandle_t package) {
    const char** names = nullptr;
    int32_t count = 0;
    expect_ok(hbDNNGetModelNameList(&names, &count, package));
    EXPECT_EQ(count, 1);
    hbDNNHandle_t handle = nullptr, again = nullptr;
    expect_ok(hbDNNGetModelHandle(&handle, package, names[0]));
    expect_ok(hbDNNGetModelHandle(&again, package, names[0]));
    EXPECT_EQ(handle, again);
    return handle;
  };
  EXPECT_EQ(dnn::engine_model(model(first)), dnn::engine_model(model(second)));
  EXPECT_NE(dnn::engine_model(model(first)), dnn::engine_model(model(third)));
  EXPECT_NE(model(first), model(second));  // their arenas differ
  for (hbPackedDNNHandle_t package : {first, second, third}) expect_ok(hbDNNRelease(package));
  EXPECT_EQ(hbDNNRelease(first), HB_DNN_INVALID_PACKED_DNN_HANDLE);
}

TEST_F(DnnLoad, PacksAndSeveralFiles) {
  const auto a = serialize_program(float_network()), b = serialize_program(quantized_network()),
             c = serialize_program(mixed_network());
  const std::vector<std::span<const std::byte>> both = {a, b};
  const auto pack = assemble_pack(both);
  const std::string path = write("pack.bin", pack), single = write("c.bin", c);
  hbPackedDNNHandle_t package = nullptr;
  expect_ok(load(&package, {path.c_str(), single.c_str()}));
  const char** names = nullptr;
  int32_t count = 0;
  expect_ok(hbDNNGetModelNameList(&names, &count, package));
  ASSERT_EQ(count, 3);
  EXPECT_EQ(std::vector<std::string>(names, names + 3),
            (std::vector<std::string>{float_network().name, quantized_network().name, mixed_network().name}));
  expect_ok(hbDNNRelease(package));
  package = nullptr;
  EXPECT_EQ(load(&package, {path.c_str(), path.c_str()}), HB_DNN_INVALID_ARGUMENT);  // names twice
  EXPECT_EQ(package, nullptr);

  const void* data[] = {pack.data()};
  int32_t size = static_cast<int32_t>(pack.size());
  expect_ok(hbDNNInitializeFromDDR(&package, data, &size, 1));
  expect_ok(hbDNNRelease(package));
  // Every flipped byte of header and table, and every end in them, is noticed.
  for (size_t i = 0; i < 64 + 2 * 16; ++i) {
    auto damaged = pack;
    damaged[i] ^= std::byte{4};
    EXPECT_ANY_THROW(parse_programs(damaged, nullptr)) << i;
    EXPECT_ANY_THROW(parse_programs(std::span(pack).first(i + 1), nullptr)) << i;
  }
  auto longer = pack;
  longer.push_back(std::byte{0});
  EXPECT_ANY_THROW(parse_programs(longer, nullptr));
  const std::vector<std::span<const std::byte>> twice = {a, a};
  EXPECT_ANY_THROW(assemble_pack(twice));
}

TEST_F(DnnLoad, StatusesOfFiles) {
  hbPackedDNNHandle_t package = nullptr;
  EXPECT_EQ(load(&package, {"/nonexistent/model.bin"}), HB_DNN_CAN_NOT_OPEN_FILE);
  EXPECT_EQ(load(&package, {folder().c_str()}), HB_DNN_CAN_NOT_OPEN_FILE);
  auto bytes = serialize_program(float_network());
  bytes[8] = std::byte{9};  // the major version
  EXPECT_EQ(load(&package, {write("newer.bin", bytes).c_str()}), HB_DNN_INCOMPATIBLE_MODEL);
  const std::string said = openhbGetLastError();
  EXPECT_NE(said.find("9.0"), std::string::npos) << said;
  EXPECT_NE(said.find("1.x"), std::string::npos) << said;
  EXPECT_EQ(load(&package, {write("text.bin", std::vector<std::byte>(100, std::byte{'x'})).c_str()}),
            HB_DNN_INVALID_MODEL);
  EXPECT_EQ(package, nullptr);
}

// Steps to take in a child process, which says what was wrong by its exit status.
int in_child(int (*steps)(hbPackedDNNHandle_t, hbDNNHandle_t), hbPackedDNNHandle_t package,
             hbDNNHandle_t model) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(steps(package, model));
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST_F(DnnLoad, ForkedProcessesLoadTheirOwn) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer ends children of processes with threads that start threads of their own";
#endif
#endif
  Loaded loaded({float_network()});
  const hbDNNHandle_t model = loaded.model(float_network().name);
  Tensors inputs, outputs;
  make_tensors(model, inputs, outputs);
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* out = outputs.data();
  hbDNNInferCtrlParam param;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
  expect_ok(hbDNNInfer(&task, &out, inputs.data(), model, &param));  // starts the threads
  expect_ok(hbDNNWaitTaskDone(task, 0));
  const int failed = in_child(
      [](hbPackedDNNHandle_t package, hbDNNHandle_t handle) {
        int32_t count = 0;
        if (hbDNNGetInputCount(&count, handle) != HB_DNN_MULTI_PROGRESS_USE_ERROR) return 1;
        if (hbDNNRelease(package) != HB_DNN_MULTI_PROGRESS_USE_ERROR) return 2;
        Loaded own({float_network()});
        Tensors in, result;
        const hbDNNHandle_t mine = own.model(float_network().name);
        make_tensors(mine, in, result);
        hbDNNTaskHandle_t work = nullptr;
        hbDNNTensor* to = result.data();
        hbDNNInferCtrlParam control;
        HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
        if (hbDNNInfer(&work, &to, in.data(), mine, &control) != HB_DNN_SUCCESS) return 3;
        if (hbDNNWaitTaskDone(work, 10'000) != HB_DNN_SUCCESS) return 4;
        return hbDNNReleaseTask(work) == HB_DNN_SUCCESS ? 0 : 5;
      },
      loaded.package(), model);
  EXPECT_EQ(failed, 0);
  expect_ok(hbDNNReleaseTask(task));
}

TEST_F(DnnLoad, MemoryIsKnownBeforeLoading) {
  const Program program = float_network();
  const std::string path = write("a.bin", serialize_program(program));
  openhbMemoryPlan plan{};
  plan.structSize = sizeof(plan);
  expect_ok(openhbGetFileMemoryPlan(&plan, path.c_str(), nullptr));
  EXPECT_EQ(plan.arenaBytes, program.arena_size);
  EXPECT_EQ(plan.weightBytes, program.weights.size());
  EXPECT_EQ(plan.peakBytes, plan.arenaBytes + plan.weightBytes + plan.overheadBytes);
  EXPECT_EQ(openhbGetFileMemoryPlan(&plan, path.c_str(), "another"), HB_DNN_INVALID_ARGUMENT);
  plan.structSize = 0;
  EXPECT_EQ(openhbGetFileMemoryPlan(&plan, path.c_str(), nullptr), HB_DNN_INVALID_ARGUMENT);
}

TEST_F(DnnLoad, ThreadsOfCores) {
  int32_t threads = 0;
  uint64_t mask = 1;
  expect_ok(openhbGetCoreThreads(HB_BPU_CORE_1, &threads, &mask));
  EXPECT_GE(threads, 1);
  EXPECT_EQ(mask, 0u);
  expect_ok(openhbSetCoreThreads(HB_BPU_CORE_1, 3, 0));
  int32_t now = 0;
  expect_ok(openhbGetCoreThreads(HB_BPU_CORE_1, &now, &mask));
  EXPECT_EQ(now, 3);
  expect_ok(openhbSetCoreThreads(HB_BPU_CORE_1, threads, 0));
  EXPECT_EQ(openhbSetCoreThreads(HB_BPU_CORE_ANY, 1, 0), HB_DNN_INVALID_ARGUMENT);
  EXPECT_EQ(openhbSetCoreThreads(HB_BPU_CORE_0, 0, 0), HB_DNN_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace openhb::testing
