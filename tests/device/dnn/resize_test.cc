// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/resize.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "dnn/openhb_ext.h"
#include "tests/device/dnn/picture_reference.h"
#include "tests/device/steps/harness.h"

namespace openhb::dnn {
namespace {

using test::chance;
using test::random_int;
using test::Region;

constexpr uint8_t kCanary = 0xC7;
constexpr int32_t kTypes[] = {HB_DNN_IMG_TYPE_Y,      HB_DNN_IMG_TYPE_NV12, HB_DNN_IMG_TYPE_NV12_SEPARATE,
                              HB_DNN_IMG_TYPE_YUV444, HB_DNN_IMG_TYPE_RGB,  HB_DNN_IMG_TYPE_BGR};

bool is_nv12(int32_t type) { return type == HB_DNN_IMG_TYPE_NV12 || type == HB_DNN_IMG_TYPE_NV12_SEPARATE; }

// A picture as applications make it, with memory of exactly the size that is needed.
struct Picture4 {
  hbDNNTensor tensor{};
  std::vector<uint8_t> memory[2];
  int64_t row = 0, rows = 0;  // of alignedShape

  Picture4(int32_t type, int32_t layout, int32_t width, int32_t height, int32_t row_length,
           int32_t plane_rows)
      : row(row_length), rows(plane_rows) {
    const int32_t channels = type == HB_DNN_IMG_TYPE_Y ? 1 : 3;
    hbDNNTensorProperties& p = tensor.properties;
    p.tensorType = type;
    p.tensorLayout = layout;
    const bool nhwc = layout == HB_DNN_LAYOUT_NHWC;
    p.validShape = nhwc ? hbDNNTensorShape{{1, height, width, channels}, 4}
                        : hbDNNTensorShape{{1, channels, height, width}, 4};
    p.alignedShape = nhwc ? hbDNNTensorShape{{1, plane_rows, row_length, channels}, 4}
                          : hbDNNTensorShape{{1, channels, plane_rows, row_length}, 4};
    const int64_t plane = row * rows, chroma = row * (height / 2);
    const bool separate = type == HB_DNN_IMG_TYPE_NV12_SEPARATE;
    set(0, is_nv12(type) ? (separate ? plane : plane + chroma) : plane * channels);
    if (separate) set(1, chroma);
  }
  Picture4(const Picture4&) = delete;
  void set(int i, int64_t size) {
    memory[i].assign(static_cast<size_t>(size), kCanary);
    tensor.sysMem[i] = {reinterpret_cast<uint64_t>(memory[i].data()), memory[i].data(),
                        static_cast<uint32_t>(size)};
  }
  void fill_at_random() {
    for (auto& m : memory)
      for (uint8_t& b : m) b = static_cast<uint8_t>(test::rng()());
  }
  int32_t width() const { return tensor.properties.validShape.dimensionSize[nhwc() ? 2 : 3]; }
  int32_t height() const { return tensor.properties.validShape.dimensionSize[nhwc() ? 1 : 2]; }
  bool nhwc() const { return tensor.properties.tensorLayout == HB_DNN_LAYOUT_NHWC; }
  int32_t type() const { return tensor.properties.tensorType; }
  int32_t channels() const { return type() == HB_DNN_IMG_TYPE_Y ? 1 : 3; }

  // Channel c of the pixel (NV12: of the chroma plane for c > 0), where it lies in memory.
  uint8_t& at(int64_t x, int64_t y, int c) {
    if (is_nv12(type()) && c > 0) {
      const bool separate = type() == HB_DNN_IMG_TYPE_NV12_SEPARATE;
      return memory[separate][static_cast<size_t>((separate ? 0 : row * rows) + y * row + 2 * x + c - 1)];
    }
    const int64_t offset = is_nv12(type()) ? y * row + x
                           : nhwc()        ? (y * row + x) * channels() + c
                                           : (c * rows + y) * row + x;
    return memory[0][static_cast<size_t>(offset)];
  }
};

void expect_resized(Picture4& in, Picture4& out, const hbDNNRoi& roi) {
  for (int c = 0; c < in.channels(); ++c) {
    const bool half = is_nv12(in.type()) && c > 0;
    const int shift = half;
    const Region whole{roi.left, roi.top, roi.right, roi.bottom};
    for (int32_t y = 0; y < out.height() >> shift; ++y)
      for (int32_t x = 0; x < out.width() >> shift; ++x) {
        const auto at = [&](int64_t sx, int64_t sy) { return in.at(sx, sy, c); };
        ASSERT_EQ(test::resized_byte(at, in.width() >> shift, in.height() >> shift,
                                     half ? test::halved(whole) : whole, out.width() >> shift,
                                     out.height() >> shift, y, x),
                  out.at(x, y, c))
            << "type " << in.type() << " layout " << in.tensor.properties.tensorLayout << " channel " << c
            << " at " << x << ", " << y;
        out.at(x, y, c) = kCanary;
      }
  }
  for (const auto& memory : out.memory)
    for (size_t i = 0; i < memory.size(); ++i)
      ASSERT_EQ(kCanary, memory[i]) << "byte " << i << " was touched";
}

TEST(Resize, EveryTypeAndLayout) {
  for (int round = 0; round < 240; ++round) {
    const int32_t type = kTypes[round % 6], layout = round / 6 % 2 ? HB_DNN_LAYOUT_NHWC : HB_DNN_LAYOUT_NCHW;
    const int32_t even = is_nv12(type) ? 2 : 1;
    const auto extent = [&](int64_t limit) { return even * static_cast<int32_t>(random_int(1, limit)); };
    const int32_t width = extent(60), height = extent(30), to_width = extent(80), to_height = extent(30);
    Picture4 in(type, layout, width, height, (width + 15) / 16 * 16,
                height + static_cast<int32_t>(random_int(0, 3)));
    Picture4 out(type, layout, to_width, to_height, to_width + 2 * static_cast<int32_t>(random_int(0, 5)),
                 to_height + static_cast<int32_t>(random_int(0, 3)));
    in.fill_at_random();
    hbDNNRoi roi{0, 0, width - 1, height - 1};
    const bool part = chance(70);
    if (part) {
      roi.left = static_cast<int32_t>(random_int(0, width - 1));
      roi.top = static_cast<int32_t>(random_int(0, height - 1));
      roi.right = static_cast<int32_t>(random_int(roi.left, width - 1));
      roi.bottom = static_cast<int32_t>(random_int(roi.top, height - 1));
    }
    ResizeJob job;
    ASSERT_EQ(0, prepare_resize(out.tensor, in.tensor, part ? &roi : nullptr, job)) << openhbGetLastError();
    run_resize(job);
    ASSERT_NO_FATAL_FAILURE(expect_resized(in, out, roi));
  }
}

TEST(Resize, FullHdToSmall) {
  Picture4 in(HB_DNN_IMG_TYPE_NV12, HB_DNN_LAYOUT_NCHW, 1920, 1080, 1920, 1080);
  Picture4 out(HB_DNN_IMG_TYPE_NV12, HB_DNN_LAYOUT_NCHW, 224, 224, 224, 224);
  in.fill_at_random();
  ResizeJob job;
  ASSERT_EQ(0, prepare_resize(out.tensor, in.tensor, nullptr, job)) << openhbGetLastError();
  run_resize(job);
  expect_resized(in, out, {0, 0, 1919, 1079});
}

// One thing wrong at a time.
class BadResize : public testing::Test {
 protected:
  void expect(const char* sentence, const std::function<void(hbDNNTensor& out, hbDNNTensor& in)>& change,
              const hbDNNRoi* roi = nullptr) {
    hbDNNTensor o = out.tensor, i = in.tensor;
    change(o, i);
    refused(sentence, o, i, roi);
  }
  void refused(const char* sentence, const hbDNNTensor& o, const hbDNNTensor& i,
               const hbDNNRoi* roi = nullptr) {
    ResizeJob job;
    job.count = 77;
    EXPECT_EQ(HB_DNN_INVALID_ARGUMENT, prepare_resize(o, i, roi, job)) << sentence;
    EXPECT_EQ(77, job.count);
    const std::string error = openhbGetLastError();
    EXPECT_NE(std::string::npos, error.find(sentence)) << sentence << " / " << error;
  }
  void expect_region(const char* sentence, hbDNNRoi roi) { refused(sentence, out.tensor, in.tensor, &roi); }

  Picture4 in{HB_DNN_IMG_TYPE_NV12, HB_DNN_LAYOUT_NCHW, 64, 48, 64, 48};
  Picture4 out{HB_DNN_IMG_TYPE_NV12, HB_DNN_LAYOUT_NCHW, 32, 32, 32, 32};
};

TEST_F(BadResize, Types) {
  expect("tensorType 9 of the input",
         [](auto&, auto& i) { i.properties.tensorType = HB_DNN_TENSOR_TYPE_U8; });
  expect("tensorType 13 of the output",
         [](auto& o, auto&) { o.properties.tensorType = HB_DNN_TENSOR_TYPE_F32; });
  expect("tensorType -1", [](auto&, auto& i) { i.properties.tensorType = -1; });
  expect("tensorType 2147483647", [](auto&, auto& i) { i.properties.tensorType = INT32_MAX; });
  expect("types must be the same", [](auto& o, auto&) {
    o.properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
    o.sysMem[1] = o.sysMem[0];
  });
  expect("tensorLayout 255", [](auto&, auto& i) { i.properties.tensorLayout = HB_DNN_LAYOUT_NONE; });
  expect("tensorLayout 1", [](auto& o, auto&) { o.properties.tensorLayout = 1; });
  Picture4 rgb(HB_DNN_IMG_TYPE_RGB, HB_DNN_LAYOUT_NCHW, 16, 16, 16, 16);
  Picture4 other(HB_DNN_IMG_TYPE_RGB, HB_DNN_LAYOUT_NHWC, 16, 16, 16, 16);
  refused("tensorLayout", other.tensor, rgb.tensor);
  refused("tensorLayout", rgb.tensor, other.tensor);
  Picture4 bgr(HB_DNN_IMG_TYPE_BGR, HB_DNN_LAYOUT_NCHW, 16, 16, 16, 16);
  refused("HB_DNN_IMG_TYPE_RGB into HB_DNN_IMG_TYPE_BGR", bgr.tensor, rgb.tensor);
}

TEST_F(BadResize, Shapes) {
  const auto valid = [](int i, int32_t value) {
    return [=](auto&, hbDNNTensor& t) { t.properties.validShape.dimensionSize[i] = value; };
  };
  const auto aligned = [](int i, int32_t value) {
    return [=](auto&, hbDNNTensor& t) { t.properties.alignedShape.dimensionSize[i] = value; };
  };
  for (const int32_t n : {0, 3, 5, 9, -1, INT32_MAX}) {
    expect("dimensions", [=](auto&, auto& i) { i.properties.validShape.numDimensions = n; });
    expect("dimensions", [=](auto& o, auto&) { o.properties.alignedShape.numDimensions = n; });
  }
  for (const int32_t n : {0, 2, -1}) {
    expect("one picture", valid(0, n));
    expect("one picture", aligned(0, n));
  }
  for (const int32_t n : {0, 1, 2, 4, -3}) expect("channels", valid(1, n));
  for (const int32_t n : {0, -2, INT32_MIN}) {
    expect("must be 1 to", valid(2, n));
    expect("must be 1 to", valid(3, n));
  }
  for (const int32_t n : {INT32_MAX, (1 << 20) + 1}) {
    expect("must be 1 to", aligned(2, n));
    expect("must be 1 to", aligned(3, n));
  }
  expect("must be even", valid(2, 47));
  expect("must be even", valid(3, 63));
  expect("must be even", [](auto& o, auto&) { o.properties.alignedShape.dimensionSize[3] = 33; });
  expect("does not hold its validShape", aligned(2, 46));
  expect("does not hold its validShape", aligned(3, 48));
  Picture4 rgb(HB_DNN_IMG_TYPE_RGB, HB_DNN_LAYOUT_NHWC, 16, 16, 16, 16);
  hbDNNTensor padded = rgb.tensor;
  padded.properties.alignedShape.dimensionSize[3] = 4;
  refused("does not hold its validShape", rgb.tensor, padded);
}

TEST_F(BadResize, Memory) {
  expect("sysMem[0] of the input", [](auto&, auto& i) { i.sysMem[0].virAddr = nullptr; });
  expect("sysMem[0] of the output", [](auto& o, auto&) { o.sysMem[0] = {}; });
  expect("has 4607 bytes", [](auto&, auto& i) { i.sysMem[0].memSize = 64 * 72 - 1; });
  expect("needs 1536", [](auto& o, auto&) { o.sysMem[0].memSize = 32 * 48 - 1; });
  expect("needs", [](auto&, auto& i) { i.properties.alignedShape.dimensionSize[2] = 1 << 20; });
  expect("overlap", [](auto& o, auto& i) { o.sysMem[0] = i.sysMem[0]; });
  expect("overlap", [](auto& o, auto& i) {
    o.sysMem[0] = {0, static_cast<char*>(i.sysMem[0].virAddr) + 64 * 72 - 1, 5000};
  });
  hbSysMem known;
  ASSERT_EQ(0, hbSysAllocMem(&known, 64 * 72 - 1));
  known.memSize += 1;
  expect("beyond the end", [&](auto&, auto& i) { i.sysMem[0] = known; });
  EXPECT_EQ(0, hbSysFreeMem(&known));
  Picture4 a(HB_DNN_IMG_TYPE_NV12_SEPARATE, HB_DNN_LAYOUT_NCHW, 32, 32, 32, 32);
  Picture4 b(HB_DNN_IMG_TYPE_NV12_SEPARATE, HB_DNN_LAYOUT_NCHW, 32, 32, 32, 32);
  hbDNNTensor t = a.tensor;
  t.sysMem[1] = {};
  refused("sysMem[1] of the input", b.tensor, t);
  t.sysMem[1] = a.tensor.sysMem[1];
  t.sysMem[1].memSize = 511;
  refused("needs 512", t, b.tensor);
  t.sysMem[1] = b.tensor.sysMem[0];
  refused("overlap", t, b.tensor);
}

TEST_F(BadResize, Regions) {
  expect_region("inside the picture", {-1, 0, 9, 9});
  expect_region("inside the picture", {0, -1, 9, 9});
  expect_region("inside the picture", {0, 0, 64, 9});
  expect_region("inside the picture", {0, 0, 9, 48});
  expect_region("inside the picture", {9, 0, 8, 9});
  expect_region("inside the picture", {0, 9, 9, 8});
  expect_region("inside the picture", {INT32_MIN, INT32_MIN, INT32_MAX, INT32_MAX});
  expect_region("inside the picture", {INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN});
}

TEST_F(BadResize, Limits) {
  const auto try_sizes = [](int32_t width, int32_t row, int32_t height, int32_t to_width, int32_t to_height) {
    Picture4 i(HB_DNN_IMG_TYPE_Y, HB_DNN_LAYOUT_NCHW, width, height, row, height);
    Picture4 o(HB_DNN_IMG_TYPE_Y, HB_DNN_LAYOUT_NCHW, to_width, to_height, to_width, to_height);
    ResizeJob job;
    const int32_t status = prepare_resize(o.tensor, i.tensor, nullptr, job);
    EXPECT_TRUE(status == 0 || status == HB_DNN_INVALID_ARGUMENT);
    if (status == 0) run_resize(job);
    return status == 0 ? std::string() : std::string(openhbGetLastError());
  };
  const auto expect_sizes = [](const std::string& why, const char* part) {
    EXPECT_NE(std::string::npos, why.find(part)) << part << " / " << why;
  };
  EXPECT_EQ("", try_sizes(4080, 4080, 2, 4080, 2));
  expect_sizes(try_sizes(4081, 4096, 2, 4080, 2), "width 4081");
  expect_sizes(try_sizes(4000, 4096, 2, 4080, 2), "in rows of 4096");
  expect_sizes(try_sizes(100, 100, 2, 50, 2), "multiple of 16");
  expect_sizes(try_sizes(16, 16, 16, 4081, 16), "output of hbDNNResize has width 4081");
  expect_sizes(try_sizes(16, 16, 16, 16, 4081), "height 4081");
  EXPECT_EQ("", try_sizes(185, 192, 370, 1, 2));
  expect_sizes(try_sizes(186, 192, 1, 1, 1), "cannot bring width 186 to 1");
  expect_sizes(try_sizes(16, 16, 371, 16, 2), "cannot bring height 371 to 2");
  EXPECT_EQ("", try_sizes(1, 16, 2, 255, 511));
  expect_sizes(try_sizes(1, 16, 1, 256, 1), "less than 256");
  expect_sizes(try_sizes(1, 16, 2, 1, 512), "less than 256");
  // Pictures with all colours in a pixel have no rule for rows.
  Picture4 rgb(HB_DNN_IMG_TYPE_RGB, HB_DNN_LAYOUT_NHWC, 227, 3, 227, 3);
  Picture4 small(HB_DNN_IMG_TYPE_RGB, HB_DNN_LAYOUT_NHWC, 113, 3, 113, 3);
  ResizeJob job;
  EXPECT_EQ(0, prepare_resize(small.tensor, rgb.tensor, nullptr, job)) << openhbGetLastError();
}

TEST_F(BadResize, Platforms) {
  ResizeJob job;
  for (const char* platform : {"BERNOULLI", "BERNOULLI2", "BAYES", ""}) {
    setenv("HB_DNN_SIM_PLATFORM", platform, 1);
    EXPECT_EQ(0, prepare_resize(out.tensor, in.tensor, nullptr, job)) << platform << openhbGetLastError();
  }
  for (const char* platform : {"bayes", "BAYES ", "NASH"}) {
    setenv("HB_DNN_SIM_PLATFORM", platform, 1);
    refused("HB_DNN_SIM_PLATFORM", out.tensor, in.tensor);
  }
  unsetenv("HB_DNN_SIM_PLATFORM");
  EXPECT_EQ(0, prepare_resize(out.tensor, in.tensor, nullptr, job));
}

TEST(ResizeMemory, SeesWhatWasFlushedOnly) {
  openhbSetMemoryCheck(1);
  Picture4 in(HB_DNN_IMG_TYPE_Y, HB_DNN_LAYOUT_NCHW, 32, 32, 32, 32),
      out(HB_DNN_IMG_TYPE_Y, HB_DNN_LAYOUT_NCHW, 16, 16, 16, 16);
  hbSysMem* from = &in.tensor.sysMem[0];
  hbSysMem* to = &out.tensor.sysMem[0];
  ASSERT_EQ(0, hbSysAllocCachedMem(from, 1024));
  ASSERT_EQ(0, hbSysAllocCachedMem(to, 256));
  const auto resized = [&] {
    ResizeJob job;
    EXPECT_EQ(0, prepare_resize(out.tensor, in.tensor, nullptr, job));
    run_resize(job);
    EXPECT_EQ(0, hbSysFlushMem(to, HB_SYS_MEM_CACHE_INVALIDATE));
    return static_cast<uint8_t*>(to->virAddr)[100];
  };
  std::memset(from->virAddr, 55, 1024);
  testing::internal::CaptureStderr();
  EXPECT_EQ(0xA5, resized());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(std::string::npos, log.find("input of hbDNNResize")) << log;
  EXPECT_EQ(0, hbSysFlushMem(from, HB_SYS_MEM_CACHE_CLEAN));
  EXPECT_EQ(55, resized());
  EXPECT_EQ(0, hbSysFreeMem(from));
  EXPECT_EQ(0, hbSysFreeMem(to));
  openhbSetMemoryCheck(0);
}

}  // namespace
}  // namespace openhb::dnn
