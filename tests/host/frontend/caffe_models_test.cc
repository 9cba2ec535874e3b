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
    // The ONNX form decodes the boxes: with priors p and raw offsets o its corners are linear in o and
    // exp(o), so the priors come from two boxes; here the widths suffice: w = p.w * exp(0.2 * o). Faces have
    // high scores.
    const auto decoded = a.at("boxes").data<float>(), raw = b.at("boxes").data<float>();
    const auto scores = a.at("scores").data<float>();
    size_t faces = 0;
    for (size_t i = 0; i < scores.size() / 2; ++i) {
      if (scores[2 * i + 1] < 0.7f) continue;
      ++faces;
      const float w = decoded[4 * i + 2] - decoded[4 * i], h = decoded[4 * i + 3] - decoded[4 * i + 1];
      const float cx = (decoded[4 * i + 2] + decoded[4 * i]) / 2,
                  cy = (decoded[4 * i + 3] + decoded[4 * i + 1]) / 2;
      // A prior's size and centre: what remains must be square in pixels and the same for all boxes of a
      // size.
      const float pw = w / std::exp(0.2f * raw[4 * i + 2]), ph = h / std::exp(0.2f * raw[4 * i + 3]);
      EXPECT_NEAR(pw * 320, ph * 240, 0.01f);
      EXPECT_NEAR(pw * 320, std::round(pw * 320), 0.01f);  // the sizes are whole numbers of pixels
      const float px = cx - 0.1f * raw[4 * i] * pw, py = cy - 0.1f * raw[4 * i + 1] * ph;
      // Centres lie in the middle of a cell of 8, 16, 32 or 64 pixels (of the grid's own width and height).
      EXPECT_TRUE(px > 0 && px < 1 && py > 0 && py < 1);
    }
    EXPECT_GT(faces, 1u);
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
