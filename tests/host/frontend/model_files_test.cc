// SPDX-License-Identifier: Apache-2.0
// Real networks from ../shared/models: import, export, import again; truncated and damaged copies.
#include <algorithm>
#include <iostream>
#include <random>

#include "common/io/file.h"
#include "host/frontend/onnx/onnx.h"
#include "tests/host/frontend/compare.h"

namespace openhb::test {
namespace {

using onnx_frontend::export_onnx;
using onnx_frontend::import_onnx;
using onnx_frontend::import_onnx_bytes;
using onnx_frontend::ImportOptions;

std::vector<std::string> model_files() {
  const std::filesystem::path folder =
      std::filesystem::path(OPENHB_SOURCE_DIR).parent_path() / "shared" / "models";
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error))
    if (entry.path().extension() == ".onnx") result.push_back(entry.path().string());
  std::ranges::sort(result);
  return result;
}

// Shapes for the models with dynamic dimensions.
ImportOptions options_for(const std::string& path) {
  if (path.contains("ppocr_v3_det")) return {{{"x", {1, 3, 640, 640}}}};
  if (path.contains("ppocr_en_rec")) return {{{"x", {1, 3, 32, 320}}}};
  if (path.contains("xfeat_interpolator")) return {{{"x", {1, 64, 32, 32}}, {"pos", {1, 16, 2}}}};
  return {};
}

TEST(ModelFiles, RoundTrip) {
  const auto files = model_files();
  if (files.empty()) GTEST_SKIP() << "no models beside the project (../shared/models)";
  const TemporaryFolder folder;
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    try {
      const auto graph = import_onnx(path, options_for(path));
      EXPECT_FALSE(graph.nodes().empty());
      export_onnx(graph, folder.path("a.onnx"));
      const auto back = import_onnx(folder.path("a.onnx"));
      expect_equal(graph, back);
      export_onnx(back, folder.path("b.onnx"));
      EXPECT_EQ(read_text_file(folder.path("a.onnx")), read_text_file(folder.path("b.onnx")));
    } catch (const Error& error) {
      ADD_FAILURE() << error.text();
    }
  }
  std::cout << files.size() << " models\n";
}

TEST(ModelFiles, DynamicShapesAreNamed) {
  const auto files = model_files();
  for (const std::string& path : files) {
    if (options_for(path).input_shapes.empty()) continue;
    expect_error(ErrorCode::model_dynamic_shape, {"input 'x'", "input_shape"}, [&] { import_onnx(path); });
  }
  if (files.empty()) GTEST_SKIP() << "no models beside the project (../shared/models)";
}

TEST(ModelFiles, DamagedCopies) {
  const auto files = model_files();
  if (files.empty()) GTEST_SKIP() << "no models beside the project (../shared/models)";
  std::mt19937 random(7);
  const auto import_or_error = [](std::string_view bytes, const ImportOptions& options) {
    try {
      import_onnx_bytes(bytes, "damaged", options);
    } catch (const Error& error) {
      const int code = static_cast<int>(error.code());
      // A damaged input name makes the given shape one of an unknown input.
      EXPECT_TRUE((code >= 200 && code < 300) || error.code() == ErrorCode::config_bad_value) << error.text();
    }
  };
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    const std::string bytes = read_text_file(path);
    const ImportOptions options = options_for(path);
    for (int k = 0; k < 8; ++k)
      import_or_error(std::string_view(bytes).substr(0, random() % bytes.size()), options);
    for (int k = 0; k < 8; ++k) {
      std::string damaged = bytes;
      for (int flip = 0; flip < 50; ++flip)
        damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
      import_or_error(damaged, options);
    }
  }
}

}  // namespace
}  // namespace openhb::test
