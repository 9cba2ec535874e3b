// SPDX-License-Identifier: Apache-2.0
// hbDNNInfer against the engine: bits, layouts, batches, order of tasks.
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "device/dnn/observer.h"
#include "tests/device/dnn/fixture.h"

namespace openhb::testing {
namespace {

// What the engine gives for the same inputs.
std::vector<std::vector<std::byte>> engine_outputs(const Program& program, Tensors& inputs) {
  engine::Session session(engine::Model::create(program));
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const TensorDesc& desc = program.tensors[program.inputs[i].tensor];
    const auto* from = static_cast<const std::byte*>(inputs[i].sysMem[0].virAddr);
    const auto size = static_cast<size_t>(desc.elements()) * dtype_size(desc.dtype);
    engine::store_tensor(desc, {from, size}, session.input(i).data());
  }
  session.run();
  std::vector<std::vector<std::byte>> outputs;
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const TensorDesc& desc = program.tensors[program.outputs[i].tensor];
    auto& bytes = outputs.emplace_back(static_cast<size_t>(desc.elements()) * dtype_size(desc.dtype));
    engine::load_tensor(desc, session.output(i).data(), bytes);
  }
  return outputs;
}

hbDNNInferCtrlParam control(int32_t priority = 0, int32_t more = 0) {
  hbDNNInferCtrlParam param;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
  param.priority = priority;
  param.more = more;
  return param;
}

void infer_once(hbDNNHandle_t model, Tensors& inputs, Tensors& outputs) {
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* out = outputs.data();
  hbDNNInferCtrlParam param = control();
  expect_ok(hbDNNInfer(&task, &out, inputs.data(), model, &param));
  expect_ok(hbDNNWaitTaskDone(task, 0));
  expect_ok(hbDNNReleaseTask(task));
}

TEST(DnnInfer, GivesTheEnginesBits) {
  for (const Program& program : sample_programs()) {
    SCOPED_TRACE(program.name);
    Loaded loaded({program});
    const hbDNNHandle_t model = loaded.model(program.name);
    Tensors inputs, outputs;
    make_tensors(model, inputs, outputs);
    for (unsigned seed = 1; seed <= 3; ++seed) {
      for (size_t i = 0; i < inputs.size(); ++i) fill(inputs[i], seed);
      infer_once(model, inputs, outputs);
      const auto expected = engine_outputs(program, inputs);
      for (size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs.bytes(i), expected[i]) << i;
    }
  }
}

TEST(DnnInfer, SeveralModelsInOneTask) {
  const std::vector<Program> programs = {float_network(), quantized_network()};
  Loaded loaded(programs);
  Tensors inputs[2], outputs[2];
  hbDNNTaskHandle_t task = nullptr;
  for (size_t i = 0; i < 2; ++i) {
    const hbDNNHandle_t model = loaded.model(programs[i].name);
    make_tensors(model, inputs[i], outputs[i]);
    for (size_t k = 0; k < inputs[i].size(); ++k) fill(inputs[i][k], 7);
    hbDNNInferCtrlParam param = control(0, i == 0);
    hbDNNTensor* out = outputs[i].data();
    expect_ok(hbDNNInfer(&task, &out, inputs[i].data(), model, &param));
    if (i == 0) EXPECT_EQ(hbDNNWaitTaskDone(task, 1), HB_DNN_API_USE_ERROR);
  }
  expect_ok(hbDNNWaitTaskDone(task, 10'000));
  expect_ok(hbDNNReleaseTask(task));
  for (size_t i = 0; i < 2; ++i) {
    const auto expected = engine_outputs(programs[i], inputs[i]);
    for (size_t k = 0; k < expected.size(); ++k) EXPECT_EQ(outputs[i].bytes(k), expected[k]);
  }
}

// A program of steps that take some time.
Program slow_network(const std::string& name, int steps, int64_t size = 32 * 1024) {
  ProgramBuilder b(name);
  uint32_t x = b.tensor("x", DType::f32, {1, size});
  b.input(x);
  for (int i = 0; i < steps; ++i) {
    const uint32_t y = b.tensor(fmt::format("y{}", i), DType::f32, {1, size});
    UnaryParams params;
    params.function = UnaryFunction::tanh;
    b.step(params, {x}, y);
    x = y;
  }
  b.output(x);
  return b.finish();
}

struct Submitted {
  Tensors inputs, outputs;
  hbDNNTaskHandle_t task = nullptr;
  void start(hbDNNHandle_t model, const hbDNNInferCtrlParam& param) {
    make_tensors(model, inputs, outputs);
    for (size_t i = 0; i < inputs.size(); ++i) fill(inputs[i], 1);
    hbDNNTensor* out = outputs.data();
    hbDNNInferCtrlParam copy = param;
    expect_ok(hbDNNInfer(&task, &out, inputs.data(), model, &copy));
  }
};

TEST(DnnInfer, ThreadsDoNotChangeBits) {
  const Program program = slow_network("slow", 5);
  Loaded loaded({program});
  const hbDNNHandle_t model = loaded.model("slow");
  int32_t threads = 1;
  uint64_t mask = 0;
  expect_ok(openhbGetCoreThreads(HB_BPU_CORE_0, &threads, &mask));
  std::vector<std::byte> expected;
  for (int32_t n : {1, 2, 5}) {
    expect_ok(openhbSetCoreThreads(HB_BPU_CORE_0, n, 0));
    Submitted s;
    hbDNNInferCtrlParam param = control();
    param.bpuCoreId = HB_BPU_CORE_0;
    s.start(model, param);
    expect_ok(hbDNNWaitTaskDone(s.task, 0));
    expect_ok(hbDNNReleaseTask(s.task));
    if (n == 1) expected = s.outputs.bytes(0);
    EXPECT_EQ(s.outputs.bytes(0), expected) << n;
  }
  expect_ok(openhbSetCoreThreads(HB_BPU_CORE_0, threads, mask));
}

// Holds the first run after its fourth step until somebody is about to release it.
class Holder final : public dnn::Observer {
 public:
  void before(const engine::Model&, engine::Session& session) override {
    ++runs;
    session.set_hook([this](size_t step) {
      if (step != 3) return;
      held = true;
      while (!releasing) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    });
  }
  void after(const engine::Model&, engine::Session& session, const dnn::RunTimes&, int32_t ended) override {
    session.set_hook({});
    status = ended;
  }
  std::atomic<int> runs{0};
  std::atomic<bool> held{false}, releasing{false};
  std::atomic<int32_t> status{HB_DNN_SUCCESS};
};

TEST(DnnTask, ReleaseCancels) {
  const Program slow = slow_network("slow", 40);
  Loaded loaded({slow});
  hbDNNInferCtrlParam param = control();
  param.bpuCoreId = HB_BPU_CORE_0;
  const auto holder = std::make_shared<Holder>();
  dnn::set_observer(holder);
  Submitted a, b;
  a.start(loaded.model("slow"), param);
  b.start(loaded.model("slow"), param);
  while (!holder->held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  expect_ok(hbDNNReleaseTask(b.task));  // has not started
  holder->releasing = true;
  expect_ok(hbDNNReleaseTask(a.task));  // runs
  dnn::set_observer(nullptr);
  EXPECT_EQ(holder->runs, 1);
  EXPECT_EQ(holder->status, HB_DNN_RUN_TASK_FAILED);
  EXPECT_EQ(hbDNNReleaseTask(a.task), HB_DNN_INVALID_TASK_HANDLE);
  EXPECT_EQ(hbDNNWaitTaskDone(b.task, 1), HB_DNN_INVALID_TASK_HANDLE);
}

TEST(DnnTask, CallbackMayReleaseAndSubmit) {
  const Program fast = float_network();
  Loaded loaded({fast});
  struct State {
    hbDNNHandle_t model;
    Submitted second;
    std::atomic<bool> done{false};
  } state;
  state.model = loaded.model(fast.name);
  Submitted a;
  a.start(state.model, control());
  expect_ok(hbDNNSetTaskDoneCb(
      a.task,
      [](hbDNNTaskHandle_t task, int32_t status, void* userdata) {
        auto& s = *static_cast<State*>(userdata);
        expect_ok(status);
        expect_ok(hbDNNReleaseTask(task));
        s.second.start(s.model, control());
        expect_ok(hbDNNWaitTaskDone(s.second.task, 0));  // on a thread of the library
        expect_ok(hbDNNReleaseTask(s.second.task));
        s.done = true;
      },
      &state));
  while (!state.done) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(state.second.outputs.bytes(0), a.outputs.bytes(0));
}

TEST(DnnTask, AtMost32) {
  const Program slow = slow_network("slow", 40);
  Loaded loaded({slow});
  std::vector<Submitted> tasks(32);
  for (Submitted& t : tasks) t.start(loaded.model("slow"), control());
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* out = tasks[0].outputs.data();
  hbDNNInferCtrlParam param = control();
  EXPECT_EQ(hbDNNInfer(&task, &out, tasks[0].inputs.data(), loaded.model("slow"), &param),
            HB_DNN_TASK_NUM_EXCEED_LIMIT);
  EXPECT_EQ(task, nullptr);
  EXPECT_EQ(hbDNNRelease(loaded.package()), HB_DNN_MODEL_IS_RUNNING);
  for (Submitted& t : tasks) expect_ok(hbDNNReleaseTask(t.task));
  openhbModelMemory memory{};
  memory.structSize = sizeof(memory);
  expect_ok(openhbGetModelMemory(&memory, loaded.model("slow")));
  EXPECT_LE(memory.arenas, 2);  // one per core
}

}  // namespace
}  // namespace openhb::testing
