// SPDX-License-Identifier: Apache-2.0
// Real Caffe networks from ../shared/models, against the same network in ONNX and a known picture.
#include <filesystem>

#include "common/image/image.h"
#include "host/compiler/convert.h"
#include "host/compiler/evaluate.h"
#include "host/frontend/model.h"
#include "host/ops/operator.h"
#include "tests/host/frontend/caffe_case.h"

namespace openhb::test {
namespace {

namespace fs = std::filesystem;

fs::path shared() { return fs::path(OPENHB_SOURCE_DIR).parent_path() / "shared"; }

// A picture's bytes through f, as [1, C, H, W].
Tensor pixels(const Image& image, InputKind kind, const std::function<float(float)>& f) {
  const Tensor bytes = image_to_tensor(image, kind, false);
  Tensor x(DType::f32, bytes.shape());
  for (size_t i = 0; i < x.size(); ++i) x.data<float>()[i] = f(static_cast<float>(bytes.data<uint8_t>()[i]));
  return x;
}

struct Runnable {
  explicit Runnable(const frontend::ModelSource& source) : graph(frontend::import_model(source)) {
    ops::infer_shapes(graph);
    compiler::optimize(graph);
  }
  std::map<std::string, Tensor> run(const Tensor& input) {
    compiler::GraphRunner runner(graph, {}, 2);
    runner.run({input});
    std::map<std::string, Tensor> results;
    for (size_t i = 0; i < graph.outputs.size(); ++i) results[graph.outputs[i]->name] = runner.output(i);
    return results;
  }
  graph::Graph graph;
};

frontend::ModelSource caffe_source(const fs::path& folder, const std::string& stem) {
  return {"", (folder / (stem + ".prototxt")).string(), (folder / (stem + ".caffemodel")).string(), {}};
}

struct Prior {
  float x, y, w, h;
};
std::vector<Prior> ultraface_priors() {
  constexpr int kWidth = 320, kHeight = 240;
  const std::vector<std::pair<int, std::vector<float>>> levels{
      {8, {10, 16, 24}}, {16, {32, 48}}, {32, {64, 96}}, {64, {128, 192, 256}}};
  std::vector<Prior> priors;
  for (const auto& [step, sizes] : levels) {
    const int rows = (kHeight + step - 1) / step, columns = (kWidth + step - 1) / step;
    for (int j = 0; j < rows; ++j)
      for (int i = 0; i < columns; ++i)
        for (const float size : sizes) {
          const auto unit = [](float v) { return std::clamp(v, 0.0f, 1.0f); };
          priors.push_back({unit((static_cast<float>(i) + 0.5f) / static_cast<float>(columns)),
                            unit((static_cast<float>(j) + 0.5f) / static_cast<float>(rows)),
                            unit(size / kWidth), unit(size / kHeight)});
        }
  }
  return priors;
}

// The same trained network in both formats.
TEST(CaffeModels, UltrafaceEqualsItsOnnxForm) {
  const fs::path models = shared() / "models";
  if (!fs::exists(models / "ultraface_rfb320_caffe"))
    GTEST_SKIP() << "no models beside the project (../shared/models)";
  Runnable onnx({(models / "ultraface_rfb320" / "version-RFB-320.onnx").string(), "", "", {}});
  Runnable caffe(caffe_source(models / "ultraface_rfb320_caffe", "RFB-320"));
  for (const char* picture : {"12.jpg", "13.jpg"}) {
    const Image image =
        resize_bilinear(decode_image((shared() / "images/faces" / picture).string()), 320, 240);
    const Tensor x = pixels(image, InputKind::rgb, [](float v) { return (v - 127) / 128; });
    const auto a = onnx.run(x), b = caffe.run(x);
    expect_near(a.at("scores"), b.at("scores"), "scores", 2e-5f);
    // The ONNX form decodes the boxes, with the priors of its authors' code.
    const auto raw = b.at("boxes").data<float>();
    Tensor boxes = a.at("boxes");
    size_t i = 0;
    for (const Prior& p : ultraface_priors()) {
      const float cx = p.x + 0.1f * raw[i] * p.w, cy = p.y + 0.1f * raw[i + 1] * p.h;
      const float w = p.w * std::exp(0.2f * raw[i + 2]), h = p.h * std::exp(0.2f * raw[i + 3]);
      for (const float v : {cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2}) boxes.data<float>()[i++] = v;
    }
    expect_near(a.at("boxes"), boxes, "boxes", 2e-5f);
  }
}

TEST(CaffeModels, FindsTheCodeInThePicture) {
  const fs::path folder = shared() / "models" / "wechat_qr_detect_caffe";
  if (!fs::exists(folder)) GTEST_SKIP() << "no models beside the project (../shared/models)";
  Runnable net(caffe_source(folder, "detect"));
  EXPECT_EQ(net.graph.inputs[0]->name, "data");
  const Image image = resize_bilinear(decode_image((shared() / "images/qr/qr_scene.jpg").string()), 384, 384);
  const Tensor x = pixels(image, InputKind::gray, [](float v) { return v / 255; });
  const auto y = net.run(x);
  const Tensor& found = y.at("detection_output");
  ASSERT_EQ(found.shape(), Shape({1, 1, 100, 7}));
  const auto row = found.data<float>();
  EXPECT_EQ(row[0], 0);  // image
  EXPECT_EQ(row[1], 1);  // class
  EXPECT_GT(row[2], 0.99f);
  const float expected[] = {0.557f, 0.426f, 0.713f, 0.656f};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(row[3 + i], expected[i], 0.01f);
  for (size_t r = 1; r < 100; ++r) EXPECT_EQ(row[7 * r], -1) << "one code only";
}

}  // namespace
}  // namespace openhb::test
