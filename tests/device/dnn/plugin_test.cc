// SPDX-License-Identifier: Apache-2.0
// hbDNNRegisterLayerCreator, and custom operators that are missing or fail.
#include "dnn/openhb_plugin.h"
#include "tests/device/dnn/fixture.h"
#include "tests/device/plugin/probe.h"

namespace openhb::testing {
namespace {

int32_t load(const Program& program, hbPackedDNNHandle_t* package) {
  const auto file = serialize_program(program);
  const void* data = file.data();
  int32_t size = static_cast<int32_t>(file.size());
  return hbDNNInitializeFromDDR(package, &data, &size, 1);
}

int32_t infer_once(hbDNNHandle_t model, Tensors& inputs, Tensors& outputs) {
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* out = outputs.data();
  hbDNNInferCtrlParam param;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
  expect_ok(hbDNNInfer(&task, &out, inputs.data(), model, &param));
  const int32_t status = hbDNNWaitTaskDone(task, 0);
  expect_ok(hbDNNReleaseTask(task));
  return status;
}

// In one test, as what is registered stays.
TEST(DnnPlugin, MissingRegisteredFailing) {
  ::unsetenv("HB_DNN_PLUGIN_PATH");
  hbPackedDNNHandle_t package = nullptr;
  EXPECT_LT(load(probe_program({}), &package), 0);
  EXPECT_EQ(package, nullptr);
  EXPECT_NE(std::string(openhbGetLastError()).find("test::Probe"), std::string::npos) << openhbGetLastError();
  EXPECT_NE(std::string(openhbGetLastError()).find("HB_DNN_PLUGIN_PATH"), std::string::npos);

  EXPECT_EQ(hbDNNRegisterLayerCreator(nullptr), HB_DNN_INVALID_ARGUMENT);
  openhb_op broken = probe_op();
  broken.run = nullptr;
  EXPECT_EQ(hbDNNRegisterLayerCreator(&broken), HB_DNN_INVALID_ARGUMENT);
  EXPECT_NE(std::string(openhbGetLastError()).find("run()"), std::string::npos) << openhbGetLastError();
  expect_ok(hbDNNRegisterLayerCreator(&probe_op()));
  expect_ok(hbDNNRegisterLayerCreator(&probe_op()));
  const openhb_op other = probe_op();
  EXPECT_EQ(hbDNNRegisterLayerCreator(&other), HB_DNN_INVALID_ARGUMENT);

  for (const bool fails : {false, true}) {
    const plugin::Attributes attributes = fails ? plugin::Attributes{{"mode", "run fails"}}
                                                : plugin::Attributes{{"k", std::vector<int64_t>{3}}};
    const Loaded loaded({probe_program(attributes)});
    const hbDNNHandle_t model = loaded.model("probe");
    Tensors inputs, outputs;
    make_tensors(model, inputs, outputs);
    fill(inputs[0], 1);
    EXPECT_EQ(infer_once(model, inputs, outputs), fails ? HB_DNN_RUN_TASK_FAILED : HB_DNN_SUCCESS);
    if (fails) continue;
    float x = 0, y = 0;
    std::memcpy(&x, inputs[0].sysMem[0].virAddr, 4);
    std::memcpy(&y, outputs.bytes(0).data(), 4);
    EXPECT_EQ(y, x + 3);
  }
}

}  // namespace
}  // namespace openhb::testing
