// SPDX-License-Identifier: Apache-2.0
// The ways in which pictures and batches are given, and regions.
#include "device/dnn/roi.h"
#include "tests/device/dnn/fixture.h"

namespace openhb::testing {
namespace {

using Bytes = std::vector<std::byte>;

// nv12 [N,1,H*3/2,W] to int8 [N,H,W,3]; optionally of source resizer, and with a float input [N,2] that is
// copied.
Program picture_network(int64_t n, int64_t h, int64_t w, InputSource source, bool second_input = false) {
  ProgramBuilder b("picture");
  const uint32_t x = b.tensor("x", DType::u8, {n, 1, h / 2 * 3, w}, {}, {}, (w + 15) / 16 * 16);
  const uint32_t y = b.tensor("y", DType::i8, {n, h, w, 3});
  if (second_input) {
    const uint32_t a = b.tensor("a", DType::f32, {n, 2}), c = b.tensor("c", DType::f32, {n, 2});
    b.input(a);
    b.input(x, InputKind::nv12);
    UnaryParams tanh;
    tanh.function = UnaryFunction::tanh;
    b.step(tanh, {a}, c);
    b.step(Nv12Params{}, {x}, y);
    b.output(c);
  } else {
    b.input(x, InputKind::nv12);
    b.step(Nv12Params{}, {x}, y);
  }
  b.output(y);
  Program program = b.finish();
  program.inputs.back().source = source;
  return program;
}

int32_t infer(hbDNNHandle_t model, const hbDNNTensor* inputs, Tensors& outputs) {
  hbDNNTaskHandle_t task = nullptr;
  hbDNNInferCtrlParam param;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
  hbDNNTensor* out = outputs.data();
  const int32_t status = hbDNNInfer(&task, &out, inputs, model, &param);
  if (status != HB_DNN_SUCCESS) return status;
  expect_ok(hbDNNWaitTaskDone(task, 0));
  expect_ok(hbDNNReleaseTask(task));
  return HB_DNN_SUCCESS;
}

uint8_t* bytes_of(hbDNNTensor& tensor, int plane = 0) {
  return static_cast<uint8_t*>(tensor.sysMem[plane].virAddr);
}
void clean(hbDNNTensor& tensor, int plane = 0) {
  expect_ok(hbSysFlushMem(&tensor.sysMem[plane], HB_SYS_MEM_CACHE_CLEAN));
}

TEST(DnnPictures, PaddedRowsDenseRowsAndSeparatePlanesAreTheSamePicture) {
  constexpr int kH = 10, kW = 38, kAligned = 48;
  const Program program = picture_network(1, kH, kW, InputSource::pyramid);
  Loaded loaded({program});
  const hbDNNHandle_t model = loaded.model("picture");
  hbDNNTensorProperties p;
  expect_ok(hbDNNGetInputTensorProperties(&p, model, 0));
  EXPECT_EQ(p.tensorType, HB_DNN_IMG_TYPE_NV12);
  EXPECT_EQ(p.validShape.dimensionSize[3], kW);
  EXPECT_EQ(p.alignedShape.dimensionSize[3], kAligned);
  EXPECT_EQ(p.alignedByteSize, kAligned * kH * 3 / 2);
  EXPECT_EQ(p.stride[0], 0);

  std::mt19937 random(3);
  std::vector<uint8_t> pixels(kW * kH * 3 / 2);
  for (uint8_t& v : pixels) v = static_cast<uint8_t>(random());
  Tensors in, out, others;
  make_tensors(model, in, out);
  for (int y = 0; y < kH * 3 / 2; ++y)
    std::memcpy(bytes_of(in[0]) + y * kAligned, &pixels[static_cast<size_t>(y) * kW], kW);
  clean(in[0]);
  ASSERT_EQ(infer(model, in.data(), out), HB_DNN_SUCCESS);
  const Bytes expected = out.bytes(0);
  // y, u, v minus 128, straight from the picture.
  for (int y = 0; y < kH; ++y)
    for (int x = 0; x < kW; ++x)
      for (int c = 0; c < 3; ++c) {
        const int at = c == 0 ? y * kW + x : (kH + y / 2) * kW + x / 2 * 2 + c - 1;
        ASSERT_EQ(static_cast<int8_t>(expected[static_cast<size_t>((y * kW + x) * 3 + c)]),
                  pixels[static_cast<size_t>(at)] - 128);
      }

  hbDNNTensor& dense = others.add(p);
  dense.properties.alignedShape = dense.properties.validShape;
  std::memcpy(bytes_of(dense), pixels.data(), pixels.size());
  clean(dense);
  ASSERT_EQ(infer(model, &dense, out), HB_DNN_SUCCESS);
  EXPECT_EQ(out.bytes(0), expected);

  hbDNNTensor separate = others.add(p);
  separate.properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
  hbDNNTensor& uv = others.add(p);
  separate.sysMem[1] = uv.sysMem[0];
  std::memcpy(bytes_of(separate), bytes_of(in[0]), kAligned * kH);
  std::memcpy(bytes_of(separate, 1), bytes_of(in[0]) + kAligned * kH, kAligned * kH / 2);
  clean(separate), clean(separate, 1);
  ASSERT_EQ(infer(model, &separate, out), HB_DNN_SUCCESS);
  EXPECT_EQ(out.bytes(0), expected);

  // Refused, each with the name of the input.
  hbDNNTensor wrong = in[0];
  wrong.properties.tensorType = HB_DNN_IMG_TYPE_RGB;
  EXPECT_EQ(infer(model, &wrong, out), HB_DNN_INVALID_ARGUMENT);
  wrong = in[0];
  wrong.properties.alignedShape.dimensionSize[3] = 40;
  EXPECT_EQ(infer(model, &wrong, out), HB_DNN_INVALID_ARGUMENT);
  wrong = in[0];
  wrong.sysMem[0].memSize = static_cast<uint32_t>(p.alignedByteSize) - 1;
  EXPECT_EQ(infer(model, &wrong, out), HB_DNN_INVALID_ARGUMENT);
  EXPECT_NE(std::string(openhbGetLastError()).find("'x'"), std::string::npos);
  separate.sysMem[1].virAddr = nullptr;
  EXPECT_EQ(infer(model, &separate, out), HB_DNN_INVALID_ARGUMENT);
}

TEST(DnnPictures, BatchesComeAtOnceOrOneByOne) {
  const Program program = picture_network(3, 4, 20, InputSource::pyramid, true);
  Loaded loaded({program});
  const hbDNNHandle_t model = loaded.model("picture");
  Tensors whole, out, parts;
  make_tensors(model, whole, out);
  for (size_t i = 0; i < 2; ++i) fill(whole[i], 5);
  ASSERT_EQ(infer(model, whole.data(), out), HB_DNN_SUCCESS);
  const Bytes expected[2] = {out.bytes(0), out.bytes(1)};
  for (size_t i = 0; i < 2; ++i)
    for (size_t s = 0; s < 3; ++s) {
      hbDNNTensorProperties p = whole[i].properties;
      p.alignedShape.dimensionSize[0] = 1;
      hbDNNTensor& one = parts.add(p);
      const auto size = static_cast<size_t>(p.alignedByteSize) / 3;
      std::memcpy(bytes_of(one), bytes_of(whole[i]) + s * size, size);
      one.sysMem[0].memSize = static_cast<uint32_t>(size);  // no more is needed
      clean(one);
    }
  ASSERT_EQ(infer(model, parts.data(), out), HB_DNN_SUCCESS);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(out.bytes(i), expected[i]);
  parts[1].properties.alignedShape.dimensionSize[0] = 2;
  EXPECT_EQ(infer(model, parts.data(), out), HB_DNN_INVALID_ARGUMENT);
}

TEST(DnnRegions, SamplesAndRegionsInTheirOrder) {
  constexpr int32_t kH = 16, kW = 24;
  // Batch 2, five samples: three runs, the last one half empty.
  constexpr size_t kSamples = 5, kBatch = 2, kRuns = 3;
  const Program program = picture_network(kBatch, kH, kW, InputSource::resizer, true);
  Loaded loaded({program});
  const hbDNNHandle_t model = loaded.model("picture");
  hbDNNTensorProperties feature, picture, properties;
  expect_ok(hbDNNGetInputTensorProperties(&feature, model, 0));
  expect_ok(hbDNNGetInputTensorProperties(&picture, model, 1));
  int32_t source = 0;
  expect_ok(hbDNNGetInputSource(&source, model, 1));
  EXPECT_EQ(source, HB_DNN_INPUT_FROM_RESIZER);

  Tensors in, out, expected;
  std::vector<hbDNNRoi> rois;
  for (size_t s = 0; s < kSamples; ++s) {
    hbDNNTensorProperties one = feature;
    one.alignedShape.dimensionSize[0] = 1;
    fill(in.add(one), static_cast<unsigned>(s + 1));
    const int32_t h = 40 + 2 * static_cast<int32_t>(s), w = 64;
    hbDNNTensorProperties big = picture;
    big.validShape = {{1, 3, h, w}, 4};
    big.alignedShape = {{1, 3, h, 80}, 4};
    big.alignedByteSize = 80 * h * 3 / 2;
    fill(in.add(big), static_cast<unsigned>(s + 11));
    const auto i = static_cast<int32_t>(s);
    rois.push_back({2 * i, 2 * i, 2 * i + 31, 2 * i + 21});
  }
  for (int32_t i = 0; i < 2; ++i) {
    expect_ok(hbDNNGetOutputTensorProperties(&properties, model, i));
    out.add(properties, static_cast<uint32_t>(properties.alignedByteSize) * kRuns);
    expected.add(properties, static_cast<uint32_t>(properties.alignedByteSize) * kRuns);
  }
  hbDNNInferCtrlParam param;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* output = out.data();
  expect_ok(hbDNNRoiInfer(&task, &output, in.data(), rois.data(), kSamples, model, &param));
  expect_ok(hbDNNWaitTaskDone(task, 0));
  expect_ok(hbDNNReleaseTask(task));

  engine::Session session(engine::Model::create(program));
  const size_t picture_bytes = kH * kW * 3, pitch = 32;
  for (size_t s = 0; s < kSamples; ++s) {
    std::memcpy(session.input(0).data(), bytes_of(in[2 * s]), 8);
    const hbDNNTensor& big = in[2 * s + 1];
    const int32_t h = big.properties.validShape.dimensionSize[2];
    const dnn::Picture from{bytes_of(in[2 * s + 1]), bytes_of(in[2 * s + 1]) + 80 * h, 64, h, 80, 80};
    auto* to = reinterpret_cast<uint8_t*>(session.input(1).data());
    dnn::resize_roi(from, rois[s], {to, to + pitch * kH, kW, kH, pitch, pitch});
    session.run();
    const auto* a = static_cast<const std::byte*>(out[0].sysMem[0].virAddr) + s * 8;
    const auto* b = static_cast<const std::byte*>(out[1].sysMem[0].virAddr) + s * picture_bytes;
    EXPECT_EQ(std::memcmp(a, session.output(0).data(), 8), 0) << s;
    EXPECT_EQ(std::memcmp(b, session.output(1).data(), picture_bytes), 0) << s;
  }

  const auto refused = [&](int32_t count, int32_t status) {
    task = nullptr;
    EXPECT_EQ(hbDNNRoiInfer(&task, &output, in.data(), rois.data(), count, model, &param), status);
    EXPECT_EQ(task, nullptr);
  };
  refused(0, HB_DNN_INVALID_ARGUMENT);
  refused(256, HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT);
  rois[3] = {5, 5, 4, 9};
  refused(kSamples, HB_DNN_INVALID_ARGUMENT);
  EXPECT_EQ(infer(model, in.data(), out), HB_DNN_INVALID_ARGUMENT);  // needs regions
}

}  // namespace
}  // namespace openhb::testing
