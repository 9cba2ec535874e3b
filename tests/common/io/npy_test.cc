// SPDX-License-Identifier: Apache-2.0
#include "common/io/npy.h"

#include <gtest/gtest.h>

#include <random>

namespace openhb {
namespace {

std::vector<std::byte> file(const std::string& header, size_t data, char version = 1) {
  std::string text = "\x93NUMPY";
  text +=
      {version, '\0', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8 & 0xff)};
  if (version == 2) text += {'\0', '\0'};
  text += header + std::string(data, '\1');
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

ErrorCode verdict(const std::vector<std::byte>& bytes) {
  try {
    parse_npy(bytes, "test");
  } catch (const Error& e) {
    EXPECT_TRUE(std::string(e.what()).starts_with("test: ")) << e.what();
    return e.code();
  }
  return ErrorCode{0};
}

TEST(Npy, RoundTripOfAllTypesAndRanks) {
  std::mt19937 random(1);
  for (const DTypeInfo& info : kDTypes)
    for (const Shape& shape :
         {Shape{}, Shape{0}, Shape{5}, Shape{2, 3}, Shape{2, 0, 3}, Shape{1, 2, 3, 4, 5}}) {
      Tensor tensor(info.dtype, shape);
      for (auto& b : tensor.bytes())
        b = static_cast<std::byte>(info.dtype == DType::boolean ? random() & 1 : random());
      const auto bytes = serialize_npy(tensor);
      EXPECT_EQ((bytes.size() - tensor.bytes().size()) % 64, 0u);
      const Tensor again = parse_npy(bytes, "test");
      EXPECT_EQ(again.dtype(), tensor.dtype());
      EXPECT_EQ(again.shape(), tensor.shape());
      EXPECT_TRUE(std::equal(again.bytes().begin(), again.bytes().end(), tensor.bytes().begin()));
    }
}

TEST(Npy, BytesAreThoseOfNumpy) {
  const auto bytes = serialize_npy(Tensor(DType::f32, {2, 3}));
  const std::string text(reinterpret_cast<const char*>(bytes.data()) + 10, 118);
  EXPECT_EQ(text.substr(0, 60), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } ");
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(bytes.size(), 128u + 24u);
}

TEST(Npy, AcceptsVariants) {
  EXPECT_EQ(verdict(file("{'shape':(2,),'fortran_order':True,'descr':'|u1'}\n", 2)), ErrorCode{0});
  EXPECT_EQ(verdict(file("{\"descr\": \"<i2\", 'fortran_order': False, 'shape': (1, 2,)}", 4, 2)),
            ErrorCode{0});
  EXPECT_EQ(verdict(file("{'descr': '<u1', 'fortran_order': False, 'shape': (), }", 1)), ErrorCode{0});
}

TEST(Npy, ReadsBothByteOrdersAndBothIndexOrders) {
  const auto with_data = [](const std::string& header, const std::vector<uint8_t>& data) {
    auto bytes = file(header, data.size());
    std::memcpy(bytes.data() + bytes.size() - data.size(), data.data(), data.size());
    return parse_npy(bytes, "test");
  };
  const auto values = [](const Tensor& t) {
    return std::vector<int16_t>(t.data<int16_t>().begin(), t.data<int16_t>().end());
  };
  const std::vector<uint8_t> big = {0, 1, 0, 2, 0, 3, 0xff, 0xfc, 0, 5, 1, 6};
  const Tensor plain = with_data("{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }", big);
  EXPECT_EQ(values(plain), (std::vector<int16_t>{1, 2, 3, -4, 5, 262}));
  // Columns first: (0,0) (1,0) (0,1) (1,1) (0,2) (1,2).
  const Tensor turned = with_data("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", big);
  EXPECT_EQ(turned.shape(), (Shape{2, 3}));
  EXPECT_EQ(values(turned), (std::vector<int16_t>{1, 3, 5, 2, -4, 262}));
  const Tensor cube =
      with_data("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 2), }", {0, 1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(std::vector<uint8_t>(cube.data<uint8_t>().begin(), cube.data<uint8_t>().end()),
            (std::vector<uint8_t>{0, 4, 2, 6, 1, 5, 3, 7}));
}

TEST(Npy, RefusesBadHeaders) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  ASSERT_EQ(verdict(file(good, 24)), ErrorCode{0});
  EXPECT_EQ(verdict(file(good, 23)), ErrorCode::data_bad_size);
  EXPECT_EQ(verdict(file(good, 25)), ErrorCode::data_bad_size);
  EXPECT_EQ(verdict(file(good, 24, 3)), ErrorCode::data_bad_value);
  for (const char* header :
       {"", "{", "{}", "[]", "{'descr': '|f4', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '>f5', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", "{'descr': '<f4, 'shape",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '<f4', 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } x"})
    EXPECT_EQ(verdict(file(header, 24)), ErrorCode::data_bad_value) << header;
  EXPECT_EQ(verdict(file("{'descr':'<f4','fortran_order':False,'shape':(4294967296,4294967296),}", 0)),
            ErrorCode::data_bad_size);
  EXPECT_EQ(verdict(file("{'descr':'<f4','fortran_order':False,'shape':(1073741824,1073741824),}", 0)),
            ErrorCode::data_bad_size);
}

TEST(Npy, RefusesBoolsThatAreNone) {
  auto bytes = file("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", 2);
  EXPECT_EQ(verdict(bytes), ErrorCode{0});
  bytes.back() = std::byte{2};
  EXPECT_EQ(verdict(bytes), ErrorCode::data_bad_value);
}

TEST(Npy, TruncatedOrDamagedNeverCrashes) {
  const auto bytes = serialize_npy(Tensor(DType::i16, {3, 4}));
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_NE(verdict({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n)}), ErrorCode{0}) << n;
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    auto damaged = bytes;
    for (int k = 0; k < 2; ++k) damaged[random() % 80] = static_cast<std::byte>(random());
    verdict(damaged);
  }
}

TEST(Npy, FilesAreNamedInErrors) {
  const std::string path = ::testing::TempDir() + "openhb_test.npy";
  write_npy(path, Tensor::from<float>({2}, std::vector<float>{1, 2}));
  EXPECT_EQ(read_npy(path).data<float>()[1], 2);
  EXPECT_THROW(read_npy("/nonexistent.npy"), Error);
}

}  // namespace
}  // namespace openhb
