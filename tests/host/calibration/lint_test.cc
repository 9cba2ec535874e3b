// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/lint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "common/io/interrupt.h"
#include "host/calibration/matching.h"

namespace openhb::calibration {
namespace {

namespace fs = std::filesystem;
using config::Config;

constexpr size_t kSide = 8, kPlane = kSide * kSide;
const Shape kPicture{1, 3, kSide, kSide};

class LintTest : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(root_); }
  void TearDown() override { fs::remove_all(root_); }

  template <class T>
  void write(const std::string& folder, const std::string& name, const std::vector<T>& values) const {
    fs::create_directories(root_ / folder);
    std::ofstream(root_ / folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(T)));
  }
  // Pictures whose channels have these means, each its own.
  template <class T = uint8_t>
  void write_pictures(const std::string& folder, size_t count, std::array<int, 3> means = {130, 115, 100},
                      float factor = 1, float shift = 0) const {
    for (size_t k = 0; k < count; ++k) {
      std::mt19937 random(static_cast<unsigned>(k));
      std::vector<T> values;
      for (const int mean : means)
        for (size_t p = 0; p < kPlane; ++p)
          values.push_back(static_cast<T>(
              static_cast<float>(mean - 90 + static_cast<int>(random() % 181)) * factor + shift));
      write(folder, fmt::format("{:03}.bin", k), values);
    }
  }
  Config config(const std::vector<std::string>& folders, InputKind kind = InputKind::rgb) const {
    Config c;
    for (const std::string& folder : folders) {
      config::InputConfig input;
      input.name = "in_" + folder;
      input.kind_train = input.kind_rt = kind;
      input.cal_dir = (root_ / folder).string();
      c.inputs.push_back(input);
    }
    return c;
  }
  static Lint run(const Config& c, const Shape& shape = kPicture, int workers = 2) {
    const Dataset dataset(c, std::vector<Shape>(c.inputs.size(), shape));
    return lint(dataset, c, workers, [](size_t, size_t) {});
  }
  static const Finding* find(const Lint& lint, std::string_view check) {
    for (const Finding& f : lint.findings)
      if (f.check == check) return &f;
    return nullptr;
  }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

  fs::path root_ =
      fs::temp_directory_path() / fmt::format("openhb_lint_{}_{}", ::getpid(),
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(LintTest, GoodDataHasNoFindings) {
  write_pictures("good", 30);
  const Lint lint = run(config({"good"}));
  EXPECT_TRUE(lint.findings.empty()) << findings_table(lint.findings);
  EXPECT_EQ(lint.samples, 30u);
  EXPECT_EQ(lint.examined, 30u);
}

TEST_F(LintTest, WrongSizesAreErrorsAlsoWhereNotExamined) {
  write_pictures("bad", 600);
  write<float>("bad", "301.bin", std::vector<float>(3 * kPlane, 1.0f));
  const Lint lint = run(config({"bad"}));
  EXPECT_LT(lint.examined, 300u);
  ASSERT_TRUE(lint.failed());
  const Finding& f = lint.findings[0];
  EXPECT_EQ(f.check, "size");
  EXPECT_EQ(f.samples, 1u);
  for (const char* part : {"cannot reshape array of size 768 into shape (1,3,8,8)", "301.bin",
                           "set cal_data_type", "As float32 or int32"})
    EXPECT_TRUE(has(f.text, part)) << part << " in " << f.text;
}

TEST_F(LintTest, NanIsAnError) {
  write_pictures<float>("x_f32", 25);
  std::vector<float> values(3 * kPlane, 1.0f);
  values[7] = NAN;
  write("x_f32", "004.bin", values);
  write("x_f32", "005.bin", values);
  const Lint lint = run(config({"x_f32"}));
  ASSERT_TRUE(lint.failed());
  EXPECT_EQ(lint.findings[0].check, "values");
  EXPECT_EQ(lint.findings[0].samples, 2u);
  EXPECT_TRUE(has(lint.findings[0].text, "NaN") && has(lint.findings[0].text, "004.bin"))
      << lint.findings[0].text;
}

TEST_F(LintTest, Ranges) {
  write_pictures<float>("unit_f32", 25, {130, 115, 100}, 1.0f / 255);
  write_pictures<float>("normed_f32", 25, {130, 115, 100}, 0.02f, -2);
  write_pictures<int8_t>("signed", 25, {0, 0, 0});
  write_pictures<int16_t>("large", 25, {130, 115, 100}, 4);
  const Lint unit = run(config({"unit_f32"})), normed = run(config({"normed_f32"}));
  ASSERT_TRUE(find(unit, "range"));
  EXPECT_EQ(find(unit, "range")->samples, 25u);
  EXPECT_TRUE(has(find(unit, "range")->text, "0..1 where 0..255 is expected"));
  ASSERT_TRUE(find(normed, "range"));
  EXPECT_TRUE(has(find(normed, "range")->text, "before mean_value and scale_value"));
  Config c = config({"signed"});
  c.inputs[0].cal_dtype = DType::i8;
  ASSERT_TRUE(find(run(c), "range"));
  EXPECT_TRUE(has(find(run(c), "range")->text, "pixel - 128"));
  c = config({"large"});
  c.inputs[0].cal_dtype = DType::i16;
  ASSERT_TRUE(find(run(c), "range"));
  EXPECT_TRUE(has(find(run(c), "range")->text, "above 255"));
  // A featuremap may have any range.
  EXPECT_FALSE(find(run(config({"normed_f32"}, InputKind::featuremap)), "range"));
}

TEST_F(LintTest, ConstantAndDuplicateSamples) {
  write_pictures("c", 25);
  write("c", "100.bin", std::vector<uint8_t>(3 * kPlane, 0));
  write("c", "101.bin", std::vector<uint8_t>(3 * kPlane, 255));
  std::vector<uint8_t> flat(3 * kPlane, 77);
  flat[5] = 80;
  write("c", "102.bin", flat);
  write("c", "103.bin", flat);
  const Lint lint = run(config({"c"}));
  ASSERT_TRUE(find(lint, "constant"));
  EXPECT_EQ(find(lint, "constant")->samples, 2u);
  EXPECT_TRUE(has(find(lint, "constant")->text, "black"));
  ASSERT_TRUE(find(lint, "duplicates"));
  EXPECT_EQ(find(lint, "duplicates")->samples, 1u);
  EXPECT_TRUE(has(find(lint, "duplicates")->text, "'102.bin', '103.bin'")) << find(lint, "duplicates")->text;
  EXPECT_TRUE(has(findings_table(lint.findings), "almost one colour"));
}

TEST_F(LintTest, SwappedChannels) {
  write_pictures("rgb", 40, {130, 115, 100});
  write_pictures("bgr", 40, {100, 115, 130});
  EXPECT_FALSE(find(run(config({"rgb"})), "channels"));
  EXPECT_FALSE(find(run(config({"bgr"}, InputKind::bgr)), "channels"));
  ASSERT_TRUE(find(run(config({"bgr"})), "channels"));
  EXPECT_EQ(find(run(config({"bgr"})), "channels")->severity, "warning");
  ASSERT_TRUE(find(run(config({"rgb"}, InputKind::bgr)), "channels"));
  // The order of mean_value against input_type_train.
  Config c = config({"rgb"});
  c.inputs[0].mean = {103.53f, 116.28f, 123.675f};
  ASSERT_TRUE(find(run(c), "channels"));
  EXPECT_TRUE(has(find(run(c), "channels")->text, "mean_value 103.53 116.28 123.675"));
  c.inputs[0].mean = {123.675f, 116.28f, 103.53f};
  EXPECT_FALSE(find(run(c), "channels"));
}

TEST_F(LintTest, FewSamplesAndFolderNames) {
  write_pictures<float>("my_f32_data", 19);
  const Lint lint = run(config({"my_f32_data"}));
  ASSERT_TRUE(find(lint, "count"));
  EXPECT_TRUE(has(find(lint, "count")->text, "only 19 samples"));
  ASSERT_TRUE(find(lint, "folder"));
  EXPECT_TRUE(has(find(lint, "folder")->text, "contains f32"));
  EXPECT_EQ(lint.findings.back().severity, "note");
}

TEST_F(LintTest, TheNumberOfWorkersDoesNotMatter) {
  write_pictures("c", 40, {100, 115, 130});
  write("c", "012.bin", std::vector<uint8_t>(3 * kPlane, 0));
  write("c", "013.bin", std::vector<uint8_t>(7, 0));
  write("c", "014.bin", std::vector<uint8_t>(9, 0));
  const std::string one = findings_table(run(config({"c"}), kPicture, 1).findings);
  for (int workers : {2, 3, 8})
    EXPECT_EQ(findings_table(run(config({"c"}), kPicture, workers).findings), one);
}

TEST_F(LintTest, StopsWhenInterrupted) {
  write_pictures("c", 40);
  mark_interrupted(2);
  EXPECT_THROW(run(config({"c"})), Interrupted);
  mark_interrupted(0);
}

TEST(LintSamples, AllOrAnEvenChoice) {
  EXPECT_EQ(samples_to_examine(3, 1000), (std::vector<size_t>{0, 1, 2}));
  for (const size_t count : {1u, 16u, 200u, 256u}) EXPECT_EQ(samples_to_examine(count, 150528).size(), count);
  for (const size_t count : {257u, 5000u, 100000u}) {
    const auto chosen = samples_to_examine(count, 150528);
    EXPECT_LE(chosen.size(), 256u);
    EXPECT_GE(chosen.size(), 240u);
    EXPECT_EQ(chosen[15], 15u);  // bias correction and the search look at the first ones
    EXPECT_EQ(chosen.back(), count - 1);
    if (count > 400)
      for (size_t i = 17; i + 1 < chosen.size(); ++i) EXPECT_LE(chosen[i + 1] - chosen[i], count / 200);
  }
  EXPECT_LE(samples_to_examine(100000, uint64_t{1} << 34).size(), 18u);
}

TEST(MatchFiles, ByNameWithoutZerosAndSuffix) {
  std::vector<std::string> files = {"b/1.npy", "b/10.npy", "b/2.npy"};
  EXPECT_EQ(match_files({"a/01.bin", "a/02.bin", "a/10.bin"}, files), "");
  EXPECT_EQ(files, (std::vector<std::string>{"b/1.npy", "b/2.npy", "b/10.npy"}));
  files = {"b/f0_x00.bin", "b/f0_x01.bin"};
  EXPECT_EQ(match_files({"a/f_1.bin", "a/f_2.bin"}, files).substr(0, 9), "'f_1.bin'");
  EXPECT_EQ(files[0], "b/f0_x00.bin");
  files = {"b/f0_x00.bin", "b/f0_x100.bin"};
  EXPECT_EQ(match_files({"a/f000_x0.bin", "a/f0_x100.jpg"}, files), "");
  files = {"b/1.bin", "b/01.bin"};
  EXPECT_NE(match_files({"a/1.bin", "a/01.bin"}, files), "");
}

TEST(SampleStore, GivesBackWhatItKeeps) {
  const std::string folder = fs::temp_directory_path().string();
  SampleStore store(folder, 100);
  const Tensor a = Tensor::from<uint8_t>({2, 30}, std::vector<uint8_t>(60, 7));
  const Tensor b = Tensor::from<float>({10}, std::vector<float>(10, 2.5f));
  store.keep(3, a);
  store.keep(4, b);
  store.keep(5, b);  // no room
  ASSERT_TRUE(store.find(3) && store.find(4));
  EXPECT_EQ(store.find(3)->shape(), a.shape());
  EXPECT_TRUE(std::ranges::equal(store.find(3)->bytes(), a.bytes()));
  EXPECT_TRUE(std::ranges::equal(store.find(4)->bytes(), b.bytes()));
  EXPECT_FALSE(store.find(5));
  SampleStore nowhere("/no/such/folder");
  nowhere.keep(1, a);
  EXPECT_FALSE(nowhere.find(1));
}

}  // namespace
}  // namespace openhb::calibration
