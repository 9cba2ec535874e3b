// SPDX-License-Identifier: Apache-2.0
// hbDNNRoiInfer and hbDNNResize: regions outside of pictures, pictures out of range, wrong counts.
#include <climits>
#include <functional>

#include "tests/device/dnn/refused.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"

namespace openhb::testing {
namespace {

hbDNNTensor nv12_picture(int32_t width, int32_t height, int32_t stride, bool nhwc = false) {
  hbDNNTensor t = {};
  hbDNNTensorProperties& p = t.properties;
  p.tensorType = HB_DNN_IMG_TYPE_NV12;
  p.tensorLayout = nhwc ? HB_DNN_LAYOUT_NHWC : HB_DNN_LAYOUT_NCHW;
  p.validShape = {{1, 3, height, width}, 4};
  p.alignedShape = {{1, 3, height, stride}, 4};
  p.alignedByteSize = static_cast<int32_t>(int64_t{stride} * height * 3 / 2);
  return t;
}

class BadRegions : public ::testing::Test {
 protected:
  struct Call {
    std::vector<hbDNNTensor> inputs, outputs;
    std::vector<hbDNNRoi> rois = {{0, 0, 63, 47}};
    int32_t count = 1;
    hbDNNInferCtrlParam control = control_parameters();
  };
  Call good_call() {
    Call call;
    call.inputs = {nv12_picture(64, 48, 64)};
    call.inputs[0].sysMem[0] = picture_;
    call.outputs = tensors_.outputs;
    return call;
  }
  int32_t run(Call& call, hbDNNHandle_t handle) {
    hbDNNTaskHandle_t task = nullptr;
    hbDNNTensor* output = call.outputs.data();
    const int32_t status = hbDNNRoiInfer(&task, &output, call.inputs.data(), call.rois.data(), call.count,
                                         handle, &call.control);
    if (status != 0) {
      EXPECT_EQ(task, nullptr);
      return status;
    }
    const int32_t done = hbDNNWaitTaskDone(task, 0);
    EXPECT_DONE(hbDNNReleaseTask(task));
    return done;
  }
  void expect_bad(const char* title, const std::function<void(Call&)>& change,
                  int32_t expected = HB_DNN_INVALID_ARGUMENT) {
    SCOPED_TRACE(title);
    Call call = good_call();
    change(call);
    EXPECT_REFUSED(expected, run(call, model_));
  }

  void SetUp() override {
    ASSERT_DONE(hbSysAllocCachedMem(&picture_, 64 * 48 * 3 / 2));
    std::memset(picture_.virAddr, 100, picture_.memSize);
    hbSysFlushMem(&picture_, HB_SYS_MEM_CACHE_CLEAN);
    Call call = good_call();
    ASSERT_DONE(run(call, model_));
  }
  void TearDown() override { EXPECT_DONE(hbSysFreeMem(&picture_)); }

  ModelFolder folder_{"bad_regions"};
  Pack pack_{{folder_.add(nv12_network(InputSource::resizer)),
              folder_.add(nv12_network(InputSource::pyramid)), folder_.add(mixed_sources_network())}};
  hbDNNHandle_t model_ = pack_.model("nv12_resizer");
  Tensors tensors_{model_, 1};
  hbSysMem picture_ = {};
};

TEST_F(BadRegions, Regions) {
  // A region may leave the picture (docs/numerics.md, "Regions"), but not altogether.
  const hbDNNRoi bad[] = {{-32, 0, -1, 31},
                          {0, -32, 31, -1},
                          {64, 0, 95, 31},
                          {0, 48, 31, 79},
                          {64, 48, 80, 60},
                          {32, 0, 31, 31},
                          {40, 0, 20, 31},
                          {0, 20, 31, 10},
                          {0, 0, 0, 0},
                          {0, 0, 0, 31},
                          {0, 0, 300, 31},
                          {INT_MIN, 0, INT_MAX, 31},
                          {0, 0, INT_MAX, INT_MAX},
                          {INT_MIN, INT_MIN, INT_MIN, INT_MIN},
                          {INT_MAX, INT_MAX, INT_MAX, INT_MAX}};
  for (const hbDNNRoi& roi : bad) {
    SCOPED_TRACE(::testing::Message() << roi.left << " " << roi.top << " " << roi.right << " " << roi.bottom);
    expect_bad("region", [&](Call& c) { c.rois[0] = roi; });
    expect_bad("second region",
               [&](Call& c) { c.rois.push_back(roi), c.inputs.push_back(c.inputs[0]), c.count = 2; });
  }
}

// What lies outside of a picture is its edge, as docs/numerics.md says: this picture is one colour.
TEST_F(BadRegions, PartlyOutside) {
  Call inside = good_call();
  ASSERT_DONE(run(inside, model_));
  const auto expected = tensors_.output_bytes();
  for (const hbDNNRoi& roi :
       {hbDNNRoi{-16, -8, 31, 23}, hbDNNRoi{40, 30, 100, 70}, hbDNNRoi{-20, -20, 80, 60}}) {
    Call call = good_call();
    call.rois[0] = roi;
    tensors_.clear_outputs();
    EXPECT_DONE(run(call, model_));
    EXPECT_TRUE(tensors_.output_bytes() == expected);
  }
}

TEST_F(BadRegions, Pictures) {
  using Sizes = std::array<int32_t, 3>;
  for (const auto& [width, height, stride] :
       {Sizes{0, 48, 64}, Sizes{64, 0, 64}, Sizes{-64, 48, 64}, Sizes{63, 48, 64}, Sizes{64, 47, 64},
        Sizes{64, 48, 48}, Sizes{64, 48, 72}, Sizes{64, 48, 0}, Sizes{64, 48, -64}, Sizes{64, 50, 64},
        Sizes{64, 48, 80}, Sizes{4098, 48, 4112}, Sizes{64, 4098, 64}, Sizes{64, 48, 131088},
        Sizes{INT_MAX, INT_MAX, INT_MAX}, Sizes{64, 48, INT_MAX}, Sizes{64, INT_MIN, INT_MIN}}) {
    SCOPED_TRACE(::testing::Message() << width << " x " << height << ", rows of " << stride);
    expect_bad("picture", [&, w = width, h = height, s = stride](Call& c) {
      const hbSysMem memory = c.inputs[0].sysMem[0];
      c.inputs[0] = nv12_picture(w, h, 16);
      c.inputs[0].properties.alignedShape.dimensionSize[3] = s;
      c.inputs[0].sysMem[0] = memory;
    });
  }
  expect_bad("rank", [](Call& c) { c.inputs[0].properties.validShape.numDimensions = 3; });
  expect_bad("rank", [](Call& c) { c.inputs[0].properties.alignedShape.numDimensions = INT_MAX; });
  for (int32_t type = -1; type <= HB_DNN_TENSOR_TYPE_MAX; ++type)
    if (type != HB_DNN_IMG_TYPE_NV12 && type != HB_DNN_IMG_TYPE_NV12_SEPARATE)
      expect_bad("type", [&](Call& c) { c.inputs[0].properties.tensorType = type; });
  expect_bad("separate without UV",
             [](Call& c) { c.inputs[0].properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE; });
  expect_bad("no memory", [](Call& c) { c.inputs[0].sysMem[0] = {}; });
  expect_bad("a byte short", [](Call& c) { --c.inputs[0].sysMem[0].memSize; });
  expect_bad("output a byte short", [](Call& c) { --c.outputs[0].sysMem[0].memSize; });
}

TEST_F(BadRegions, Counts) {
  for (int32_t count : {0, -1, INT_MIN}) expect_bad("count", [&](Call& c) { c.count = count; });
  const auto many = [](int32_t count) {
    return [count](Call& c) {
      c.count = count;
      c.rois.assign(static_cast<size_t>(count), c.rois[0]);
      c.inputs.assign(static_cast<size_t>(count), c.inputs[0]);
    };
  };
  expect_bad("256 regions", many(256), HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT);
  expect_bad("3 regions into memory for one", many(3));
  expect_bad("core", [](Call& c) { c.control.bpuCoreId = 9; });
  expect_bad("priority", [](Call& c) { c.control.priority = 300; });
  // 255 of them, from one picture, are well.
  const size_t bytes = tensors_.outputs[0].sysMem[0].memSize;
  hbSysMem large = {};
  ASSERT_DONE(hbSysAllocMem(&large, static_cast<uint32_t>(255 * bytes)));
  Call call = good_call();
  many(255)(call);
  call.outputs[0].sysMem[0] = large;
  EXPECT_DONE(run(call, model_));
  EXPECT_EQ(std::memcmp(large.virAddr, static_cast<char*>(large.virAddr) + 254 * bytes, bytes), 0);
  EXPECT_DONE(hbSysFreeMem(&large));
  // Two inputs from the resizer: an even number.
  Tensors mixed(pack_.model("mixed_sources"), 1);
  Call odd = good_call();
  odd.inputs = {mixed.inputs[0], odd.inputs[0], odd.inputs[0]};
  odd.outputs = mixed.outputs;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, run(odd, pack_.model("mixed_sources")));
}

TEST_F(BadRegions, WrongFunction) {
  hbDNNTaskHandle_t task = nullptr;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, tensors_.submit(&task, control_parameters()), "hbDNNRoiInfer");
  Tensors pyramid(pack_.model("nv12_pyramid"), 1);
  Call call = good_call();
  call.outputs = pyramid.outputs;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, run(call, pack_.model("nv12_pyramid")), "hbDNNInfer");
  hbDNNTensor* output = tensors_.outputs.data();
  hbDNNTensor* none = nullptr;
  hbDNNRoi roi = {0, 0, 31, 31};
  hbDNNInferCtrlParam control = control_parameters();
  const hbDNNTensor input = good_call().inputs[0];
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNRoiInfer(nullptr, &output, &input, &roi, 1, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNRoiInfer(&task, nullptr, &input, &roi, 1, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNRoiInfer(&task, &none, &input, &roi, 1, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNRoiInfer(&task, &output, nullptr, &roi, 1, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT,
                 hbDNNRoiInfer(&task, &output, &input, nullptr, 1, model_, &control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNRoiInfer(&task, &output, &input, &roi, 1, model_, nullptr));
  EXPECT_EQ(task, nullptr);
}

class BadResize : public ::testing::Test {
 protected:
  struct Call {
    hbDNNTensor input, output;
    hbDNNRoi roi = {0, 0, 63, 47};
    hbDNNResizeCtrlParam control;
  };
  Call good_call() {
    Call call;
    call.input = nv12_picture(64, 48, 64), call.output = nv12_picture(32, 32, 32);
    call.input.sysMem[0] = from_, call.output.sysMem[0] = to_;
    HB_DNN_INITIALIZE_RESIZE_CTRL_PARAM(&call.control);
    return call;
  }
  static int32_t run(Call& call, bool whole = false) {
    hbDNNTaskHandle_t task = nullptr;
    const int32_t status =
        hbDNNResize(&task, &call.output, &call.input, whole ? nullptr : &call.roi, &call.control);
    if (status != 0) {
      EXPECT_EQ(task, nullptr);
      return status;
    }
    const int32_t done = hbDNNWaitTaskDone(task, 0);
    EXPECT_DONE(hbDNNReleaseTask(task));
    return done;
  }
  void expect_bad(const char* title, const std::function<void(Call&)>& change) {
    SCOPED_TRACE(title);
    Call call = good_call();
    change(call);
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, run(call));
  }
  void SetUp() override {
    ASSERT_DONE(hbSysAllocMem(&from_, 64 * 48 * 3 / 2));
    ASSERT_DONE(hbSysAllocMem(&to_, 32 * 32 * 3 / 2));
    Call call = good_call();
    ASSERT_DONE(run(call));
    ASSERT_DONE(run(call, true));
  }
  void TearDown() override {
    EXPECT_DONE(hbSysFreeMem(&from_));
    EXPECT_DONE(hbSysFreeMem(&to_));
  }
  hbSysMem from_ = {}, to_ = {};
};

TEST_F(BadResize, Arguments) {
  hbDNNTaskHandle_t task = nullptr;
  Call call = good_call();
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT,
                 hbDNNResize(nullptr, &call.output, &call.input, nullptr, &call.control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNResize(&task, nullptr, &call.input, nullptr, &call.control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNResize(&task, &call.output, nullptr, nullptr, &call.control));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNResize(&task, &call.output, &call.input, nullptr, nullptr));
  task = &call;
  EXPECT_REFUSED(HB_DNN_API_USE_ERROR, hbDNNResize(&task, &call.output, &call.input, nullptr, &call.control));
  EXPECT_EQ(task, &call);
  for (int32_t type = -1; type <= HB_DNN_TENSOR_TYPE_MAX; ++type) {
    if (type == HB_DNN_IMG_TYPE_NV12) continue;
    expect_bad("types differ", [&](Call& c) { c.input.properties.tensorType = type; });
    if (type >= HB_DNN_TENSOR_TYPE_S4)
      expect_bad("not a picture",
                 [&](Call& c) { c.input.properties.tensorType = c.output.properties.tensorType = type; });
  }
  expect_bad("kind", [](Call& c) { c.control.resizeType = static_cast<hbDNNResizeType>(1); });
  expect_bad("core", [](Call& c) { c.control.bpuCoreId = 8; });
  expect_bad("priority", [](Call& c) { c.control.priority = -1; });
  expect_bad("input memory", [](Call& c) { --c.input.sysMem[0].memSize; });
  expect_bad("no input memory", [](Call& c) { c.input.sysMem[0].virAddr = nullptr; });
  expect_bad("output memory", [](Call& c) { --c.output.sysMem[0].memSize; });
}

TEST_F(BadResize, Extents) {
  const auto set = [](hbDNNTensor& t, int32_t width, int32_t height, int32_t stride) {
    t.properties.validShape = {{1, 3, height, width}, 4};
    t.properties.alignedShape = {{1, 3, height, stride}, 4};
  };
  for (int32_t bad : {INT_MIN, -2, 0, 31, 4082, 5000, INT_MAX}) {
    expect_bad("width", [&](Call& c) { set(c.output, bad, 32, bad); });
    expect_bad("height", [&](Call& c) { set(c.output, 32, bad, 32); });
    expect_bad("source width", [&](Call& c) { set(c.input, bad, 48, bad); });
    expect_bad("source height", [&](Call& c) { set(c.input, 64, bad, 64); });
    expect_bad("row", [&](Call& c) { set(c.output, 32, 32, bad); });
  }
  for (const hbDNNRoi& roi :
       {hbDNNRoi{-1, 0, 31, 31}, hbDNNRoi{0, -1, 31, 31}, hbDNNRoi{0, 0, 64, 31}, hbDNNRoi{0, 0, 31, 48},
        hbDNNRoi{31, 0, 30, 31}, hbDNNRoi{0, 31, 31, 30}, hbDNNRoi{INT_MIN, INT_MIN, INT_MAX, INT_MAX}})
    expect_bad("region", [&](Call& c) { c.roi = roi; });
  // More than 256 times as large.
  hbSysMem large = {};
  ASSERT_DONE(hbSysAllocMem(&large, 1024 * 16 * 3 / 2));
  expect_bad("enlarged 512 times", [&](Call& c) {
    c.roi = {0, 0, 1, 1};
    set(c.output, 1024, 16, 1024);
    c.output.sysMem[0] = large;
  });
  EXPECT_DONE(hbSysFreeMem(&large));
}

TEST_F(BadResize, TooManyTasks) {
  std::vector<hbDNNTaskHandle_t> tasks(32);
  Call call = good_call();
  for (auto& t : tasks) ASSERT_DONE(hbDNNResize(&t, &call.output, &call.input, nullptr, &call.control));
  EXPECT_REFUSED(HB_DNN_TASK_NUM_EXCEED_LIMIT, run(call), "32");
  for (auto& t : tasks) EXPECT_DONE(hbDNNReleaseTask(t));
  EXPECT_DONE(run(call));
}

}  // namespace
}  // namespace openhb::testing
