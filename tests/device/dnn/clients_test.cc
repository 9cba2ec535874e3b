// SPDX-License-Identifier: Apache-2.0
// The applications in clients/, run in this process (their main under another name), and the numbers that
// they print against the engine's.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "common/io/file.h"
#include "device/engine/model.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

extern "C" int classify_main(int argc, char** argv);
int pipeline_main(int argc, char** argv);

namespace openhb::testing {
namespace {

// What a main prints on stdout; its result must be 0.
template <class Main>
std::string printed(Main main, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "client");
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  ::testing::internal::CaptureStdout();
  const int result = main(static_cast<int>(arguments.size()), argv.data());
  std::fflush(stdout);
  const std::string text = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(result, 0) << text;
  return text;
}

// Output `index` of a run of the engine, as floats.
std::vector<float> engine_output(const Program& program, std::span<const std::byte> input, size_t index) {
  engine::Session session(engine::Model::create(program));
  const TensorDesc& x = program.tensors[program.inputs[0].tensor];
  engine::store_tensor(x, input, session.input(0).data());
  session.run();
  const TensorDesc& y = program.tensors[program.outputs[index].tensor];
  std::vector<float> values(static_cast<size_t>(y.elements()));
  engine::load_tensor(y, session.output(index).data(), std::as_writable_bytes(std::span(values)));
  return values;
}

size_t count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++n;
  return n;
}

TEST(Clients, ClassifyInC) {
  const ModelFolder folder("classify");
  const Program program = float_network();
  const std::string model = folder.add(program);
  std::vector<float> x(4 * 9 * 7);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13) - 6.0f;
  const auto bytes = std::as_bytes(std::span(x));
  write_file_atomically(folder.path("x.bin"),
                        std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  const std::string text = printed(classify_main, {model, folder.path("x.bin"), "5"});
  const std::vector<float> scores = engine_output(program, bytes, 0);
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const float left = scores[static_cast<size_t>(a)], right = scores[static_cast<size_t>(b)];
    return left != right ? left > right : a < b;
  });
  std::string expected;
  for (int k = 0; k < 5; ++k) {
    const int id = order[static_cast<size_t>(k)];
    char line[80];
    std::snprintf(line, sizeof line, "TOP %d result id: %d score: %.9g\n", k, id,
                  static_cast<double>(scores[static_cast<size_t>(id)]));
    expected += line;
  }
  EXPECT_TRUE(text.ends_with(expected)) << text << "expected:\n" << expected;
}

TEST(Clients, PipelineInCxx11) {
  const ModelFolder folder("pipeline");
  const Program small = small_network();
  const std::string text =
      printed(pipeline_main, {folder.add(nv12_network(InputSource::resizer)), folder.add(small),
                              folder.add(float_network()), folder.add(quantized_network()),
                              folder.add(mixed_network()), folder.add(long_network("long", 4, 16))});
  EXPECT_EQ(count(text, "model["), 6u) << text;
  // Every way of running gives the same numbers.
  for (const char* way : {"batched:", "priority:", "callback:"}) EXPECT_EQ(count(text, way), 5u) << text;
  std::vector<float> x(16);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 11) / 11.0f;
  char number[40];
  std::snprintf(number, sizeof number, ": %.6g\n",
                static_cast<double>(engine_output(small, std::as_bytes(std::span(x)), 0)[0]));
  for (const char* way : {"batched", "priority", "callback"})
    EXPECT_NE(text.find(way + std::string(number)), std::string::npos) << text;
  // The first pixel of each region: luma x / 8 + y / 16 at its corner (which is where sampling begins),
  // minus 128.
  EXPECT_NE(text.find("region 0: -110\nregion 1: -128\nregion 2: -26\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace openhb::testing
