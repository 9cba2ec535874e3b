// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "common/error.h"
#include "common/image/image.h"
#include "common/io/npy.h"

namespace openhb::calibration {
namespace {

namespace fs = std::filesystem;
using config::Config;
using config::InputConfig;

class DatasetTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string folder(const std::string& name) const {
    fs::create_directories(root_ / name);
    return (root_ / name).string();
  }
  template <class T>
  void write(const std::string& path, const std::vector<T>& values) const {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(T)));
  }
  // A 24-bit BMP whose pixel (x, y) is (10 x, 10 y, 5).
  void write_bmp(const std::string& path, int width, int height) const {
    const auto w = static_cast<uint8_t>(width), h = static_cast<uint8_t>(height);
    const size_t row = (static_cast<size_t>(width) * 3 + 3) / 4 * 4;
    std::vector<uint8_t> bytes = {'B', 'M', 0, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0,  40,
                                  0,   0,   0, w, 0, 0, 0, h, 0, 0, 0,  1, 0, 24, 0};
    bytes.resize(54 + row * static_cast<size_t>(height));
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x) {
        const size_t at = 54 + static_cast<size_t>(height - 1 - y) * row + static_cast<size_t>(x) * 3;
        bytes[at] = 5, bytes[at + 1] = static_cast<uint8_t>(10 * y),
        bytes[at + 2] = static_cast<uint8_t>(10 * x);
      }
    write(path, bytes);
  }
  Config config(std::vector<std::string> dirs, InputKind kind = InputKind::featuremap) const {
    Config c;
    for (size_t i = 0; i < dirs.size(); ++i) {
      InputConfig input;
      input.name = fmt::format("in{}", i);
      input.kind_train = input.kind_rt = kind;
      input.cal_dir = dirs[i];
      c.inputs.push_back(input);
    }
    return c;
  }
  // Runs `work`, which must throw, and gives code and text.
  static std::pair<ErrorCode, std::string> error_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& e) {
      return {e.code(), e.what()};
    }
    ADD_FAILURE() << "no error";
    return {ErrorCode::internal, ""};
  }
  fs::path root_ =
      fs::temp_directory_path() / fmt::format("openhb_dataset_{}_{}", ::getpid(),
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
};

std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.data<float>().begin(), tensor.data<float>().end()};
}

TEST_F(DatasetTest, ReadsRawFilesInNameOrder) {
  const std::string a = folder("cal_f32");
  write<float>(a + "/b.rgb", {4, 5, 6});
  write<float>(a + "/a.bin", {1, 2, 3.5f});
  write<float>(a + "/.hidden", {9});
  folder("cal_f32/sub");
  const Dataset dataset(config({a}), {{1, 3}});
  ASSERT_EQ(dataset.size(), 2u);
  EXPECT_EQ(values_of(dataset.load(0, 0)), (std::vector<float>{1, 2, 3.5f}));
  EXPECT_EQ(values_of(dataset.load(1, 0)), (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(dataset.load(0, 0).shape(), (Shape{1, 3}));
  EXPECT_TRUE(dataset.path(1, 0).ends_with("/b.rgb"));
}

TEST_F(DatasetTest, ElementTypeFollowsKeyThenFolderName) {
  const std::string f32 = folder("x_f32"), plain = folder("x");
  write<float>(f32 + "/0", {1.5f, -2});
  write<uint8_t>(plain + "/0", {200, 7});
  EXPECT_EQ(values_of(Dataset(config({f32}), {{2}}).load(0, 0)), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(values_of(Dataset(config({f32 + "/"}), {{2}}).load(0, 0)), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(values_of(Dataset(config({plain}), {{2}}).load(0, 0)), (std::vector<float>{200, 7}));
  Config c = config({plain});
  write<int16_t>(plain + "/0", {-300, 7});
  c.inputs[0].cal_dtype = DType::i16;
  EXPECT_EQ(values_of(Dataset(c, {{2}}).load(0, 0)), (std::vector<float>{-300, 7}));
  write<int32_t>(plain + "/0", {-70000, 7});
  c.inputs[0].cal_dtype = DType::i32;
  EXPECT_EQ(values_of(Dataset(c, {{2}}).load(0, 0)), (std::vector<float>{-70000, 7}));
  write<int8_t>(plain + "/0", {-3, 7});
  c.inputs[0].cal_dtype = DType::i8;
  EXPECT_EQ(values_of(Dataset(c, {{2}}).load(0, 0)), (std::vector<float>{-3, 7}));
}

TEST_F(DatasetTest, WrongSizeNamesEverything) {
  const std::string a = folder("a");
  write<float>(a + "/0.bin", std::vector<float>(10));
  const Dataset dataset(config({a}), {{1, 3, 224, 224}});
  const auto [code, text] = error_of([&] { dataset.load(0, 0); });
  EXPECT_EQ(code, ErrorCode::data_bad_size);
  for (const char* part : {"cannot reshape array of size 40 into shape (1,3,224,224)", "/0.bin", "uint8",
                           "in0", "does not end in _f32", "cal_data_type"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST_F(DatasetTest, ReadsNpyWithItsOwnType) {
  const std::string a = folder("a");
  write_npy(a + "/0.npy", Tensor::from<double>({2, 3}, std::vector<double>{1, 2, 3, 4, 5, 6.5}));
  write_npy(a + "/1.npy", Tensor::from<double>({3, 2}, std::vector<double>{1, 2, 3, 4, 5, 6}));
  write_npy(a + "/2.npy", Tensor::from<uint8_t>({6}, std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
  write_npy(a + "/3.npy", Tensor(DType::f16, {2, 3}));
  write<char>(a + "/4.npy", {'n', 'o'});
  const Dataset dataset(config({a}), {{1, 2, 3}});
  EXPECT_EQ(values_of(dataset.load(0, 0)), (std::vector<float>{1, 2, 3, 4, 5, 6.5f}));
  EXPECT_EQ(error_of([&] { dataset.load(1, 0); }).first, ErrorCode::data_bad_size);  // transposed
  EXPECT_EQ(error_of([&] { dataset.load(2, 0); }).first, ErrorCode::data_bad_size);
  EXPECT_EQ(error_of([&] { dataset.load(3, 0); }).first, ErrorCode::data_bad_value);
  const auto [code, text] = error_of([&] { dataset.load(4, 0); });
  EXPECT_NE(text.find("4.npy"), std::string::npos) << text;
}

TEST_F(DatasetTest, Pictures) {
  const std::string a = folder("a");
  write_bmp(a + "/0.bmp", 4, 3);
  Config c = config({a}, InputKind::bgr);
  c.preprocess_on = true;
  const Tensor same = Dataset(c, {{1, 3, 3, 4}}).load(0, 0);
  for (int64_t y = 0, i = 0; y < 3; ++y)
    for (int64_t x = 0; x < 4; ++x, ++i) {
      const auto at = [&](int64_t channel) {
        return same.data<float>()[static_cast<size_t>(channel * 12 + i)];
      };
      EXPECT_EQ(at(0), 5);
      EXPECT_EQ(at(1), static_cast<float>(10 * y));
      EXPECT_EQ(at(2), static_cast<float>(10 * x));
    }
  c.inputs[0].kind_train = InputKind::rgb;
  c.inputs[0].nhwc_train = true;
  const Tensor resized = Dataset(c, {{1, 6, 8, 3}}).load(0, 0);
  const Image image = resize_bilinear(decode_image(a + "/0.bmp"), 8, 6);
  EXPECT_EQ(values_of(resized), std::vector<float>(image.pixels.begin(), image.pixels.end()));
  c.inputs[0].kind_train = InputKind::gray;
  EXPECT_EQ(Dataset(c, {{1, 3, 4, 1}}).load(0, 0).shape(), (Shape{1, 3, 4, 1}));
  EXPECT_EQ(error_of([&] { Dataset(c, {{1, 3, 4, 3}}); }).first, ErrorCode::data_bad_size);
  EXPECT_EQ(error_of([&] { Dataset(c, {{2, 3, 4, 1}}); }).first, ErrorCode::data_bad_size);
  EXPECT_EQ(error_of([&] { Dataset(c, {{1, 99999, 4, 1}}); }).first, ErrorCode::data_bad_size);

  write<char>(a + "/1.png", {'b', 'a', 'd'});
  const auto corrupt = error_of([&] { Dataset(c, {{1, 3, 4, 1}}).load(1, 0); });
  EXPECT_EQ(corrupt.first, ErrorCode::data_bad_image);
  EXPECT_NE(corrupt.second.find("1.png"), std::string::npos);

  c.preprocess_on = false;
  const auto forgotten = error_of([&] { Dataset(c, {{1, 3, 4, 1}}); });
  EXPECT_NE(forgotten.second.find("preprocess_on: True"), std::string::npos) << forgotten.second;

  c.preprocess_on = true;
  write<char>(a + "/2.bin", {1});
  const auto raw = error_of([&] { Dataset(c, {{1, 3, 4, 1}}); });
  EXPECT_NE(raw.second.find("2.bin"), std::string::npos) << raw.second;
}

TEST_F(DatasetTest, ChecksFolders) {
  const std::string a = folder("a"), b = folder("b"), empty = folder("empty");
  write<uint8_t>(a + "/0", {1});
  write<uint8_t>(b + "/0", {1});
  write<uint8_t>(b + "/1", {1});
  const auto code = [&](const std::vector<std::string>& dirs) {
    return error_of([&] { Dataset(config(dirs), std::vector<Shape>(dirs.size(), Shape{1})); }).first;
  };
  EXPECT_EQ(code({root_ / "absent"}), ErrorCode::data_missing);
  EXPECT_EQ(code({a + "/0"}), ErrorCode::data_missing);
  EXPECT_EQ(code({empty}), ErrorCode::data_missing);
  EXPECT_EQ(code({""}), ErrorCode::data_missing);
  EXPECT_EQ(code({a, b}), ErrorCode::data_bad_size);
  EXPECT_EQ(error_of([&] { Dataset(config({a}), {}); }).first, ErrorCode::config_bad_value);
}

TEST(RandomDataset, IsFixedAndSpread) {
  Config c;
  c.inputs.resize(2);
  c.inputs[0].kind_train = InputKind::rgb;
  const std::vector<Shape> shapes = {{1, 3, 64, 64}, {1, 20000}};
  const Dataset dataset = Dataset::random(c, shapes, 2);
  ASSERT_EQ(dataset.size(), 2u);
  EXPECT_FALSE(dataset.path(1, 1).empty());
  const auto bytes = values_of(dataset.load(0, 0)), normal = values_of(dataset.load(0, 1));
  EXPECT_EQ(bytes, values_of(Dataset::random(c, shapes, 5).load(0, 0)));
  EXPECT_NE(bytes, values_of(dataset.load(1, 0)));
  EXPECT_EQ(*std::min_element(bytes.begin(), bytes.end()), 0);
  EXPECT_EQ(*std::max_element(bytes.begin(), bytes.end()), 255);
  for (float v : bytes) ASSERT_EQ(v, std::floor(v));
  double sum = 0, squares = 0;
  for (float v : normal) sum += v, squares += double{v} * v;
  EXPECT_NEAR(sum / 20000, 0, 0.03);
  EXPECT_NEAR(squares / 20000, 1, 0.04);
  // One defined sequence on every machine.
  EXPECT_EQ(bytes[0], 21);
  EXPECT_EQ(normal[0], 76192 * 0x1p-16f);
}

}  // namespace
}  // namespace openhb::calibration
