// SPDX-License-Identifier: Apache-2.0
// The step Custom: what it gives its operator, and what it does not believe.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "common/program/container.h"
#include "common/program/file.h"
#include "device/engine/model.h"
#include "tests/device/plugin/probe.h"

namespace openhb {
namespace {

using engine::Model;
using engine::Session;
using plugin::Attributes;
using testing::probe_program;

class CustomStep : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::register_probe();
    ::unsetenv(plugin::kSearchPath);
    ::unsetenv("OPENHB_CHECK_PLUGINS");
  }
  void TearDown() override {
    EXPECT_EQ(testing::live_instances(), 0);
    ::unsetenv("OPENHB_CHECK_PLUGINS");
  }
};

std::vector<float> run(Session& session) {
  float x[24];
  for (int i = 0; i < 24; ++i) x[i] = static_cast<float>(i);
  std::memcpy(session.input(0).data(), x, sizeof(x));
  session.run();
  std::vector<float> y(24);
  std::memcpy(y.data(), session.output(0).data(), sizeof(x));
  return y;
}

// The error of loading the program and running it once; "" without one.
std::string error_of(const Program& program, ErrorCode code, int threads = 1) {
  try {
    Session session(Model::create(program), {.threads = threads});
    run(session);
    session.check();
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
}
void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' has no '" << part << "'";
}

TEST_F(CustomStep, GetsAttributesConstantsAndScratch) {
  const Attributes attributes{{"k", std::vector<int64_t>{10, 20}},
                              {"scratch", int64_t{1000}},
                              {"w", Tensor::from<float>({1}, std::vector<float>{0.5f})}};
  for (const int threads : {1, 4}) {
    Session session(Model::create(probe_program(attributes, true)), {.threads = threads});
    const auto y = run(session);
    for (size_t i = 0; i < y.size(); ++i)
      EXPECT_EQ(y[i], static_cast<float>(i) + 30.5f + static_cast<float>(i % 4 + 1));
    EXPECT_EQ(session.failure(), "");
  }
  EXPECT_EQ(testing::most_parts(), 4);
}

TEST_F(CustomStep, AbsentInputs) {
  Program program = probe_program({});
  std::get<CustomParams>(program.steps[0].params).absent = 2;
  Session session(Model::create(program));
  EXPECT_EQ(run(session)[7], 7.0f);
  // A required input, more inputs than the operator has, and numbers that are no masks.
  for (const int64_t absent : {int64_t{1}, int64_t{4}, int64_t{6}, int64_t{-1}, int64_t{1} << 62})
    EXPECT_NE((std::get<CustomParams>(program.steps[0].params).absent = absent,
               error_of(program, ErrorCode::program_step)),
              "");
}

TEST_F(CustomStep, KeepsTheFile) {
  const Attributes attributes{{"k", std::vector<int64_t>{1, -2}}, {"mode", std::string("a\0b", 3)}};
  const Program program = parse_program(serialize_program(probe_program(attributes)), nullptr);
  const auto& params = std::get<CustomParams>(program.steps[0].params);
  EXPECT_EQ(params.domain, "test");
  EXPECT_EQ(params.type, "Probe");
  const Attributes read = plugin::decode_attributes(params.attributes);
  EXPECT_EQ(std::get<std::string>(read.at("mode")), std::string("a\0b", 3));
  EXPECT_EQ(std::get<std::vector<int64_t>>(read.at("k")), (std::vector<int64_t>{1, -2}));
}

TEST_F(CustomStep, WhatCallbacksRefuse) {
  const std::pair<const char*, const char*> kCases[] = {
      {"infer throws", "it threw an exception"},
      {"infer fails", "the moon is full"},
      {"infer fails silently", "does not say why"},
      {"rank", "rank 9"},
      {"negative", "extent -1"},
      {"huge", "too large"},
      {"type", "11 is no element type"},
      {"other shape", "the plug-in infers float32 1x3x4"},
      {"other type", "the plug-in infers int32"},
      {"create fails", "node node_0 has no luck"},
      {"parts", "max_parts() gives 300"},
      {"run fails", "part 0 of 1 is broken"},
      {"run throws", "failed: the plug-in does not say why"}};
  for (const auto& [mode, part] : kCases) {
    const std::string text = error_of(probe_program({{"mode", mode}}), ErrorCode::plugin_failed);
    expect_part(text, part);
    expect_part(text, "node_0");
    expect_part(text, "test::Probe");
  }
  for (const int64_t scratch : {int64_t{-1}, int64_t{1} << 40})
    expect_part(error_of(probe_program({{"scratch", scratch}}), ErrorCode::plugin_failed), "scratch_size()");
}

TEST_F(CustomStep, AttributesThatTheOperatorDoesNotTake) {
  expect_part(error_of(probe_program({{"mod", "x"}}), ErrorCode::program_step), "no attribute 'mod'");
  expect_part(error_of(probe_program({{"k", int64_t{1}}}), ErrorCode::program_step),
              "attribute 'k' is an integer, but a list of integers is expected");
  expect_part(error_of(probe_program({{"w", Tensor(DType::f64, {2})}}), ErrorCode::program_step), "float64");
}

TEST_F(CustomStep, AFailureEndsTheRun) {
  Session session(Model::create(probe_program({{"mode", "run fails"}})));
  int seen = 0;
  session.set_hook([&](size_t) { ++seen; });
  EXPECT_FALSE(session.run());
  EXPECT_EQ(seen, 0);
  expect_part(session.failure(), "operator test::Probe of node 'node_0' failed: part 0 of 1 is broken");
}

TEST_F(CustomStep, MissingOperator) {
  const std::string text = error_of(probe_program({}, false, "Unheard"), ErrorCode::plugin_missing);
  expect_part(text, "node_0");
  expect_part(text, "test::Unheard");
  expect_part(text, "HB_DNN_PLUGIN_PATH is not set");
  ::setenv(plugin::kSearchPath, "/nonexistent/folder:", 1);
  expect_part(error_of(probe_program({}, false, "Unheard"), ErrorCode::plugin_missing),
              "HB_DNN_PLUGIN_PATH='/nonexistent/folder:'");
}

TEST_F(CustomStep, TensorsThatAreNoTensorsForIt) {
  const auto changed = [](auto change) {
    Program program = probe_program({});
    change(program);
    return error_of(program, ErrorCode::program_step);
  };
  EXPECT_NE(changed([](Program& p) { p.tensors[0].order = {0, 2, 1}; }), "");
  EXPECT_NE(changed([](Program& p) { p.tensors[1].quant = {{1.0f}, {0}, -1}; }), "");
  EXPECT_NE(changed([](Program& p) { p.tensors[0].dtype = DType::f16; }), "");
  EXPECT_NE(changed([](Program& p) { p.tensors[0].pitch = 5, p.tensors[0].dims = {2, 2, 4}; }), "");
  EXPECT_NE(changed([](Program& p) { std::get<CustomParams>(p.steps[0].params).type = ""; }), "");
  EXPECT_NE(changed([](Program& p) { std::get<CustomParams>(p.steps[0].params).domain = {'t', 0}; }), "");
}

// OPENHB_CHECK_PLUGINS=1 finds mistakes that otherwise show as wrong results somewhere else.
TEST_F(CustomStep, CheckedRuns) {
  ::setenv("OPENHB_CHECK_PLUGINS", "1", 1);
  const std::pair<const char*, const char*> kCases[] = {{"writes behind", "it wrote outside of output 0"},
                                                        {"writes input", "it wrote into input 0"},
                                                        {"leaves out", "at byte 20: it was not written"},
                                                        {"counts runs", "output 0 differs"},
                                                        {"run fails", "part 0 of 1 is broken"},
                                                        {"", ""}};
  for (const auto& [mode, part] : kCases)
    expect_part(error_of(probe_program({{"mode", mode}}, true), ErrorCode::plugin_failed, 4), part);
  Session session(Model::create(probe_program({{"k", std::vector<int64_t>{5}}})));
  EXPECT_EQ(run(session)[3], 8.0f);
}

// Every byte of encoded attributes changed, and every length: an error, or attributes.
TEST_F(CustomStep, DamagedAttributes) {
  const Attributes attributes{{"f", 1.5f},
                              {"fs", std::vector<float>{1, 2}},
                              {"i", int64_t{7}},
                              {"is", std::vector<int64_t>{1, 2, 3}},
                              {"s", std::string("text")},
                              {"ss", std::vector<std::string>{"a", ""}},
                              {"t", Tensor(DType::i32, {2, 3})}};
  const std::string good = plugin::encode_attributes(attributes);
  EXPECT_EQ(plugin::encode_attributes(plugin::decode_attributes(good)), good);
  size_t refused = 0;
  const auto attack = [&](const std::string& bytes) {
    // On the heap without room to spare, for AddressSanitizer.
    const std::vector<char> copy(bytes.begin(), bytes.end());
    try {
      plugin::decode_attributes({copy.data(), copy.size()});
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::program_step) << e.what();
      ++refused;
    }
  };
  for (size_t n = 0; n < good.size(); ++n) attack(good.substr(0, n));
  for (size_t i = 0; i < good.size(); ++i)
    for (const int value : {0x00, 0x01, 0x08, 0x0b, 0x7f, 0x80, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(value);
      attack(bad);
    }
  EXPECT_GT(refused, good.size());
  std::mt19937 random(1);
  Program program = probe_program({{"k", std::vector<int64_t>{1, 2}}, {"mode", "x"}});
  std::string& bytes = std::get<CustomParams>(program.steps[0].params).attributes;
  const std::string sound = bytes;
  for (int i = 0; i < 2000; ++i) {
    bytes = sound;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    error_of(program, ErrorCode::program_step);
  }
}

}  // namespace
}  // namespace openhb
