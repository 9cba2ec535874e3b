// SPDX-License-Identifier: Apache-2.0
#include "host/verify/compare/vec_diff.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/io/npy.h"
#include "host/verify/compare/match.h"
#include "host/verify/compare/value_file.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;
using Floats = std::vector<float>;

class VecDiffTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder);
    for (const char* side : {"/left", "/right"}) fs::create_directories(folder + side);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string at(const std::string& file) const { return folder + "/" + file; }
  void text(const std::string& file, std::string_view content) const {
    write_file_atomically(at(file), content);
  }
  template <class T>
  void bin(const std::string& file, const std::vector<T>& values) const {
    write_file_atomically(at(file), std::as_bytes(std::span(values)));
  }
  VecDiff folders() const {
    return vec_diff({.left = at("left"), .right = at("right")}, [](size_t, size_t) {});
  }
  VecDiff files(const std::string& left, const std::string& right) const {
    return vec_diff({.left = at(left), .right = at(right)}, [](size_t, size_t) {});
  }
  // "left file, right file" of each pair.
  std::vector<std::string> pairs() const {
    std::vector<std::string> found;
    for (const VecDiffRow& row : folders().rows)
      found.push_back(fs::path(row.left).filename().string() + ", " +
                      fs::path(row.right).filename().string());
    return found;
  }
  static ErrorCode code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& e) {
      EXPECT_GT(std::string(e.what()).size(), 25u) << e.what();
      return e.code();
    }
    return ErrorCode::internal;
  }

  const std::string folder =
      (fs::temp_directory_path() / fmt::format("openhb_vec_diff_{}", ::getpid())).string();
};

Floats floats(const Tensor& t) {
  const auto values = t.data<float>();
  return {values.begin(), values.end()};
}
std::vector<int64_t> whole(const Tensor& t) {
  const auto values = t.data<int64_t>();
  return {values.begin(), values.end()};
}
Tensor numbers(std::string_view text, std::optional<DType> dtype = {}) {
  return parse_numbers(text, dtype, "a.txt");
}

TEST(Numbers, StandBetweenBlanksAndCommas) {
  EXPECT_EQ(floats(numbers(" 1.5\t-2\n\n+3e2,\r\n.25,1e-3 # 7 8\n# 9\n4")),
            (Floats{1.5f, -2, 300, .25f, 1e-3f, 4}));
}

TEST(Numbers, AreIntegersWhenAllAreWhole) {
  EXPECT_EQ(whole(numbers("1 -2 9223372036854775807")), (std::vector<int64_t>{1, -2, INT64_MAX}));
  EXPECT_EQ(floats(numbers("1 2 3.0")), (Floats{1, 2, 3}));
  EXPECT_EQ(floats(numbers("9223372036854775808")), Floats{0x1p63f}) << "more than an int64 holds";
}

TEST(Numbers, AreTheNearestFloat32) {
  EXPECT_EQ(floats(numbers("0.1 3.4028235e38 1.4e-45")),
            (Floats{0.1f, std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min()}));
  EXPECT_EQ(numbers("0.1", DType::f64).data<double>()[0], 0.1);
}

TEST(Numbers, MayBeInfiniteOrNone) {
  const Floats values = floats(numbers("nan -inf INF NaN 1e999 -1e999 1e-999"));
  EXPECT_TRUE(std::isnan(values[0]) && std::isnan(values[3]));
  EXPECT_EQ(values[1], -HUGE_VALF);
  EXPECT_EQ(values[2], HUGE_VALF);
  EXPECT_EQ(values[4], HUGE_VALF);
  EXPECT_EQ(values[5], -HUGE_VALF);
  EXPECT_EQ(values[6], 0);
}

TEST(Numbers, HaveTheTypeThatIsAskedFor) {
  EXPECT_EQ(numbers("-128 127", DType::i8).data<int8_t>()[0], -128);
  EXPECT_EQ(numbers("1 2", DType::f32).dtype(), DType::f32);
  EXPECT_EQ(numbers("0 1", DType::boolean).dtype(), DType::boolean);
  EXPECT_EQ(numbers("1 -2", DType::f16).bytes()[3], std::byte{0xc0});
}

TEST(Numbers, RefusesEverythingElse) {
  for (const char* text : {"", "  \n", "# only a comment", "1 2 three", "1.5.2", "0x10", "1;2", "--1", "+-1",
                           "+", "e5", "1e", "[1, 2]"})
    EXPECT_THROW(numbers(text), Error) << text;
  EXPECT_THROW(numbers("128", DType::i8), Error);
  EXPECT_THROW(numbers("1.5", DType::i32), Error);
  EXPECT_THROW(numbers("2", DType::boolean), Error);
  EXPECT_THROW(numbers("-1", DType::u64), Error);
  EXPECT_THROW(numbers(std::string_view("1 \0 2", 5)), Error);
  try {
    numbers(std::string("1 2 \x01\xff") + std::string(100, 'x'));
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::data_bad_value);
    EXPECT_STREQ(
        e.what(),
        "'a.txt': word 3, '??xxxxxxxxxxxxxxxxxxxxxxxxxxxx', is no number; text files hold numbers between "
        "white space");
  }
}

TEST_F(VecDiffTest, ComparesTwoFilesOfAnyKinds) {
  bin<float>("a.bin", {3, 5, 0});
  write_npy(at("b.npy"), Tensor::from<float>({1, 3}, Floats{3, 2, 4}));
  text("c.TXT", "3 2.0 4\n");
  for (const char* other : {"b.npy", "c.TXT"}) {
    const VecDiff result = files("a.bin", other);
    ASSERT_EQ(result.rows.size(), 1u);
    EXPECT_EQ(result.rows[0].max_abs(), 4);
    EXPECT_DOUBLE_EQ(result.rows[0].cosine(), 19 / std::sqrt(34.0 * 29.0));
  }
  EXPECT_EQ(files("b.npy", "c.TXT").rows[0].difference.bits_differ, 0u);
  EXPECT_EQ(files("b.npy", "a.bin").rows[0].left_shape, (Shape{1, 3}));
  EXPECT_EQ(files("b.npy", "a.bin").rows[0].right_shape, std::nullopt);
}

TEST_F(VecDiffTest, TypeOfBinFiles) {
  bin<int8_t>("a.bin", {1, 2, 3, 4});
  bin<float>("b.bin", {1, 2, 3, 4});
  EXPECT_EQ(code_of([&] { files("a.bin", "b.bin"); }), ErrorCode::data_bad_size);
  const VecDiff result = vec_diff({at("a.bin"), at("b.bin"), DType::i8, DType::f32}, [](size_t, size_t) {});
  EXPECT_EQ(result.rows[0].max_abs(), 0);
  EXPECT_EQ(result.rows[0].left_dtype, DType::i8);
}

TEST_F(VecDiffTest, IndexBesideAFileTellsTypeShapeAndScale) {
  bin<int8_t>("left/x.bin", {1, 2, 3, -4});
  text("left/x.txt", "1 2\n3 -4\n");
  text(
      "left/dump_index.json",
      R"({"tensors": [{"files": ["x.bin", "x.txt"], "kind": "tensor", "name": "x", "dtype": "int8", "shape": [2, 2],
           "scale": [0.5, 2], "zero_point": [0, 1], "axis": 1}]})");
  bin<float>("b.bin", {0.5f, 2, 1.5f, -10});
  for (const char* file : {"left/x.bin", "left/x.txt"}) {
    const VecDiff result = files(file, "b.bin");
    EXPECT_EQ(result.rows[0].difference.bits_differ, 0u);
    EXPECT_EQ(result.rows[0].left_shape, (Shape{2, 2}));
  }
  const VecDiff plain =
      vec_diff({at("left/x.txt"), at("b.bin"), DType::i32, DType::f32}, [](size_t, size_t) {});
  EXPECT_EQ(plain.rows[0].max_abs(), 6) << "--dtype takes the codes as they are";
}

TEST_F(VecDiffTest, IndexWithPadding) {
  bin<float>("left/x.bin", {1, 2, 99, 3, 4, 99});
  text("left/x.txt", "1 2 99 3 4 99");
  text("left/dump_index.json", R"({"tensors": [{"files": ["x.bin", "x.txt"], "kind": "output", "name": "x",
       "dtype": "float32", "shape": [2, 3], "aligned": true, "valid_shape": [2, 2]}]})");
  bin<float>("b.bin", {1, 2, 3, 4});
  EXPECT_EQ(files("left/x.bin", "b.bin").rows[0].max_abs(), 0);
  EXPECT_EQ(files("left/x.txt", "b.bin").rows[0].max_abs(), 0);
}

TEST_F(VecDiffTest, MemoryOrderIsComparedWithItselfOnly) {
  const std::string index =
      R"({"tensors": [{"files": ["x.bin"], "kind": "tensor", "name": "x", "dtype": "int8",
      "shape": [2, 16], "aligned": true, "scale": [1, 2, 3], "zero_point": [0, 0, 0], "axis": 1}]})";
  bin<int8_t>("left/x.bin", std::vector<int8_t>(32));
  bin<int8_t>("right/x.bin", std::vector<int8_t>(32));
  text("left/dump_index.json", index);
  EXPECT_EQ(folders().rows[0].error->code(), ErrorCode::data_bad_value);
  text("right/dump_index.json", index);
  const VecDiff both = folders();
  EXPECT_EQ(both.rows[0].error->code(), ErrorCode::data_bad_value)
      << "scales per channel do not fit padded rows";
}

TEST_F(VecDiffTest, RefusesWhatCannotBeCompared) {
  bin<float>("a.bin", {1});
  text("odd.bin", "12345");
  text("empty.bin", "");
  text("empty.txt", "");
  text("empty.npy", "");
  text("half.npy", "\x93NUMPY");
  text("words.txt", "no numbers");
  text("a.csv", "1");
  fs::create_directory(at("folder.bin"));
  const auto code = [&](const char* file) { return code_of([&] { files(file, "a.bin"); }); };
  EXPECT_EQ(code("none.bin"), ErrorCode::file_missing);
  EXPECT_EQ(code("odd.bin"), ErrorCode::data_bad_size);
  EXPECT_EQ(code("empty.bin"), ErrorCode::file_empty);
  EXPECT_EQ(code("empty.txt"), ErrorCode::file_empty);
  EXPECT_EQ(code("empty.npy"), ErrorCode::file_empty);
  EXPECT_EQ(code("half.npy"), ErrorCode::data_bad_size);
  EXPECT_EQ(code("words.txt"), ErrorCode::data_bad_value);
  EXPECT_EQ(code("a.csv"), ErrorCode::usage);
  EXPECT_EQ(code("folder.bin"), ErrorCode::usage) << "a folder against a file";
  EXPECT_EQ(code("left"), ErrorCode::usage);
  EXPECT_EQ(code_of([&] { folders(); }), ErrorCode::data_missing) << "empty folders";
}

TEST_F(VecDiffTest, MatchesFilesByName) {
  for (const char* file : {"left/b.bin", "left/a.bin", "left/x.npy", "left/c.bin", "right/a.bin",
                           "right/b.bin", "right/x.txt", "right/d.bin"}) {
    if (std::string_view(file).ends_with(".npy"))
      write_npy(at(file), Tensor::from<float>({1}, Floats{1}));
    else if (std::string_view(file).ends_with(".txt"))
      text(file, "1.0");
    else
      bin<float>(file, {1});
  }
  text("right/notes.md", "not a tensor");
  EXPECT_EQ(pairs(), (std::vector<std::string>{"a.bin, a.bin", "b.bin, b.bin", "x.npy, x.txt"}));
  EXPECT_EQ(folders().only_left, std::vector<std::string>{at("left/c.bin")});
  EXPECT_EQ(folders().only_right, std::vector<std::string>{at("right/d.bin")});
  EXPECT_FALSE(folders().complete());
}

TEST_F(VecDiffTest, MatchesTheSameKindOfFileFirst) {
  bin<float>("left/a.bin", {1});
  text("left/a.txt", "1.0");
  text("right/a.txt", "1.0");
  EXPECT_EQ(pairs(), std::vector<std::string>{"a.txt, a.txt"});
  bin<float>("right/a.bin", {1});
  EXPECT_EQ(pairs(), std::vector<std::string>{"a.bin, a.bin"}) << "one row per tensor";
}

TEST_F(VecDiffTest, MatchesFloatSuffixes) {
  bin<float>("left/a_float.bin", {1});
  bin<float>("left/b.bin", {1});
  bin<float>("left/b_float.bin", {1});
  bin<float>("right/a.bin", {1});
  bin<float>("right/b_float.bin", {1});
  EXPECT_EQ(pairs(), (std::vector<std::string>{"a_float.bin, a.bin", "b_float.bin, b_float.bin"}));
}

std::string entry(const std::string& file, const std::string& name, const std::string& kind = "tensor") {
  return fmt::format(R"({{"files": ["{}"], "kind": "{}", "name": "{}", "dtype": "float32", "shape": [1]}})",
                     file, kind, name);
}
std::string index_of(std::initializer_list<std::string> entries) {
  return fmt::format(R"({{"tensors": [{}]}})", fmt::join(entries, ","));
}

TEST_F(VecDiffTest, MatchesTensorNamesOfIndexes) {
  // Both folders call their files in their own ways; file "p.bin" exists on both sides for other tensors.
  for (const char* file : {"left/p.bin", "left/q.bin", "right/p.bin", "right/r.bin"}) bin<float>(file, {1});
  text("left/dump_index.json", index_of({entry("q.bin", "first"), entry("p.bin", "second")}));
  text("right/dump_index.json", index_of({entry("p.bin", "first"), entry("r.bin", "second")}));
  EXPECT_EQ(pairs(), (std::vector<std::string>{"q.bin, p.bin", "p.bin, r.bin"}))
      << "in the order of the index";
  EXPECT_EQ(folders().rows[0].name, "first");
}

TEST_F(VecDiffTest, MatchesKindsOfTheSameName) {
  for (const char* file : {"left/t.bin", "left/o.bin", "right/u.bin", "right/v.bin"}) bin<float>(file, {1});
  text("left/dump_index.json", index_of({entry("t.bin", "prob"), entry("o.bin", "prob", "output")}));
  text("right/dump_index.json", index_of({entry("u.bin", "prob", "output"), entry("v.bin", "prob")}));
  EXPECT_EQ(pairs(), (std::vector<std::string>{"t.bin, v.bin", "o.bin, u.bin"}));
}

TEST_F(VecDiffTest, MatchesAnIndexWithNamesOfFiles) {
  bin<float>("left/17.bin", {1});
  text("left/dump_index.json", index_of({entry("17.bin", "block/conv:0")}));
  bin<float>("right/block_conv:0_float.bin", {1});
  EXPECT_EQ(pairs(), std::vector<std::string>{"17.bin, block_conv:0_float.bin"});
}

TEST_F(VecDiffTest, FilesThatTheIndexListsAndLacks) {
  bin<float>("left/a.bin", {1});
  bin<float>("right/a.bin", {1});
  text("left/dump_index.json", index_of({entry("a.bin", "a"), entry("b.bin", "b")}));
  EXPECT_EQ(folders().missing, std::vector<std::string>{at("left/b.bin")});
  EXPECT_FALSE(folders().complete());
}

TEST_F(VecDiffTest, ADamagedIndexIsAnError) {
  bin<float>("left/a.bin", {1});
  bin<float>("right/a.bin", {1});
  for (const char* index :
       {"{", "[]", R"({"tensors": [{}]})",
        R"({"tensors": [{"files": ["../a.bin"], "shape": [1], "dtype": "float32"}]})",
        R"({"tensors": [{"files": ["a.bin"], "shape": [-1], "dtype": "float32"}]})",
        R"({"tensors": [{"files": ["a.bin"], "shape": [9000000000, 9000000000], "dtype": "float32"}]})",
        R"({"tensors": [{"files": ["a.bin"], "shape": [1], "dtype": "float33"}]})",
        R"({"tensors": [{"files": ["a.bin"], "shape": [1], "dtype": "float32", "aligned": 3,
                                "scale": [1, 2], "zero_point": [0, 0], "axis": 7}]})"}) {
    text("left/dump_index.json", index);
    EXPECT_EQ(code_of([&] { folders(); }), ErrorCode::data_bad_value) << index;
    EXPECT_EQ(code_of([&] { files("left/a.bin", "right/a.bin"); }), ErrorCode::data_bad_value) << index;
    EXPECT_EQ(vec_diff({at("left"), at("right"), DType::f32, DType::f32}, [](size_t, size_t) {}).rows.size(),
              1u);
  }
}

TEST_F(VecDiffTest, OneBadPairDoesNotHideTheOthers) {
  bin<float>("left/a.bin", {1, 2});
  bin<float>("right/a.bin", {1, 2, 3});
  text("left/b.bin", "12345");
  bin<float>("right/b.bin", {1});
  bin<float>("left/c.bin", {1});
  bin<float>("right/c.bin", {1});
  size_t calls = 0;
  const VecDiff result = vec_diff({.left = at("left"), .right = at("right")}, [&](size_t done, size_t total) {
    EXPECT_EQ(done, ++calls);
    EXPECT_EQ(total, 3u);
  });
  EXPECT_EQ(calls, 3u);
  ASSERT_EQ(result.rows.size(), 3u);
  EXPECT_EQ(result.rows[0].error->code(), ErrorCode::data_bad_size);
  EXPECT_NE(std::string(result.rows[0].error->what()).find("2 elements"), std::string::npos);
  EXPECT_EQ(result.rows[1].error->code(), ErrorCode::data_bad_size);
  EXPECT_FALSE(result.rows[2].error);
  EXPECT_EQ(vec_diff_csv(result),
            "Left Files,Right Files,Cosine Similarity,Relative Euclidean Distance,Max Absolute Error,Mean "
            "Square Error\n" +
                at("left/a.bin") + "," + at("right/a.bin") + ",,,,\n" + at("left/b.bin") + "," +
                at("right/b.bin") + ",,,,\n" + at("left/c.bin") + "," + at("right/c.bin") + ",1,0,0,0\n");
}

TEST_F(VecDiffTest, ShapesOfEqualSizeAreNoted) {
  write_npy(at("a.npy"), Tensor::from<float>({2, 3}, Floats(6)));
  write_npy(at("b.npy"), Tensor::from<float>({3, 2}, Floats(6)));
  write_npy(at("c.npy"), Tensor::from<float>({1, 2, 1, 3}, Floats(6)));
  EXPECT_NE(files("a.npy", "b.npy").rows[0].note, "");
  EXPECT_EQ(files("a.npy", "c.npy").rows[0].note, "");
}

VecDiffRow row(const std::string& name, const Floats& a, const Floats& b) {
  VecDiffRow row;
  row.left = "l/" + name, row.right = "r/" + name, row.name = name;
  row.difference = difference(a, b, 5);
  return row;
}

TEST(VecDiffText, CsvQuotesNamesAndKeepsAllDigits) {
  VecDiff result;
  result.rows.push_back(row("a,\"b\"\n", {0.1f}, {0.3f}));
  result.rows.push_back(row("nan", {std::nanf("")}, {0.3f}));
  result.rows.push_back(row("zero", {1}, {0}));
  const std::string csv = vec_diff_csv(result);
  EXPECT_NE(csv.find("\"l/a,\"\"b\"\"\n\",\"r/a,\"\"b\"\"\n\",1,0.66666667"), std::string::npos) << csv;
  EXPECT_NE(csv.find("l/nan,r/nan,nan,nan,nan,nan\n"), std::string::npos) << csv;
  EXPECT_NE(csv.find("l/zero,r/zero,0,inf,1,1\n"), std::string::npos) << csv;
}

TEST(VecDiffText, TableMarksTheWorstAndSorts) {
  VecDiff result;
  result.rows.push_back(row("good", {1, 2}, {1, 2}));
  result.rows.push_back(row("far", {100, 0}, {90, 0}));
  result.rows.push_back(row("turned", {1, 0}, {0, 1}));
  result.rows.push_back(row("bad", {}, {}));
  result.rows.back().error = Error(ErrorCode::data_bad_size, "sizes differ");
  const auto line = [](const std::string& table, const std::string& name) {
    const size_t start = table.find("\n" + name) + 1;
    return table.substr(start, table.find('\n', start) - start);
  };
  const std::string table = vec_diff_table(result, VecDiffOrder::order);
  EXPECT_EQ(line(table, "good").find('*'), std::string::npos);
  EXPECT_NE(line(table, "good").find("equal"), std::string::npos);
  EXPECT_NE(line(table, "far").find("10 *"), std::string::npos) << table;
  EXPECT_NE(line(table, "far").find("1/2"), std::string::npos) << table;
  EXPECT_NE(line(table, "turned").find("0.000000 *"), std::string::npos) << table;
  EXPECT_NE(line(table, "turned").find("1.41421 *"), std::string::npos) << table;
  EXPECT_NE(line(table, "bad").find("not compared"), std::string::npos);
  const auto order = [&](VecDiffOrder by) {
    const std::string text = vec_diff_table(result, by);
    std::vector<std::pair<size_t, std::string>> places;
    for (const char* name : {"good", "far", "turned", "bad"})
      places.emplace_back(text.find(fmt::format("\n{} ", name)), name);
    std::ranges::sort(places);
    std::string names;
    for (const auto& place : places) names += place.second + ' ';
    return names;
  };
  EXPECT_EQ(order(VecDiffOrder::order), "good far turned bad ");
  EXPECT_EQ(order(VecDiffOrder::name), "bad far good turned ");
  EXPECT_EQ(order(VecDiffOrder::cosine), "bad turned good far ");
  EXPECT_EQ(order(VecDiffOrder::relative), "bad turned far good ");
  EXPECT_EQ(order(VecDiffOrder::max_abs), "bad far turned good ");
  EXPECT_EQ(order(VecDiffOrder::mse), "bad far turned good ");
}

TEST(VecDiffText, OneRowHasNoWorst) {
  VecDiff result;
  result.rows.push_back(row("far", {100, 0}, {90, 0}));
  EXPECT_EQ(vec_diff_table(result, VecDiffOrder::order).find('*'), std::string::npos);
}

TEST(VecDiffText, JsonForPrograms) {
  VecDiff result;
  result.rows.push_back(row("x\xff", {1, 2, 3}, {1, 2, 4}));
  result.rows[0].left_shape = {3, 1};
  result.rows.push_back(row("nan", {std::nanf("")}, {1}));
  result.rows.push_back(row("bad", {}, {}));
  result.rows.back().error = Error(ErrorCode::data_bad_size, "sizes differ");
  result.only_left = {"l/y"};
  VecDiffLimits limits;
  limits.max_abs = 0.5;
  const auto json = nlohmann::json::parse(vec_diff_json(result, {.left = "l", .right = "r"}, limits, false));
  EXPECT_EQ(json["tool"], "vec_diff");
  EXPECT_EQ(json["limits"], nlohmann::json({{"max_abs", 0.5}}));
  EXPECT_EQ(json["only_left"][0], "l/y");
  EXPECT_EQ(json["passed"], false);
  const auto& first = json["rows"][0];
  EXPECT_EQ(first["name"], "x\xef\xbf\xbd") << "U+FFFD for what is no UTF-8";
  EXPECT_EQ(first["bits_differ"], 1);
  EXPECT_EQ(first["max_abs"], 1);
  EXPECT_EQ(first["first"]["position"], "[2, 0]");
  EXPECT_EQ(first["first"]["right"], 4);
  EXPECT_EQ(first["passed"], false);
  EXPECT_TRUE(json["rows"][1]["cosine"].is_null());
  EXPECT_EQ(json["rows"][1]["nan_on_one_side"], 1);
  EXPECT_EQ(json["rows"][2]["error"], "OHB-0401: sizes differ");
}

TEST(VecDiffLimits, AreKeptOrNot) {
  const VecDiffRow good = row("a", {1, 2}, {1, 2}), far = row("b", {3, 5, 0}, {3, 2, 4}),
                   nan = row("c", {std::nanf("")}, {1});
  VecDiffLimits limits;
  for (const VecDiffRow* r : {&good, &far, &nan}) EXPECT_EQ(limits.broken_by(*r), "");
  limits.min_cosine = 1;
  EXPECT_EQ(limits.broken_by(good), "");
  EXPECT_NE(limits.broken_by(far), "");
  EXPECT_NE(limits.broken_by(nan), "");
  for (auto limit : {&VecDiffLimits::max_abs, &VecDiffLimits::max_mse, &VecDiffLimits::max_relative}) {
    limits = {};
    limits.*limit = 1e-3;
    EXPECT_EQ(limits.broken_by(good), "");
    EXPECT_NE(limits.broken_by(far), "");
    EXPECT_NE(limits.broken_by(nan), "");
    limits.*limit = 100;
    EXPECT_EQ(limits.broken_by(far), "");
  }
}

}  // namespace
}  // namespace openhb::verify
