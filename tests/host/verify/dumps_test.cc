// SPDX-License-Identifier: Apache-2.0
// Dump folders, which come from other machines, and their comparison.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/error.h"
#include "common/io/file.h"
#include "device/dnn/dump.h"
#include "host/report/log.h"
#include "host/verify/dump_folder.h"
#include "host/verify/pairs.h"
#include "host/verify/verify.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;

class Dumps : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / fmt::format("verify_dumps_{}", getpid());
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  // Writes a dump: tensors in this order.
  struct Item {
    std::string name, kind;
    std::vector<float> values;
    std::string row = {};
  };
  std::string dump(const std::string& name, const std::vector<Item>& items) {
    const std::string folder = (root_ / name).string();
    fs::create_directories(folder);
    dnn::DumpIndex index;
    for (size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      const std::string file = fmt::format("{}_{}.bin", i, item.kind);
      write_file_atomically(folder + "/" + file, std::as_bytes(std::span(item.values)));
      index.add({.files = {file},
                 .kind = item.kind,
                 .name = item.name,
                 .shape = {static_cast<int64_t>(item.values.size())},
                 .step = item.kind == "tensor" ? "Conv of " + item.name : "",
                 .row = item.row});
    }
    index.write(folder, "model");
    return folder;
  }
  std::string with_index(const std::string& json, const std::string& file_bytes = "") {
    const std::string folder = (root_ / "hostile").string();
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::ofstream(folder + "/dump_index.json") << json;
    if (!file_bytes.empty()) std::ofstream(folder + "/x.bin") << file_bytes;
    return folder;
  }
  static ErrorCode code_of(const std::string& folder) {
    try {
      read_dump(folder);
    } catch (const Error& e) {
      return e.code();
    }
    return ErrorCode::internal;
  }

  fs::path root_;
};

TEST_F(Dumps, EqualOnesPass) {
  const std::vector<Item> items = {{"in", "input", {1, 2}},
                                   {"a", "tensor", {3, 4}, "ref"},
                                   {"out", "tensor", {5}},
                                   {"out", "output", {5}}};
  const auto result =
      compare_dumps("L", dump("l", items), "R", dump("r", items), {.bit_exact = true, .tensors = true});
  EXPECT_TRUE(result.passed);
  EXPECT_FALSE(result.first);
  ASSERT_EQ(result.tensors.size(), 2u);  // the input is not compared, the output once
  EXPECT_EQ(result.tensors[0].tensor, "out");
  EXPECT_EQ(result.tensors[0].step, "Conv of out");
  EXPECT_EQ(result.tensors[1].row_left, "ref");
}

TEST_F(Dumps, FirstDifferenceIsTheEarliestStep) {
  const auto left = dump("l", {{"a", "tensor", {1, 2, 3}, "avx2"},
                               {"b", "tensor", {1, 2, 3}, "avx2"},
                               {"out", "tensor", {9}},
                               {"out", "output", {9}}});
  const auto right = dump("r", {{"a", "tensor", {1, 2, 3}, "dotprod"},
                                {"b", "tensor", {1, 2.5, 3}, "dotprod"},
                                {"out", "tensor", {8}},
                                {"out", "output", {8}}});
  const auto result = compare_dumps("L", left, "R", right, {.bit_exact = true, .tensors = true});
  EXPECT_FALSE(result.passed);
  ASSERT_TRUE(result.first);
  const TensorResult& first = result.tensors[*result.first];
  EXPECT_EQ(first.tensor, "b");
  EXPECT_EQ(first.row_right, "dotprod");
  EXPECT_EQ(first.difference.first, 1);
}

TEST_F(Dumps, DigitsDecideUnlessBitsAreAsked) {
  const auto left = dump("l", {{"out", "output", {1.0f}}}), right = dump("r", {{"out", "output", {1.0001f}}});
  EXPECT_TRUE(compare_dumps("L", left, "R", right, {.digits = 3}).passed);
  EXPECT_FALSE(compare_dumps("L", left, "R", right, {.digits = 5}).passed);
  EXPECT_FALSE(compare_dumps("L", left, "R", right, {.digits = 3, .bit_exact = true}).passed);
}

TEST_F(Dumps, OutputsOfOtherNamesGoByPlace) {
  const auto left = dump("l", {{"prob", "output", {1}}, {"box", "output", {2}}});
  const auto right = dump("r", {{"prob_quantized", "output", {1}}, {"box_quantized", "output", {3}}});
  const auto result = compare_dumps("L", left, "R", right, {});
  ASSERT_EQ(result.tensors.size(), 2u);
  EXPECT_TRUE(result.tensors[0].passed);
  EXPECT_FALSE(result.tensors[1].passed);
  const auto first = compare_dumps("L", left, "R", right, {.first_output = true});
  EXPECT_EQ(first.tensors.size(), 1u);
  EXPECT_TRUE(first.passed);
}

TEST_F(Dumps, NothingInCommonFails) {
  const auto left = dump("l", {{"a", "output", {1}}, {"b", "output", {2}}});
  const auto right = dump("r", {{"c", "output", {1}}});
  const auto result = compare_dumps("L", left, "R", right, {});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.only_left.size(), 2u);
  EXPECT_EQ(result.only_right, std::vector<std::string>{"c"});
}

// A side that leaves an output out must not pass with the others.
TEST_F(Dumps, OutputOfOneSideOnlyFails) {
  const auto both = dump("l", {{"a", "output", {1, 2, 3}}, {"b", "output", {2}}});
  const auto one = dump("r", {{"b", "output", {2}}});
  for (const bool swapped : {false, true}) {
    const auto result =
        swapped ? compare_dumps("R", one, "L", both, {}) : compare_dumps("L", both, "R", one, {});
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(swapped ? result.only_right : result.only_left, std::vector<std::string>{"a"});
    ASSERT_EQ(result.tensors.size(), 2u);
    const TensorResult& missing = result.tensors[swapped ? 1 : 0];
    EXPECT_EQ(missing.tensor, "a");
    EXPECT_FALSE(missing.passed);
    EXPECT_EQ(missing.difference.line_miss, 3u);
    EXPECT_EQ(missing.difference.mismatch_rate(), 1);
    EXPECT_TRUE(result.tensors[swapped ? 0 : 1].passed);
  }
}

TEST_F(Dumps, LogHasTheDocumentedLines) {
  const auto left = dump("l", {{"out", "output", {1, 2}}}), right = dump("r", {{"out", "output", {3, 2}}});
  const auto longer = dump("m", {{"out", "output", {1, 2, 5, 6}}});
  const fs::path before = fs::current_path();
  fs::current_path(root_);
  const auto text = [&](const PairResult& pair) {
    {
      report::Log log("pairs", "", report::Level::error);
      log_pair(pair, {}, log);
    }
    return read_text_file("pairs.log");
  };
  const std::string failed = text(compare_dumps("L", left, "R", right, {}));
  const std::string missing = text(compare_dumps("L", left, "M", longer, {.bit_exact = true}));
  fs::current_path(before);
  for (const char* line :
       {"compare source: L VS R\n", "mismatch result num: 1\n", "mismatch.line_diff num: 1\n",
        "total result num: 2\n", "mismatch rate: 0.5\n", "max abs error: 2.0\n", "element [0]: 1 and 3\n",
        "WARNING L and R result Strict check FAILED\n"})
    EXPECT_NE(failed.find(line), std::string::npos) << line << failed;
  EXPECT_NE(missing.find("2 of its 4 elements are on one side only"), std::string::npos) << missing;
}

// Names come from a board to a terminal.
TEST_F(Dumps, NamesHoldNoEscapeSequences) {
  const auto tensors = read_dump(with_index(
      R"({"tensors":[{"files":["x.bin"],"kind":"output","name":"a\u001b[2Jb","step":"c\nd","row":"e\u009bf",
          "dtype":"float32","shape":[1]}]})",
      "1234"));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].name, "a?[2Jb");
  EXPECT_EQ(tensors[0].step, "c?d");
  EXPECT_EQ(tensors[0].row, "e??f");
}

TEST_F(Dumps, PaddingIsLeftOut) {
  const std::string folder = with_index(
      R"({"tensors":[{"files":["x.bin"],"kind":"output","name":"o","dtype":"int8","shape":[2,4],"valid_shape":[2,3],
          "aligned":true,"scale":[0.5],"zero_point":[1],"axis":-1}]})",
      "abc_def_");
  const auto tensors = read_dump(folder);
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].values.shape(), (Shape{2, 3}));
  EXPECT_EQ(std::as_const(tensors[0].values).data<int8_t>()[3], 'd');
  EXPECT_EQ(tensors[0].quant.scales, std::vector<float>{0.5f});
}

TEST_F(Dumps, HostileIndexesAreRefused) {
  const auto row = [](const std::string& rest) {
    return R"({"tensors":[{"kind":"output","name":"o",)" + rest + "}]}";
  };
  const std::string good = R"("dtype":"float32","shape":[1])";
  for (
      const std::string& json : std::initializer_list<std::string>{
          "",
          "{",
          "[]",
          "{}",
          R"({"tensors":5})",
          R"({"tensors":[1]})",
          row(R"("files":[],)" + good),
          row(R"("files":["../../etc/passwd"],)" + good),
          row(R"("files":["/etc/passwd"],)" + good),
          row(R"("files":[".."],)" + good),
          row(R"("files":["a\u0000b"],)" + good),
          row(R"("files":[5],)" + good),
          row(R"("files":["x.bin"],"dtype":"float32")"),
          row(R"("files":["x.bin"],"dtype":"float33","shape":[1])"),
          row(R"("files":["x.bin"],"dtype":5,"shape":[1])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[-1])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":["a"])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[9223372036854775807,2])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[1],"valid_shape":[2])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[1],"valid_shape":[1,1])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[1],"scale":[1,2],"zero_point":[0,0],"axis":0)"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[1],"scale":[1],"zero_point":[0],"axis":7)"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[1],"scale":"a","zero_point":[0])"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[1],"aligned":true)"),
          row(R"("files":["x.bin"],"dtype":"float32","shape":[2])"),
          row(R"("files":["missing.bin"],"dtype":"float32","shape":[2])"),
      }) {
    const ErrorCode code = code_of(with_index(json, "1234"));
    EXPECT_TRUE(code == ErrorCode::data_bad_value || code == ErrorCode::data_bad_size ||
                code == ErrorCode::file_missing || code == ErrorCode::file_empty ||
                code == ErrorCode::model_bad_shape)
        << json << ": " << static_cast<int>(code);
  }
  EXPECT_EQ(read_dump(with_index(row(R"("files":["x.bin"],)" + good), "1234")).size(), 1u);
}

}  // namespace
}  // namespace openhb::verify
