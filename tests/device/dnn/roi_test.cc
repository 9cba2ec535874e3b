// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/roi.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/io/hash.h"
#include "device/dnn/plane.h"
#include "tests/device/dnn/picture_reference.h"
#include "tests/device/steps/harness.h"

namespace openhb::dnn {
namespace {

using test::chance;
using test::random_int;
using test::Region;

constexpr uint8_t kCanary = 0xC7;

// A plane whose memory ends with its last pixel.
struct Plane {
  int32_t width, height, channels;
  int64_t stride;
  std::vector<uint8_t> bytes;

  Plane(int32_t w, int32_t h, int32_t c, int64_t s)
      : width(w),
        height(h),
        channels(c),
        stride(s),
        bytes(static_cast<size_t>((h - 1) * s + w * c), kCanary) {}
  void fill_at_random() {
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(test::rng()());
  }
  uint8_t at(int64_t x, int64_t y, int c) const {
    return bytes[static_cast<size_t>(y * stride + x * channels + c)];
  }
};

Plane random_plane(int32_t width, int32_t height, int32_t channels) {
  Plane p(width, height, channels, int64_t{width} * channels + random_int(0, 40));
  p.fill_at_random();
  return p;
}

// Every byte of `target`, and that nothing between its rows has changed.
void expect_resized(const Plane& source, const Region& region, const Plane& target, const std::string& what) {
  for (int32_t y = 0; y < target.height; ++y) {
    for (int32_t x = 0; x < target.width; ++x)
      for (int c = 0; c < target.channels; ++c) {
        const auto at = [&](int64_t sx, int64_t sy) { return source.at(sx, sy, c); };
        ASSERT_EQ(
            test::resized_byte(at, source.width, source.height, region, target.width, target.height, y, x),
            target.at(x, y, c))
            << what << ": pixel " << x << ", " << y << " byte " << c << " of " << source.width << " x "
            << source.height << " region " << region.first_x << ", " << region.first_y << " to "
            << region.last_x << ", " << region.last_y << " -> " << target.width << " x " << target.height;
      }
    for (int64_t x = int64_t{target.width} * target.channels; y + 1 < target.height && x < target.stride; ++x)
      ASSERT_EQ(kCanary, target.bytes[static_cast<size_t>(y * target.stride + x)])
          << what << ": behind row " << y;
  }
}

PlaneResize job(const Plane& source, const Region& r, Plane& target) {
  return {.source = source.bytes.data(),
          .source_stride = source.stride,
          .source_width = source.width,
          .source_height = source.height,
          .left = static_cast<int32_t>(r.first_x),
          .top = static_cast<int32_t>(r.first_y),
          .width = static_cast<int32_t>(r.last_x - r.first_x + 1),
          .height = static_cast<int32_t>(r.last_y - r.first_y + 1),
          .target = target.bytes.data(),
          .target_stride = target.stride,
          .target_width = target.width,
          .target_height = target.height,
          .channels = source.channels};
}

// Around the borders of chunks (64) and strips (512), too.
int32_t random_length() {
  static constexpr int32_t kBorders[] = {1, 2, 3, 63, 64, 65, 127, 129, 511, 512, 513, 1025};
  return chance(15) ? kBorders[random_int(0, 11)] : static_cast<int32_t>(random_int(1, 40));
}

TEST(Plane, AnyGeometryOnEveryInstructionSet) {
  for (int round = 0; round < 300; ++round) {
    const auto channels = static_cast<int32_t>(random_int(1, 3));
    const Plane source = random_plane(random_length(), random_length(), channels);
    Region r{random_int(-20, source.width + 20), random_int(-20, source.height + 20), 0, 0};
    r.last_x = r.first_x + random_length() - 1;
    r.last_y = r.first_y + random_length() - 1;
    const int32_t width = random_length(), height = static_cast<int32_t>(random_int(1, 40));
    Plane expected(width, height, channels, int64_t{width} * channels + random_int(0, 40));
    Plane blank = expected;
    resize_plane(job(source, r, expected), plane_loops(0));
    ASSERT_NO_FATAL_FAILURE(expect_resized(source, r, expected, "ref"));
    for (const std::string& level : runnable_isa_levels()) {
      Plane target = blank;
      resize_plane(job(source, r, target), plane_loops(isa_level(level)));
      ASSERT_EQ(expected.bytes, target.bytes) << level;
    }
  }
}

TEST(Plane, LongestAxes) {
  for (const auto& [from, to] :
       {std::pair{4096, 4096}, {4096, 1025}, {2, 4096}, {4096, 2}, {1, 4080}, {754800, 4080}}) {
    const Plane source = random_plane(from, 2, 1);
    Plane target(to, 3, 1, to);
    const Region all{0, 0, from - 1, 1};
    resize_plane(job(source, all, target), plane_loops());
    expect_resized(source, all, target, "wide");
    const Plane high = random_plane(2, from, 2);
    Plane below(3, to, 2, 6);
    const Region whole{0, 0, 1, from - 1};
    resize_plane(job(high, whole, below), plane_loops());
    expect_resized(high, whole, below, "high");
  }
}

struct Nv12 {
  Plane y, uv;
  Picture picture() {
    return {.y = y.bytes.data(),
            .uv = uv.bytes.data(),
            .width = y.width,
            .height = y.height,
            .y_stride = y.stride,
            .uv_stride = uv.stride};
  }
};

Nv12 random_nv12(int32_t width, int32_t height) {
  Nv12 p{Plane(width, height, 1, (width + 15) / 16 * 16 + 16 * random_int(0, 2)),
         Plane(width / 2, height / 2, 2, (width + 15) / 16 * 16 + 16 * random_int(0, 2))};
  p.y.fill_at_random();
  p.uv.fill_at_random();
  return p;
}
Nv12 blank_nv12(int32_t width, int32_t height) {
  return {Plane(width, height, 1, width + random_int(0, 9)),
          Plane(width / 2, height / 2, 2, width + random_int(0, 9))};
}

TEST(Roi, AnyRegionThatIsAllowedHasTheDefinedBytes) {
  int resized = 0, refused = 0;
  for (int round = 0; round < 3000 && resized < 300; ++round) {
    Nv12 source = random_nv12(2 * random_length(), 2 * static_cast<int32_t>(random_int(1, 40)));
    const auto left = static_cast<int32_t>(random_int(-30, source.y.width + 3));
    const auto top = static_cast<int32_t>(random_int(-30, source.y.height + 3));
    const hbDNNRoi roi{left, top, left + random_length() - 1, top + random_length() - 1};
    Nv12 target =
        blank_nv12(2 * static_cast<int32_t>(random_int(1, 40)), 2 * static_cast<int32_t>(random_int(1, 20)));
    if (check_roi(source.picture(), roi, target.y.width, target.y.height) != nullptr) {
      ++refused;
      continue;
    }
    ++resized;
    resize_roi(source.picture(), roi, target.picture());
    const Region region{roi.left, roi.top, roi.right, roi.bottom};
    ASSERT_NO_FATAL_FAILURE(expect_resized(source.y, region, target.y, "Y"));
    ASSERT_NO_FATAL_FAILURE(expect_resized(source.uv, test::halved(region), target.uv, "UV"));

    Plane grey(target.y.width, target.y.height, 1, target.y.stride);
    const Picture only_y{
        .y = grey.bytes.data(), .width = grey.width, .height = grey.height, .y_stride = grey.stride};
    resize_roi(source.picture(), roi, only_y);
    ASSERT_EQ(target.y.bytes, grey.bytes);
  }
  EXPECT_EQ(300, resized);
  EXPECT_GT(refused, 100);
}

TEST(Roi, TheSameSizeIsACopy) {
  Nv12 source = random_nv12(70, 50), target = blank_nv12(40, 30);
  resize_roi(source.picture(), {6, 8, 45, 37}, target.picture());
  for (int32_t y = 0; y < 30; ++y)
    for (int32_t x = 0; x < 40; ++x) {
      ASSERT_EQ(source.y.at(x + 6, y + 8, 0), target.y.at(x, y, 0));
      for (int c = 0; c < 2; ++c)
        ASSERT_EQ(source.uv.at(x / 2 + 3, y / 2 + 4, c), target.uv.at(x / 2, y / 2, c));
    }
}

// What is not in the region must not be seen, however the sizes round.
TEST(Roi, NothingOutsideOfTheRegionIsSeen) {
  for (int round = 0; round < 300; ++round) {
    Nv12 source = random_nv12(60, 60);
    const auto left = static_cast<int32_t>(random_int(0, 50)), top = static_cast<int32_t>(random_int(0, 50));
    const hbDNNRoi roi{left, top, static_cast<int32_t>(random_int(left + 1, 59)),
                       static_cast<int32_t>(random_int(top + 1, 59))};
    const auto fill = [&](Plane& plane, Region r, uint8_t inside, uint8_t outside) {
      for (int32_t y = 0; y < plane.height; ++y)
        for (int32_t x = 0; x < plane.width * plane.channels; ++x) {
          const int32_t column = x / plane.channels;
          const bool in = column >= r.first_x && column <= r.last_x && y >= r.first_y && y <= r.last_y;
          plane.bytes[static_cast<size_t>(y * plane.stride + x)] = in ? inside : outside;
        }
    };
    const Region region{roi.left, roi.top, roi.right, roi.bottom};
    fill(source.y, region, 200, 3);
    fill(source.uv, test::halved(region), 90, 255);
    Nv12 target =
        blank_nv12(2 * static_cast<int32_t>(random_int(8, 300)), 2 * static_cast<int32_t>(random_int(8, 40)));
    resize_roi(source.picture(), roi, target.picture());
    for (int32_t y = 0; y < target.y.height; ++y)
      for (int32_t x = 0; x < target.y.width; ++x) {
        ASSERT_EQ(200, target.y.at(x, y, 0));
        ASSERT_EQ(90, target.uv.at(x / 2, y / 2, x % 2));
      }
  }
}

struct Refused {
  hbDNNRoi roi;
  int32_t width, height;
  const char* why;  // null: allowed
};

TEST(Roi, LimitsOfRegions) {
  Nv12 source = random_nv12(64, 48);
  const Refused cases[] = {
      {{0, 0, 63, 47}, 32, 32, nullptr},
      {{0, 0, 1, 1}, 2, 2, nullptr},
      {{0, 0, 0, 1}, 2, 2, "2 to 4096"},
      {{0, 0, 1, 0}, 2, 2, "2 to 4096"},
      {{5, 5, 4, 9}, 2, 2, "2 to 4096"},
      {{9, 5, 4, 9}, 2, 2, "2 to 4096"},
      {{5, 5, 9, -9}, 2, 2, "2 to 4096"},
      {{-2, -2, 4093, 4093}, 2048, 2048, nullptr},
      {{-2, -2, 4094, 4093}, 2048, 2048, "2 to 4096"},
      {{-2, -2, 4093, 4094}, 2048, 2048, "2 to 4096"},
      {{INT32_MIN, 0, INT32_MAX, 9}, 32, 32, "2 to 4096"},
      {{0, INT32_MIN, 9, INT32_MAX}, 32, 32, "2 to 4096"},
      {{INT32_MAX, 0, INT32_MIN, 9}, 32, 32, "2 to 4096"},
      {{INT32_MIN, 0, INT32_MIN + 9, 9}, 32, 32, "outside"},
      {{0, INT32_MAX - 9, 9, INT32_MAX}, 32, 32, "outside"},
      {{63, 47, 70, 70}, 32, 32, nullptr},
      {{64, 0, 70, 9}, 32, 32, "outside"},
      {{0, 48, 9, 57}, 32, 32, "outside"},
      {{-10, 0, 0, 9}, 32, 32, nullptr},
      {{-10, 0, -1, 9}, 32, 32, "outside"},
      {{0, -10, 9, -1}, 32, 32, "outside"},
      {{0, 0, 9, 9}, 1, 2, "even"},
      {{0, 0, 9, 9}, 2, 3, "even"},
      {{0, 0, 9, 9}, 0, 2, "at least 2"},
      {{0, 0, 9, 9}, 2, 0, "at least 2"},
      {{0, 0, 9, 9}, -2, 2, "at least 2"},
      {{0, 0, 9, 9}, 2, INT32_MIN, "at least 2"},
      {{0, 0, 11, 11}, 4, 4, nullptr},
      {{0, 0, 12, 11}, 4, 4, "too large"},  // step 262144
      {{0, 0, 11, 12}, 4, 4, "too large"},
      {{0, 0, 4, 4}, 2, 2, "too large"},
      {{0, 0, 1, 1}, 100000, 2, nullptr},
  };
  for (const Refused& c : cases) {
    const char* why = check_roi(source.picture(), c.roi, c.width, c.height);
    const std::string what = fmt::format("{} {} {} {} to {} x {}: {}", c.roi.left, c.roi.top, c.roi.right,
                                         c.roi.bottom, c.width, c.height, why ? why : "allowed");
    ASSERT_EQ(c.why == nullptr, why == nullptr) << what;
    if (why != nullptr) {
      EXPECT_NE(std::string::npos, std::string(why).find(c.why)) << what;
    }
  }
}

TEST(Roi, LimitsOfPictures) {
  uint8_t byte = 0;
  const Picture good{.y = &byte, .uv = &byte, .width = 64, .height = 48, .y_stride = 64, .uv_stride = 64};
  const auto check = [](const Picture& p) {
    const char* why = check_roi(p, {0, 0, 9, 9}, 8, 8);
    return std::string(why ? why : "");
  };
  const auto with = [&](auto change) {
    Picture p = good;
    change(p);
    return check(p);
  };
  EXPECT_EQ("", check(good));
  EXPECT_EQ("", with([](Picture& p) { p.width = 4096, p.y_stride = p.uv_stride = 131072; }));
  EXPECT_EQ("", with([](Picture& p) { p.height = 4096; }));
  EXPECT_EQ("", with([](Picture& p) { p.uv = nullptr, p.width = 63, p.height = 47, p.uv_stride = 0; }));
  const auto expect = [&](const char* part, auto change) {
    const std::string why = with(change);
    EXPECT_NE(std::string::npos, why.find(part)) << part << ": " << why;
  };
  expect("no memory", [](Picture& p) { p.y = nullptr; });
  expect("1 to 4096", [](Picture& p) { p.width = 0; });
  expect("1 to 4096", [](Picture& p) { p.width = -64; });
  expect("1 to 4096", [](Picture& p) { p.width = 4098, p.y_stride = p.uv_stride = 8192; });
  expect("1 to 4096", [](Picture& p) { p.height = 0; });
  expect("1 to 4096", [](Picture& p) { p.height = 4098; });
  expect("row length", [](Picture& p) { p.y_stride = 63; });
  expect("row length", [](Picture& p) { p.y_stride = 48; });
  expect("row length", [](Picture& p) { p.y_stride = 72; });
  expect("row length", [](Picture& p) { p.y_stride = 131088; });
  expect("row length", [](Picture& p) { p.y_stride = -64; });
  expect("UV", [](Picture& p) { p.uv_stride = 48; });
  expect("UV", [](Picture& p) { p.uv_stride = 65; });
  expect("even", [](Picture& p) { p.width = 63; });
  expect("even", [](Picture& p) { p.height = 47; });
}

// The committed sums are those of x86-64 and aarch64 alike; who changes the definition changes them on
// purpose.
TEST(Roi, CommittedSums) {
  struct Vector {
    int32_t width, height;
    hbDNNRoi roi;
    int32_t target_width, target_height;
    const char* sum;
  };
  const Vector vectors[] = {
      {1920, 1080, {0, 0, 1919, 1079}, 672, 448, "ffd4592ff97e9fb535c1fc918ca13c27"},
      {1920, 1080, {101, 203, 612, 714}, 224, 224, "2c0687cfc806fbbc4ff2d0e1a71de1d7"},
      {640, 480, {-7, -9, 120, 117}, 128, 128, "efe27190fea910ee85b50ab7346c1ece"},
      {640, 480, {601, 403, 723, 517}, 256, 96, "dd7d02925ed6b35d1f89d159cbb15b81"},
      {64, 48, {3, 5, 12, 18}, 1200, 64, "b63b07d93fe0cc58d51574c2872448d5"},
      {4096, 16, {0, 0, 4095, 15}, 1026, 8, "b9d4893e5c9ec66535ea0ef5f27960d2"},
  };
  for (const Vector& v : vectors) {
    uint32_t state = 12345;  // x <- 1664525 x + 1013904223, the upper byte of it
    const auto fill = [&](Plane& plane) {
      for (uint8_t& b : plane.bytes) b = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
    };
    Nv12 source{Plane(v.width, v.height, 1, v.width), Plane(v.width / 2, v.height / 2, 2, v.width)};
    fill(source.y);
    fill(source.uv);
    Nv12 target{Plane(v.target_width, v.target_height, 1, v.target_width),
                Plane(v.target_width / 2, v.target_height / 2, 2, v.target_width)};
    ASSERT_EQ(nullptr, check_roi(source.picture(), v.roi, v.target_width, v.target_height));
    resize_roi(source.picture(), v.roi, target.picture());
    std::vector<uint8_t> all = target.y.bytes;
    all.insert(all.end(), target.uv.bytes.begin(), target.uv.bytes.end());
    EXPECT_EQ(v.sum, hash_text(std::as_bytes(std::span(all))))
        << v.width << " x " << v.height << " to " << v.target_width << " x " << v.target_height;
  }
}

}  // namespace
}  // namespace openhb::dnn
