// SPDX-License-Identifier: Apache-2.0
// hrt_model_exec perf: what it prints, the profiler's two files, its errors. No time is judged.
#include "device/tools/model_exec/perf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "common/program/file.h"
#include "common/text/text.h"
#include "device/dnn/profiler.h"
#include "device/tools/model_exec/statistics.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::model_exec {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Perf : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + fmt::format("openhb_perf_{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const Program& p : testing::sample_programs()) write_program(path(p.name + ".bin"), p);
    options_.mode = Mode::perf;
    options_.frame_count = 20;
    options_.model_file = path("quantized_network.bin");
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string run() {
    std::FILE* out = std::fopen(path("out").c_str(), "w");
    try {
      json_ = nlohmann::ordered_json::object();
      perf(options_, Package(options_.model_file), out, &json_);
    } catch (...) {
      std::fclose(out);
      throw;
    }
    std::fclose(out);
    return read_text_file(path("out"));
  }

  std::string folder_;
  Options options_;
  nlohmann::ordered_json json_;
};

double number_after(const std::string& text, const std::string& words) {
  const size_t at = text.find(words);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + words.size()));
}

TEST_F(Perf, Text) {
  options_.thread_num = 2;
  const std::string text = run();
  const std::string n = "[0-9]+\\.[0-9]{6}", m = "[0-9]+\\.[0-9]+";
  const std::regex expected(
      "Frame count: 20,  Thread Average: " + n + " ms, thread max latency: " + n +
      " ms, thread min latency: " + n + " ms,  FPS: " + n +
      "\n\nRunning condition:\n  Thread number is: 2\n  Frame count   is: 20\n  Program run time: " + n +
      " ms\nPerf result:\n  Frame totally latency is: " + n + " ms\n  Average    latency    is: " + n +
      " ms\n  Frame      rate       is: " + n + " FPS\n  Latency p50, p90, p99 is: " + n + " ms, " + n +
      " ms, " + n + " ms\n(Temperature: .*\n)?(CPU clock: .*\n)?Memory:\n  Arenas: [0-9]+ of " + m +
      " MiB, weights \\(mapped, shared\\): " + m + " MiB\n  Process: " + m + " MiB resident, " + m +
      " MiB at most\nPeak of this CPU, measured: [^\n]*\n  int8 " + m + " GMAC/s, float " + m +
      " GMAC/s\nSlowest steps \\([0-9]+ of [0-9]+\\), fastest of 20 frames:\n[^]*");
  EXPECT_TRUE(std::regex_match(text, expected)) << text;
  const double total = number_after(text, "totally latency is: "),
               average = number_after(text, "latency    is: ");
  EXPECT_NEAR(total, 20 * average, 1e-4);
  EXPECT_NEAR(number_after(text, "rate       is: ") * number_after(text, "run time: "), 20'000, 1'000);
}

TEST_F(Perf, ALineEvery200FramesAndAtTheEnd) {
  const auto lines = [&](int frames) {
    options_.frame_count = frames;
    const std::string text = run();
    size_t count = 0;
    for (size_t at = 0; (at = text.find("Thread Average", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(lines(1), 1u);
  EXPECT_EQ(lines(200), 1u);
  EXPECT_EQ(lines(201), 2u);
  EXPECT_EQ(lines(400), 2u);
}

TEST_F(Perf, EverySampleWithProfile) {
  for (const Program& program : testing::sample_programs()) {
    options_.model_file = path(program.name + ".bin");
    options_.profile_path = path("new/folder/" + program.name);
    options_.thread_num = 3;
    const std::string text = run();
    EXPECT_NE(text.find("\nSlowest steps ("), std::string::npos) << text;
    EXPECT_EQ(json_["steps"].size(), program.steps.size());
    const std::string log = read_text_file(options_.profile_path + "/profiler.log");
    const size_t stars = log.find("\n***\n");
    ASSERT_NE(stars, std::string::npos) << log;
    const json head = json::parse(log.substr(0, stars)), body = json::parse(log.substr(stars + 5));
    EXPECT_EQ(head["running_condition"]["model_name"], program.name);
    EXPECT_EQ(head["running_condition"]["frame_count"], 20);
    EXPECT_EQ(head["running_condition"]["thread_num"], 3);
    EXPECT_GT(head["perf_result"]["FPS"].get<double>(), 0);
    EXPECT_EQ(body["step_latency"].size(), program.steps.size());
    double share = 0;
    for (const auto& [name, step] : body["step_latency"].items()) {
      EXPECT_LE(step["min_time"].get<double>(), step["avg_time"].get<double>() + 1e-9) << name;
      EXPECT_LE(step["avg_time"].get<double>(), step["max_time"].get<double>() + 1e-9) << name;
      EXPECT_FALSE(step["row"].get<std::string>().empty()) << name;
      share += step["share"].get<double>();
    }
    EXPECT_NEAR(share, 1, 1e-6);
    // Steps lie inside their frames.
    const json& chip = body["chip_latency"];
    EXPECT_LE(chip["BPU_inference_time_cost"]["avg_time"].get<double>() +
                  chip["CPU_inference_time_cost"]["avg_time"].get<double>(),
              body["task_latency"]["TaskRunningTime"]["avg_time"].get<double>() + 1e-6);
    const std::string csv = read_text_file(options_.profile_path + "/profiler.csv");
    EXPECT_TRUE(csv.starts_with("node,avg_time,max_time,min_time,")) << csv;
    EXPECT_EQ(split(csv, '\n').size(), program.steps.size() + 1) << csv;  // and the head
  }
}

TEST_F(Perf, SubgraphsAndNames) {
  Program program = testing::quantized_network();
  for (Step& step : program.steps) {
    step.node = std::string("a \"node\", \xff");  // as hostile as a file can be
    step.backend = Backend::bpu;
    step.subgraph = 0;
  }
  program.steps.back().backend = Backend::cpu;
  program.steps.back().subgraph = -1;
  const std::vector<std::string> names = dnn::step_names(program);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  write_program(path("changed.bin"), program);
  options_.model_file = path("changed.bin");
  options_.profile_path = path("profile");
  run();
  const std::string log = read_text_file(path("profile/profiler.log"));
  const json body = json::parse(log.substr(log.find("\n***\n") + 5));
  EXPECT_EQ(body["model_latency"].size(), 4u) << body["model_latency"];  // Preprocess, output, BPU, CPU step
  EXPECT_TRUE(body["model_latency"].contains("Preprocess")) << body["model_latency"];
  EXPECT_TRUE(body["model_latency"].contains("BPU_quantized_network_subgraph_0")) << body["model_latency"];
}

TEST_F(Perf, Json) {
  run();
  EXPECT_EQ(json_["model"], "quantized_network");
  EXPECT_EQ(json_["frame_count"], 20);
  const auto& latency = json_["latency_ms"];
  EXPECT_LE(latency["min"].get<double>(), latency["p50"].get<double>() + 1e-6);
  EXPECT_LE(latency["p50"].get<double>(), latency["p90"].get<double>());
  EXPECT_LE(latency["p90"].get<double>(), latency["p99"].get<double>());
  EXPECT_LE(latency["p99"].get<double>(), latency["max"].get<double>() + 1e-6);
  EXPECT_GT(json_["peak_gmacs_per_second"]["int8"].get<double>(), 0);
  EXPECT_GT(json_["peak_gmacs_per_second"]["float"].get<double>(), 0);
  EXPECT_GT(json_["memory"]["arena_bytes"].get<int64_t>(), 0);
  double share = 0;
  for (const auto& step : json_["steps"]) share += step["share"].get<double>();
  EXPECT_NEAR(share, 1, 1e-6);
}

// Paced frames take as long as their number asks for; every frame that was due ran or was left out.
TEST_F(Perf, TargetRate) {
  options_.target_fps = 200;
  options_.thread_num = 2;
  const std::string text = run();
  EXPECT_NE(text.find("\nTarget 200 FPS "), std::string::npos) << text;
  const auto& target = json_["target"];
  EXPECT_EQ(target["due"], 20);
  EXPECT_EQ(target["missed"].get<int>() + json_["frame_count"].get<int>(), 20);
  EXPECT_LE(target["late"].get<int>(), json_["frame_count"].get<int>());
  EXPECT_GE(json_["run_time_ms"].get<double>(), 19 * 5.0);
  // A rate that no machine keeps: frames are left out, the measurement ends all the same.
  options_.target_fps = 1e6;
  options_.thread_num = 1;
  options_.frame_count = 1000;
  EXPECT_NE(run().find("1e+06 FPS not met"), std::string::npos);
  EXPECT_GT(json_["target"]["missed"].get<int>() + json_["target"]["late"].get<int>(), 0);
}

TEST_F(Perf, DumpsIntermediateTensors) {
  options_.dump_intermediate = 1;
  options_.dump_path = path("dumps");
  run();
  EXPECT_EQ(read_file(path("dumps/features.bin")).size(), 12u * 64);
  EXPECT_TRUE(fs::exists(path("dumps/dump_index.json")));
}

TEST_F(Perf, InterruptedWithResults) {
  options_.frame_count = 1'000'000'000;
  mark_interrupted(2);
  EXPECT_THROW(run(), Interrupted);
  mark_interrupted(0);
  EXPECT_TRUE(json_["interrupted"].get<bool>()) << json_;
  EXPECT_NE(read_text_file(path("out")).find("Perf result:"), std::string::npos);
}

TEST(LatencyStats, Percentiles) {
  LatencyStats stats;
  EXPECT_EQ(stats.percentile(50), 0);
  for (int i = 100; i > 0; --i) stats.add(i);
  EXPECT_EQ(stats.percentile(50), 50);
  EXPECT_EQ(stats.percentile(90), 90);
  EXPECT_EQ(stats.percentile(99), 99);
  EXPECT_EQ(stats.percentile(100), 100);
  EXPECT_EQ(stats.all().average(), 50.5);
  // More than are kept one by one.
  for (int round = 0; round < 30'000; ++round)
    for (int i = 1; i <= 100; ++i) stats.add(i);
  EXPECT_NEAR(stats.percentile(50), 50, 2);
  EXPECT_NEAR(stats.percentile(99), 99, 2);
  EXPECT_EQ(stats.all().count, 3'000'100u);
}

TEST_F(Perf, Errors) {
  const auto code = [&] {
    try {
      run();
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode{0};
  };
  write_file_atomically(path("occupied"), "a file");
  options_.profile_path = path("occupied");
  EXPECT_EQ(code(), ErrorCode::file_unwritable);
  options_.profile_path = "/proc";
  EXPECT_EQ(code(), ErrorCode::file_unwritable);
  options_.profile_path.clear();
  options_.model_name = "another";
  EXPECT_EQ(code(), ErrorCode::usage);
  options_.model_name.clear();
  options_.model_file = path("none.bin");
  EXPECT_EQ(code(), ErrorCode::file_missing);
}

}  // namespace
}  // namespace openhb::model_exec
