// SPDX-License-Identifier: Apache-2.0
#include "common/image/image.h"
#include "common/image/yuv.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/common/small_jpeg.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace openhb {
namespace {

namespace fs = std::filesystem;

class ImageFiles : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::vector<uint8_t>& bytes) const {
    std::ofstream(path(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path(name);
  }
  fs::path folder_ =
      fs::temp_directory_path() / fmt::format("openhb_image_{}_{}", ::getpid(),
                                              testing::UnitTest::GetInstance()->current_test_info()->name());
};

Image random_image(int width, int height, int channels, unsigned seed) {
  std::mt19937 generator(seed);
  Image image{width, height, channels, {}};
  for (int i = 0; i < width * height * channels; ++i)
    image.pixels.push_back(static_cast<uint8_t>(generator()));
  return image;
}

Image smooth_image(int width, int height) {
  Image image{width, height, 3, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c : {x * 3 + 20, y * 4 + 10, (x + y) * 2})
        image.pixels.push_back(static_cast<uint8_t>(std::min(c, 255)));
  return image;
}

enum class Format { png, bmp, jpg };

std::vector<uint8_t> encode(const Image& image, Format format) {
  std::vector<uint8_t> bytes;
  const auto append = [](void* to, void* data, int size) {
    auto* begin = static_cast<uint8_t*>(data);
    static_cast<std::vector<uint8_t>*>(to)->insert(static_cast<std::vector<uint8_t>*>(to)->end(), begin,
                                                   begin + size);
  };
  const int w = image.width, h = image.height, c = image.channels;
  const void* pixels = image.pixels.data();
  if (format == Format::png) stbi_write_png_to_func(append, &bytes, w, h, c, pixels, w * c);
  if (format == Format::bmp) stbi_write_bmp_to_func(append, &bytes, w, h, c, pixels);
  if (format == Format::jpg) stbi_write_jpg_to_func(append, &bytes, w, h, c, pixels, 95);
  return bytes;
}

ErrorCode decode_error(const std::string& path) {
  try {
    decode_image(path);
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    return e.code();
  }
  ADD_FAILURE() << path << " was decoded";
  return ErrorCode::internal;
}

TEST_F(ImageFiles, DecodesLosslessFormatsExactly) {
  const Image image = random_image(17, 9, 3, 1);
  for (Format format : {Format::png, Format::bmp}) {
    const Image decoded =
        decode_image(write("picture", encode(image, format)));  // by content, whatever the suffix
    EXPECT_EQ(decoded.width, 17);
    EXPECT_EQ(decoded.height, 9);
    EXPECT_EQ(decoded.pixels, image.pixels);
  }
  const Image gray = random_image(5, 4, 1, 2);
  const Image decoded = decode_image(write("gray", encode(gray, Format::png)));
  ASSERT_EQ(decoded.channels, 3);
  for (size_t i = 0; i < decoded.pixels.size(); ++i) EXPECT_EQ(decoded.pixels[i], gray.pixels[i / 3]);
}

TEST_F(ImageFiles, DecodesJpegClosely) {
  const Image image = smooth_image(40, 30);
  const Image decoded = decode_image(write("a.jpg", encode(image, Format::jpg)));
  ASSERT_EQ(decoded.pixels.size(), image.pixels.size());
  for (size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(decoded.pixels[i], image.pixels[i], 12);
}

// The hash was taken on x86-64: every machine must give it.
TEST_F(ImageFiles, DecodesJpegToTheSameBytesEverywhere) {
  const Image image = decode_image(write("small.jpg", {std::begin(kSmallJpeg), std::end(kSmallJpeg)}));
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (uint8_t p : image.pixels) hash = (hash ^ p) * 0x100000001b3u;
  EXPECT_EQ(hash, kSmallJpegHash);
}

TEST_F(ImageFiles, RefusesBadFiles) {
  EXPECT_EQ(decode_error(path("absent.png")), ErrorCode::file_missing);
  EXPECT_EQ(decode_error(folder_.string()), ErrorCode::file_unreadable);
  EXPECT_EQ(decode_error(write("empty.png", {})), ErrorCode::file_empty);
  EXPECT_EQ(decode_error(write("text.jpg", {'h', 'e', 'l', 'l', 'o'})), ErrorCode::data_bad_image);
  EXPECT_EQ(decode_error(write("gif.png", {'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0, 0, 0})),
            ErrorCode::data_bad_image);
}

TEST_F(ImageFiles, RefusesAbsurdSizes) {
  std::vector<uint8_t> png = encode(random_image(4, 4, 3, 3), Format::png);
  png[16] = 0x00, png[17] = 0x01;  // width 65540
  EXPECT_EQ(decode_error(write("wide.png", png)), ErrorCode::data_bad_image);
  std::vector<uint8_t> bmp = encode(random_image(4, 4, 3, 3), Format::bmp);
  bmp[20] = 0x7f;  // width 8 million
  EXPECT_EQ(decode_error(write("wide.bmp", bmp)), ErrorCode::data_bad_image);
}

TEST_F(ImageFiles, RefusesEveryTruncation) {
  const Image image = random_image(12, 10, 3, 4);
  for (Format format : {Format::png, Format::bmp, Format::jpg}) {
    const std::vector<uint8_t> bytes = encode(image, format);
    for (size_t size = 1; size < bytes.size(); size += 1 + size / 50) {
      // The last 4 bytes of a PNG are a checksum behind everything that is decoded.
      if (format == Format::png && size + 4 >= bytes.size()) break;
      EXPECT_EQ(decode_error(write("cut", {bytes.begin(), bytes.begin() + static_cast<long>(size)})),
                ErrorCode::data_bad_image)
          << static_cast<int>(format) << " cut to " << size << " of " << bytes.size();
    }
  }
}

// Files with which stb_image 2.27 alone would write or read outside its tables.
TEST_F(ImageFiles, RefusesBadHuffmanTables) {
  const std::vector<uint8_t> jpeg(std::begin(kSmallJpeg), std::end(kSmallJpeg));
  const auto find = [&](uint8_t marker) {
    size_t at = 2;
    while (jpeg[at] != 0xFF || jpeg[at + 1] != marker) ++at;
    return at;
  };
  std::vector<uint8_t> too_long = jpeg;
  for (size_t i = 0; i < 16; ++i) too_long[find(0xC4) + 5 + i] = 255;
  EXPECT_EQ(decode_error(write("too_long.jpg", too_long)), ErrorCode::data_bad_image);
  std::vector<uint8_t> missing = jpeg;
  missing[find(0xDA) + 6] = 0x33;  // the first component's tables
  EXPECT_EQ(decode_error(write("missing.jpg", missing)), ErrorCode::data_bad_image);
  std::vector<uint8_t> no_scan(jpeg.begin(), jpeg.begin() + static_cast<long>(find(0xDA)));
  no_scan.insert(no_scan.end(), {0xFF, 0xD9});
  EXPECT_EQ(decode_error(write("no_scan.jpg", no_scan)), ErrorCode::data_bad_image);
}

TEST_F(ImageFiles, SurvivesDamage) {
  std::mt19937 generator(5);
  for (Format format : {Format::png, Format::bmp, Format::jpg}) {
    const std::vector<uint8_t> bytes = encode(smooth_image(20, 12), format);
    for (int round = 0; round < 300; ++round) {
      std::vector<uint8_t> damaged = bytes;
      for (int flips = 0; flips < 4; ++flips)
        damaged[generator() % damaged.size()] = static_cast<uint8_t>(generator());
      try {
        const Image image = decode_image(write("damaged", damaged));
        EXPECT_EQ(image.pixels.size(),
                  static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3);
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::data_bad_image);
      }
    }
  }
}

TEST(ImagePath, KnowsSuffixes) {
  for (const char* name : {"a.jpg", "b/c.JPEG", "x.y.png", "Z.Bmp"}) EXPECT_TRUE(is_image_path(name)) << name;
  for (const char* name : {"a.bin", "jpg", "a.jpg.npy", ".png", ""})
    EXPECT_FALSE(is_image_path(name)) << name;
}

// The definition in the comments of resize_bilinear, pixel by pixel.
uint8_t expected_pixel(const Image& image, int x, int y, int c, int width, int height) {
  const auto position = [](int64_t o, int64_t in, int64_t out) {
    const int64_t numerator =
        (2 * o + 1) * in * 2048 - 2048 / 2 * 2 * out;  // of (source position * 2048) * 2 * out
    const int64_t rounded =
        static_cast<int64_t>(std::floor((static_cast<double>(numerator) + double(out)) / double(2 * out)));
    return std::clamp<int64_t>(rounded, 0, (in - 1) * 2048);
  };
  const int64_t px = position(x, image.width, width), py = position(y, image.height, height);
  const auto at = [&](int64_t xx, int64_t yy) {
    xx = std::min<int64_t>(xx, image.width - 1), yy = std::min<int64_t>(yy, image.height - 1);
    return int64_t{image.pixels[static_cast<size_t>((yy * image.width + xx) * image.channels + c)]};
  };
  const int64_t x0 = px / 2048, y0 = py / 2048, fx = px % 2048, fy = py % 2048;
  const int64_t sum = (2048 - fy) * ((2048 - fx) * at(x0, y0) + fx * at(x0 + 1, y0)) +
                      fy * ((2048 - fx) * at(x0, y0 + 1) + fx * at(x0 + 1, y0 + 1));
  return static_cast<uint8_t>((sum + (1 << 21)) >> 22);
}

TEST(Resize, IsAsDefined) {
  std::mt19937 generator(6);
  for (int round = 0; round < 60; ++round) {
    const auto draw = [&] { return 1 + static_cast<int>(generator() % 40); };
    const Image image = random_image(draw(), draw(), round % 2 ? 1 : 3, static_cast<unsigned>(round));
    const int width = draw(), height = draw();
    const Image resized = resize_bilinear(image, width, height);
    ASSERT_EQ(resized.width, width);
    ASSERT_EQ(resized.height, height);
    size_t i = 0;
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < image.channels; ++c, ++i)
          ASSERT_EQ(resized.pixels.at(i), expected_pixel(image, x, y, c, width, height))
              << image.width << "x" << image.height << " to " << width << "x" << height << " at " << x << ","
              << y;
  }
}

TEST(Resize, KnownValues) {
  const Image image{2, 1, 1, {0, 100}};
  EXPECT_EQ(resize_bilinear(image, 4, 1).pixels, (std::vector<uint8_t>{0, 25, 75, 100}));
  EXPECT_EQ(resize_bilinear(image, 1, 1).pixels, (std::vector<uint8_t>{50}));
  EXPECT_EQ(resize_bilinear(image, 2, 1).pixels, image.pixels);
  EXPECT_THROW(resize_bilinear(image, 0, 1), Error);
  EXPECT_THROW(resize_bilinear(Image{2, 2, 3, {1}}, 1, 1), Error);
}

TEST(ImageToTensor, OrdersColoursAndLayouts) {
  const Image image{2, 1, 3, {10, 20, 30, 40, 50, 60}};
  const auto values = [&](InputKind kind, bool nhwc) {
    const Tensor tensor = image_to_tensor(image, kind, nhwc);
    return std::vector<uint8_t>(tensor.data<uint8_t>().begin(), tensor.data<uint8_t>().end());
  };
  EXPECT_EQ(values(InputKind::rgb, true), (std::vector<uint8_t>{10, 20, 30, 40, 50, 60}));
  EXPECT_EQ(values(InputKind::bgr, true), (std::vector<uint8_t>{30, 20, 10, 60, 50, 40}));
  EXPECT_EQ(values(InputKind::rgb, false), (std::vector<uint8_t>{10, 40, 20, 50, 30, 60}));
  EXPECT_EQ(values(InputKind::bgr, false), (std::vector<uint8_t>{30, 60, 20, 50, 10, 40}));
  EXPECT_EQ(values(InputKind::gray, false), (std::vector<uint8_t>{18, 48}));
  EXPECT_EQ(image_to_tensor(image, InputKind::rgb, false).shape(), (Shape{1, 3, 1, 2}));
  EXPECT_EQ(image_to_tensor(image, InputKind::gray, true).shape(), (Shape{1, 1, 2, 1}));
  EXPECT_THROW(image_to_tensor(image, InputKind::nv12, false), Error);  // its height is odd
}

TEST(ImageToTensor, Nv12KeepsLumaAndAveragesChroma) {
  Image image{4, 2, 3, {}};
  for (int i = 0; i < 24; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 37));
  for (const bool video : {false, true}) {
    const Tensor full = image_to_tensor(image, InputKind::yuv444, true, video);
    const Tensor nv12 = image_to_tensor(image, InputKind::nv12, false, video);
    ASSERT_EQ(nv12.shape(), (Shape{1, 1, 3, 4}));
    const auto yuv = full.data<uint8_t>(), out = nv12.data<uint8_t>();
    for (size_t p = 0; p < 8; ++p) EXPECT_EQ(out[p], yuv[p * 3]);
    for (size_t block = 0; block < 2; ++block)
      for (size_t k : {1u, 2u}) {
        const size_t first = block * 6 + k;
        const int sum = yuv[first] + yuv[first + 3] + yuv[first + 12] + yuv[first + 15];
        EXPECT_EQ(out[8 + block * 2 + k - 1], (sum + 2) / 4);
      }
    const Tensor again = yuv444_from_nv12(nv12);
    ASSERT_EQ(again.shape(), full.shape());
    for (size_t p = 0; p < 8; ++p) {
      EXPECT_EQ(again.data<uint8_t>()[p * 3], out[p]);
      EXPECT_EQ(again.data<uint8_t>()[p * 3 + 1], out[8 + p % 4 / 2 * 2]);
      EXPECT_EQ(again.data<uint8_t>()[p * 3 + 2], out[8 + p % 4 / 2 * 2 + 1]);
    }
  }
}

// To YUV and back by the matrix of HzPreprocess: rounding of y, u and v costs at most 1.5 of 255, of the
// narrower video range 1.9.
TEST(Yuv, MatricesAreInverse) {
  for (const bool video : {false, true}) {
    double worst = 0;
    for (int r = 0; r < 256; r += 5)
      for (int g = 0; g < 256; g += 5)
        for (int b = 0; b < 256; b += 5) {
          const auto yuv =
              yuv_of(static_cast<uint8_t>(r), static_cast<uint8_t>(g), static_cast<uint8_t>(b), video);
          if (video) {
            EXPECT_TRUE(yuv[0] >= 16 && yuv[0] <= 235 && yuv[1] >= 16 && yuv[1] <= 240);
          }
          const double expected[3] = {double(r), double(g), double(b)};
          const YuvMatrix& m = rgb_from_yuv(video);
          for (size_t c = 0; c < 3; ++c) {
            double value = 0;
            for (size_t k = 0; k < 3; ++k) value += m.to[c][k] * (yuv[k] - m.zero[k]);
            worst = std::max(worst, std::abs(value - expected[c]));
          }
        }
    EXPECT_LT(worst, video ? 1.9 : 1.5);
  }
}

TEST(ImageToTensor, Yuv444IsFullRangeBt601) {
  // White, black, red, green, blue and grey against the published matrix.
  const Image image{6, 1, 3, {255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77}};
  const Tensor tensor = image_to_tensor(image, InputKind::yuv444, true);
  const auto yuv = tensor.data<uint8_t>();
  for (size_t i = 0; i < 6; ++i) {
    const double r = image.pixels[3 * i], g = image.pixels[3 * i + 1], b = image.pixels[3 * i + 2];
    EXPECT_NEAR(yuv[3 * i], 0.299 * r + 0.587 * g + 0.114 * b, 0.51);
    EXPECT_NEAR(yuv[3 * i + 1], std::min(255.0, -0.168736 * r - 0.331264 * g + 0.5 * b + 128), 0.51);
    EXPECT_NEAR(yuv[3 * i + 2], std::min(255.0, 0.5 * r - 0.418688 * g - 0.081312 * b + 128), 0.51);
  }
  const Tensor gray = image_to_tensor(Image{1, 1, 1, {77}}, InputKind::yuv444, true);
  EXPECT_EQ(gray.data<uint8_t>()[0], 77);
  EXPECT_EQ(gray.data<uint8_t>()[1], 128);
}

}  // namespace
}  // namespace openhb
