// SPDX-License-Identifier: Apache-2.0
// Metadata written by hand: the parameters of a step must be exactly those that its kind has.
#include <cmath>

#include "common/program/container.h"
#include "program_generated.h"
#include "tests/common/program/random_program.h"

namespace openhb {
namespace {

struct RawParam {
  std::string name;
  std::vector<int64_t> ints;
  std::vector<double> floats;
};

std::vector<std::byte> metadata(uint16_t kind, const char* kind_name, const std::vector<RawParam>& params,
                                const std::vector<std::string>& properties = {}) {
  flatbuffers::FlatBufferBuilder b;
  fb::ProgramT program;
  program.name = "raw";
  for (const auto& key : properties) {
    program.properties.push_back(std::make_unique<fb::PropertyT>());
    program.properties.back()->key = key;
  }
  auto step = std::make_unique<fb::StepT>();
  step->kind = kind;
  step->kind_name = kind_name;
  step->node = "node";
  for (const RawParam& p : params) {
    step->params.push_back(std::make_unique<fb::ParamT>());
    step->params.back()->name = p.name;
    step->params.back()->ints = p.ints;
    step->params.back()->floats = p.floats;
  }
  program.steps.push_back(std::move(step));
  b.Finish(fb::CreateProgram(b, &program), fb::ProgramIdentifier());
  const auto bytes = std::as_bytes(std::span(b.GetBufferPointer(), b.GetSize()));
  return {bytes.begin(), bytes.end()};
}

std::string verdict(const std::vector<std::byte>& bytes) {
  try {
    return testing::params_text(decode_metadata(bytes).steps.at(0).params);
  } catch (const Error& e) {
    return e.text();
  }
}

const std::vector<RawParam> kUnary = {{"function", {2}, {}}, {"alpha", {}, {0.5}}, {"beta", {}, {-INFINITY}}};

std::string unary(size_t index, RawParam param) {
  auto params = kUnary;
  params[index] = std::move(param);
  return verdict(metadata(6, "Unary", params));
}

TEST(StepParameters, AreReadInAnyOrder) {
  EXPECT_EQ(verdict(metadata(6, "Unary", kUnary)), "Unary function=2 alpha=0x1p-1 beta=-inf");
  EXPECT_EQ(verdict(metadata(6, "Unary", {kUnary[2], kUnary[0], kUnary[1]})),
            "Unary function=2 alpha=0x1p-1 beta=-inf");
}

TEST(StepParameters, WrongOnesAreRefusedByName) {
  const std::string refused[] = {
      unary(1, {"alpha", {}, {NAN}}),    // not a number
      unary(1, {"alpha", {}, {0.1}}),    // no float
      unary(1, {"alpha", {}, {1e300}}),  // beyond float
      unary(1, {"alpha", {}, {1e-60}}),  // below float
      unary(1, {"alpha", {1}, {}}),      // wrong type
      unary(1, {"alpha", {1}, {1.0}}),   // both
      unary(1, {"alpha", {}, {}}),       // none
      unary(1, {"alpha", {}, {1, 2}}),   // two
      unary(1, {"alhpa", {}, {1}}),      // missing and unknown
      unary(1, {"beta", {}, {1}}),       // twice
  };
  for (const std::string& text : refused)
    EXPECT_TRUE(text.starts_with("OHB-0504: step Unary of node 'node'")) << text;
  EXPECT_NE(unary(0, {"function", {-1}, {}}).find("'function' is negative"), std::string::npos);
  EXPECT_NE(unary(0, {"function", {int64_t{1} << 40}, {}}).find("out of range"), std::string::npos);
  EXPECT_NE(unary(0, {"function", {}, {1.0}}).find("wrong type"), std::string::npos);
  auto more = kUnary;
  more.push_back({"gamma", {1}, {}});
  EXPECT_NE(verdict(metadata(6, "Unary", more)).find("'gamma' is not known"), std::string::npos);
}

TEST(StepParameters, ListsHaveTheirLength) {
  const auto with = [](std::vector<int64_t> kernel) {
    return verdict(metadata(2, "Depthwise",
                            {{"kernel", kernel, {}},
                             {"stride", {1, 1}, {}},
                             {"dilation", {1, 1}, {}},
                             {"pads", {0, 0, 0, 0}, {}},
                             {"lo", {}, {0}},
                             {"hi", {}, {6}}}));
  };
  EXPECT_TRUE(with({3, 5}).starts_with("Depthwise kernel=[3,5]"));
  EXPECT_NE(with({3}).find("has 1 values, 2 are needed"), std::string::npos);
  EXPECT_NE(with({3, 5, 7}).find("has 3 values"), std::string::npos);
  EXPECT_NE(with({3, -2147483649}).find("out of range"), std::string::npos);
  EXPECT_NE(verdict(metadata(15, "Reduce", {{"function", {0}, {}}, {"axes", std::vector<int64_t>(33), {}}}))
                .find("33"),
            std::string::npos);
}

TEST(StepParameters, KindAndNameBelongTogether) {
  EXPECT_TRUE(verdict(metadata(3, "MatMul", {})).starts_with("MatMul"));
  EXPECT_TRUE(verdict(metadata(3, "Lut", {})).starts_with("OHB-0500"));
  const std::string unknown = verdict(metadata(999, "Attention", {}));
  EXPECT_TRUE(unknown.starts_with("OHB-0504")) << unknown;
  EXPECT_NE(unknown.find("'Attention' (number 999)"), std::string::npos) << unknown;
}

TEST(Metadata, PropertiesMustBeSorted) {
  EXPECT_TRUE(verdict(metadata(3, "MatMul", {}, {"a", "b"})).starts_with("MatMul"));
  EXPECT_TRUE(verdict(metadata(3, "MatMul", {}, {"b", "a"})).starts_with("OHB-0500"));
  EXPECT_TRUE(verdict(metadata(3, "MatMul", {}, {"a", "a"})).starts_with("OHB-0500"));
}

// 100 kB of numbers that 50000 tensors share would become gigabytes.
TEST(Metadata, SharedVectorsDoNotAmplify) {
  flatbuffers::FlatBufferBuilder b;
  const auto scales = b.CreateVector(std::vector<float>(25000, 1.0f));
  std::vector<flatbuffers::Offset<fb::Tensor>> tensors;
  for (int i = 0; i < 50000; ++i) {
    fb::TensorBuilder tensor(b);
    tensor.add_scales(scales);
    tensors.push_back(tensor.Finish());
  }
  const auto name = b.CreateString("bomb");
  const auto vector = b.CreateVector(tensors);
  b.Finish(fb::CreateProgram(b, name, 0, vector), fb::ProgramIdentifier());
  const auto bytes = std::as_bytes(std::span(b.GetBufferPointer(), b.GetSize()));
  EXPECT_TRUE(verdict({bytes.begin(), bytes.end()}).starts_with("OHB-0500: the metadata repeats itself"));
}

}  // namespace
}  // namespace openhb
