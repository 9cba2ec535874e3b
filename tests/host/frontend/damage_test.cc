// SPDX-License-Identifier: Apache-2.0
// Files that are not what they should be: an Error with a fitting code, never a crash.
#include <random>

#include "common/io/file.h"
#include "tests/host/frontend/compare.h"
#include "tests/host/frontend/models.h"

namespace openhb::test {
namespace {

using onnx_frontend::import_onnx;
using onnx_frontend::import_onnx_bytes;

std::string sample_bytes() {
  auto model = relu_model();
  const std::vector<float> weights(16, 0.5f);
  add_initializer(model, "w", {4, 4})->set_raw_data(weights.data(), 64);
  add_initializer(model, "v", {2}, onnx::TensorProto::INT64)->add_int64_data(3);
  model.mutable_graph()->mutable_initializer(1)->add_int64_data(-1);
  auto* conv = add_node(model, "Conv", "c", {"y", "w", ""}, {"z"});
  add_attribute(conv, "pads", onnx::AttributeProto::INTS)->add_ints(1);
  add_attribute(conv, "alpha", onnx::AttributeProto::FLOAT)->set_f(0.5f);
  auto* value =
      add_attribute(add_node(model, "Constant", "k", {}, {"kv"}), "value", onnx::AttributeProto::TENSOR);
  value->mutable_t()->set_data_type(onnx::TensorProto::FLOAT16);
  value->mutable_t()->add_int32_data(0x3c00);
  add_output(model, "z");
  return model.SerializeAsString();
}

TEST(Damage, MissingEmptyOrNoFile) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::file_missing, {"none.onnx"}, [&] { import_onnx(folder.path("none.onnx")); });
  write_file_atomically(folder.path("empty.onnx"), std::string_view());
  expect_error(ErrorCode::file_empty, {"empty.onnx"}, [&] { import_onnx(folder.path("empty.onnx")); });
  expect_error(ErrorCode::file_unreadable, {}, [&] { import_onnx(folder.path("")); });
  write_file_atomically(folder.path("text.onnx"), std::string_view("name: this is no model"));
  expect_error(ErrorCode::model_parse, {"text.onnx", "is not an ONNX model"},
               [&] { import_onnx(folder.path("text.onnx")); });
}

TEST(Damage, Truncated) {
  const std::string bytes = sample_bytes();
  EXPECT_NO_THROW(import_onnx_bytes(bytes, "whole"));
  for (size_t size = 0; size < bytes.size(); ++size)
    expect_error(ErrorCode::model_parse, {"cut"}, [&] { import_onnx_bytes(bytes.substr(0, size), "part"); });
}

TEST(Damage, RandomBytes) {
  std::mt19937 random(1);
  for (int k = 0; k < 3000; ++k) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_THROW(import_onnx_bytes(bytes, "random"), Error) << "case " << k;
  }
}

// A flipped bit may leave a valid model; everything else must be an Error of a model.
TEST(Damage, BitFlips) {
  const std::string bytes = sample_bytes();
  size_t errors = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      import_onnx_bytes(damaged, "flipped");
    } catch (const Error& error) {
      ++errors;
      const int code = static_cast<int>(error.code());
      EXPECT_TRUE(code >= 200 && code < 300) << "bit " << bit << ": " << error.text();
    }
  }
  EXPECT_GT(errors, bytes.size());
}

struct ExternalTest : testing::Test {
  TemporaryFolder folder;
  onnx::ModelProto model = relu_model();
  onnx::TensorProto* tensor = add_initializer(model, "w", {3});

  ExternalTest() {
    tensor->set_data_location(onnx::TensorProto::EXTERNAL);
    const std::vector<float> values{9, 1, 2, 3, 9};
    write_file_atomically(folder.path("weights.bin"), std::as_bytes(std::span(values)));
  }
  void entry(const std::string& key, const std::string& value) {
    auto* e = tensor->add_external_data();
    e->set_key(key);
    e->set_value(value);
  }
  graph::Graph load() {
    write_file_atomically(folder.path("m.onnx"), std::string_view(model.SerializeAsString()));
    return import_onnx(folder.path("m.onnx"));
  }
};

TEST_F(ExternalTest, Reads) {
  entry("location", "weights.bin"), entry("offset", "4"), entry("length", "12");
  const auto graph = load();
  const auto data = graph.find_value("w")->constant->data<float>();
  EXPECT_EQ(std::vector<float>(data.begin(), data.end()), (std::vector<float>{1, 2, 3}));
  expect_error(ErrorCode::model_structure, {"'w'", "weights.bin"}, [&] { import(model); });
}

TEST_F(ExternalTest, ReadsWithoutOffsetAndLength) {
  entry("location", "./weights.bin");
  EXPECT_EQ(load().find_value("w")->constant->data<float>()[0], 9);
}

TEST_F(ExternalTest, OutsideOfTheFolder) {
  for (const std::string& location :
       {std::string("../weights.bin"), folder.path("weights.bin"), std::string("a/../../b"), std::string(""),
        std::string("weights.bin\0x", 13)}) {
    tensor->clear_external_data();
    entry("location", location);
    expect_error(ErrorCode::model_structure, {"'w'", "folder"}, [&] { load(); });
  }
}

TEST_F(ExternalTest, WrongRanges) {
  const auto bad = [&](const std::string& offset, const std::string& length) {
    tensor->clear_external_data();
    entry("location", "weights.bin"), entry("offset", offset), entry("length", length);
    expect_error(ErrorCode::model_bad_value, {"'w'"}, [&] { load(); });
  };
  bad("12", "12");
  bad("0", "16");
  bad("-4", "12");
  bad("18446744073709551612", "12");
  bad("99999999999999999999999", "12");
  bad("4 ", "12");
  bad("", "12");
}

TEST_F(ExternalTest, MissingFile) {
  entry("location", "nothing.bin");
  expect_error(ErrorCode::file_missing, {"nothing.bin"}, [&] { load(); });
  tensor->clear_external_data();
  entry("location", ".");
  expect_error(ErrorCode::file_unreadable, {}, [&] { load(); });
}

}  // namespace
}  // namespace openhb::test
