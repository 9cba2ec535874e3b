// SPDX-License-Identifier: Apache-2.0
// The SSD family and pooling of regions.
#include <algorithm>
#include <numeric>

#include "tests/host/frontend/caffe_case.h"

namespace openhb::test {
namespace {

TEST(CaffePriorBox, BoxesInOrder) {
  CaffeCase c;
  c.input("x", noise({1, 1, 2, 3}));
  c.input("data", noise({1, 3, 60, 120}));
  c.layer("PriorBox", "p", "x data", "prior",
          "prior_box_param { min_size: 20 max_size: 45 aspect_ratio: 4 aspect_ratio: 1 clip: true variance: "
          "0.1 variance: "
          "0.1 variance: 0.2 variance: 0.2 }");
  c.layer("Reshape", "r", "prior", "flat", "reshape_param { shape { dim: 1 dim: -1 } }");
  c.layer("Bias", "b", "x", "y");  // keeps an input alive
  c.blob("b", tensor_of({1}, {0}));
  const auto results = c.run();
  std::vector<float> expected;
  const float sizes[4][2] = {{20, 20}, {30, 30}, {40, 10}, {10, 40}};
  for (int h = 0; h < 2; ++h)
    for (int w = 0; w < 3; ++w)
      for (const auto& [bw, bh] : sizes) {
        const float cx = (static_cast<float>(w) + 0.5f) * 40, cy = (static_cast<float>(h) + 0.5f) * 30;
        for (const float v :
             {(cx - bw / 2) / 120, (cy - bh / 2) / 60, (cx + bw / 2) / 120, (cy + bh / 2) / 60})
          expected.push_back(std::clamp(v, 0.0f, 1.0f));
      }
  for (int i = 0; i < 24; ++i) expected.insert(expected.end(), {0.1f, 0.1f, 0.2f, 0.2f});
  expect_near(tensor_of({1, 192}, expected), results.at("flat"), "priors");
}

TEST(CaffePriorBox, StepsOffsetsAndSizesOfThePicture) {
  CaffeCase c;
  c.input("x", noise({1, 1, 1, 2}));
  c.input("data", noise({1, 3, 60, 120}));
  c.layer("PriorBox", "p", "x data", "prior",
          "prior_box_param { min_size: 10.7 step: 8 offset: 0.25 img_h: 50 img_w: 100 flip: false "
          "aspect_ratio: 4 variance: 2 }");
  c.layer("Reshape", "r", "prior", "flat", "reshape_param { shape { dim: 1 dim: -1 } }");
  c.layer("Bias", "b", "x", "y");
  c.blob("b", tensor_of({1}, {0}));
  std::vector<float> expected;
  for (int w = 0; w < 2; ++w)
    for (const auto& [bw, bh] : {std::pair{10.0f, 10.0f}, std::pair{20.0f, 5.0f}}) {
      const float cx = (static_cast<float>(w) + 0.25f) * 8, cy = 2;
      expected.insert(expected.end(),
                      {(cx - bw / 2) / 100, (cy - bh / 2) / 50, (cx + bw / 2) / 100, (cy + bh / 2) / 50});
    }
  expected.insert(expected.end(), 16, 2.0f);
  expect_near(tensor_of({1, 32}, expected), c.run().at("flat"), "priors");
  EXPECT_TRUE(
      std::ranges::any_of(c.notices, [](const auto& n) { return n.find("10.7") != std::string::npos; }));
}

// Stable, as Caffe's.
void sort_by(auto& items, auto before) {
  for (auto it = items.begin(); it != items.end(); ++it)
    std::rotate(std::upper_bound(items.begin(), it, *it, before), it, it + 1);
}

struct Detection {
  int64_t images = 2, priors = 40, classes = 3, background = 0, top_k = 15, keep = 12;
  bool shared = true, encoded = false, clip = false;
  std::string code = "CENTER_SIZE";
  float nms = 0.4f, eta = 1, confidence = 0.3f;
};

// Caffe's DetectionOutputLayer in its own order, with maps and sorts.
std::vector<std::vector<float>> naive_detections(const Detection& d, const Tensor& loc, const Tensor& conf,
                                                 const Tensor& prior) {
  const auto l = loc.data<float>(), s = conf.data<float>(), p = prior.data<float>();
  std::vector<std::vector<float>> rows;
  for (int64_t n = 0; n < d.images; ++n) {
    struct Hit {
      float score;
      int64_t label;
      std::array<float, 4> box;
    };
    std::vector<Hit> hits;
    for (int64_t k = 0; k < d.classes; ++k) {
      if (k == d.background) continue;
      std::vector<std::pair<float, std::array<float, 4>>> candidates;
      for (int64_t i = 0; i < d.priors; ++i) {
        const float score = s[static_cast<size_t>((n * d.priors + i) * d.classes + k)];
        if (!(score > d.confidence)) continue;
        const int64_t sets = d.shared ? 1 : d.classes;
        std::array<float, 4> o{}, b{}, box{};
        for (size_t j = 0; j < 4; ++j) {
          b[j] = p[static_cast<size_t>(i * 4) + j];
          o[j] = l[static_cast<size_t>(((n * d.priors + i) * sets + (d.shared ? 0 : k)) * 4) + j];
          if (!d.encoded) o[j] *= p[static_cast<size_t>((d.priors + i) * 4) + j];
        }
        const float w = b[2] - b[0], h = b[3] - b[1];
        if (d.code == "CORNER") {
          for (size_t j = 0; j < 4; ++j) box[j] = b[j] + o[j];
        } else if (d.code == "CORNER_SIZE") {
          for (size_t j = 0; j < 4; ++j) box[j] = b[j] + o[j] * (j % 2 == 0 ? w : h);
        } else {
          const float cx = o[0] * w + (b[0] + b[2]) / 2, cy = o[1] * h + (b[1] + b[3]) / 2;
          const float bw = std::exp(o[2]) * w, bh = std::exp(o[3]) * h;
          box = {cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2};
        }
        if (d.clip)
          for (float& v : box) v = std::clamp(v, 0.0f, 1.0f);
        candidates.emplace_back(score, box);
      }
      sort_by(candidates, [](const auto& a, const auto& b) { return a.first > b.first; });
      if (d.top_k != -1 && std::ssize(candidates) > d.top_k) candidates.resize(static_cast<size_t>(d.top_k));
      const auto area = [](const auto& b) {
        return std::max(0.0f, b[2] - b[0]) * std::max(0.0f, b[3] - b[1]);
      };
      std::vector<std::array<float, 4>> kept;
      float threshold = d.nms;
      for (const auto& [score, box] : candidates) {
        const bool keep = std::ranges::none_of(kept, [&](const auto& other) {
          const float w = std::min(box[2], other[2]) - std::max(box[0], other[0]),
                      h = std::min(box[3], other[3]) - std::max(box[1], other[1]);
          return w > 0 && h > 0 && w * h / (area(box) + area(other) - w * h) > threshold;
        });
        if (!keep) continue;
        kept.push_back(box), hits.push_back({score, k, box});
        if (d.eta < 1 && threshold > 0.5f) threshold *= d.eta;
      }
    }
    if (d.keep != -1 && std::ssize(hits) > d.keep) {
      sort_by(hits, [](const Hit& a, const Hit& b) { return a.score > b.score; });
      hits.resize(static_cast<size_t>(d.keep));
      sort_by(hits, [](const Hit& a, const Hit& b) { return a.label < b.label; });
    }
    for (const Hit& hit : hits)
      rows.push_back({static_cast<float>(n), static_cast<float>(hit.label), hit.score, hit.box[0], hit.box[1],
                      hit.box[2], hit.box[3]});
  }
  return rows;
}

TEST(CaffeDetectionOutput, EqualsTheNaiveLayer) {
  size_t found = 0;
  for (int round = 0; round < 40; ++round) {
    Detection d;
    d.classes = pick(2, 4), d.background = pick(-1, 1), d.shared = pick(0, 1) == 1,
    d.encoded = pick(0, 1) == 1;
    d.clip = pick(0, 1) == 1, d.top_k = pick(0, 2) == 0 ? -1 : pick(1, 50),
    d.keep = pick(0, 2) == 0 ? -1 : pick(1, 30);
    d.code =
        std::vector<std::string>{"CORNER", "CENTER_SIZE", "CORNER_SIZE"}[static_cast<size_t>(pick(0, 2))];
    d.nms = 0.2f * static_cast<float>(pick(1, 4)), d.eta = pick(0, 1) == 1 ? 1.0f : 0.7f;
    const int64_t sets = d.shared ? 1 : d.classes;
    CaffeCase c;
    const Tensor loc = c.input("loc", noise({d.images, d.priors * sets * 4}));
    // Few different scores, so that ties happen.
    const Tensor conf = c.input("conf", map(noise({d.images, d.priors * d.classes}, 0, 1),
                                            [](float v) { return std::round(v * 32) / 32; }));
    Tensor prior = noise({1, 2, d.priors * 4}, 0, 0.5f);
    for (int64_t i = 0; i < d.priors; ++i)
      for (size_t j = 0; j < 2; ++j)
        prior.data<float>()[static_cast<size_t>(i * 4) + 2 + j] +=
            prior.data<float>()[static_cast<size_t>(i * 4) + j];
    c.input("prior", prior);
    c.layer(
        "DetectionOutput", "det", "loc conf prior", "y",
        fmt::format(
            "detection_output_param {{ num_classes: {} share_location: {} background_label_id: {} nms_param "
            "{{ nms_threshold: {} {} eta: {} }} code_type: {} variance_encoded_in_target: {} keep_top_k: {} "
            "confidence_threshold: {} clip: {} }}",
            d.classes, d.shared, d.background, d.nms, d.top_k == -1 ? "" : fmt::format("top_k: {}", d.top_k),
            d.eta, d.code, d.encoded, d.keep, d.confidence, d.clip));
    const Tensor y = c.only();
    const auto rows = naive_detections(d, loc, conf, prior);
    const int64_t room = y.shape()[2];
    if (d.keep != -1) {
      EXPECT_EQ(y.shape(), Shape({1, 1, d.images * d.keep, 7}));
    }
    ASSERT_LE(std::ssize(rows), room);
    found += rows.size();
    Tensor expected(DType::f32, y.shape());
    for (int64_t r = 0; r < room; ++r)
      for (size_t j = 0; j < 7; ++j)
        expected.data<float>()[static_cast<size_t>(r) * 7 + j] = r < std::ssize(rows)
                                                                     ? rows[static_cast<size_t>(r)][j]
                                                                 : j == 0 ? -1.0f
                                                                          : 0.0f;
    expect_near(expected, y, fmt::format("round {}", round));
  }
  EXPECT_GT(found, 500u);  // the comparison is about something
}

TEST(CaffeRegions, PositionSensitivePooling) {
  CaffeCase c;
  const int64_t group = 3, outputs = 2;
  const Tensor x = c.input("x", noise({2, group * group * outputs, 8, 9}));
  Tensor rois(DType::f32, {6, 5});
  for (size_t r = 0; r < 6; ++r) {
    const auto x1 = static_cast<float>(pick(-4, 20)), y1 = static_cast<float>(pick(-4, 20));
    const float row[] = {static_cast<float>(pick(0, 1)), x1 + 0.5f, y1, x1 + static_cast<float>(pick(0, 20)),
                         y1 + static_cast<float>(pick(-3, 20))};
    std::ranges::copy(row, rois.data<float>().begin() + static_cast<std::ptrdiff_t>(r * 5));
  }
  c.input("rois", rois);
  c.layer("PSROIPooling", "ps", "x rois", "y",
          "psroi_pooling_param { spatial_scale: 0.5 output_dim: 2 group_size: 3 }");
  expect_near(each({6, outputs, group, group},
                   [&](int64_t r, int64_t o, int64_t i, int64_t j) {
                     const auto roi = rois.data<float>().subspan(static_cast<size_t>(r * 5), 5);
                     const float x0 = std::round(roi[1]) * 0.5f, y0 = std::round(roi[2]) * 0.5f,
                                 x1 = (std::round(roi[3]) + 1) * 0.5f, y1 = (std::round(roi[4]) + 1) * 0.5f;
                     const float bw = std::max(x1 - x0, 0.1f) / 3, bh = std::max(y1 - y0, 0.1f) / 3;
                     const auto bound = [](float v, int64_t e) {
                       return std::clamp<int64_t>(static_cast<int64_t>(v), 0, e);
                     };
                     const int64_t h0 = bound(std::floor(static_cast<float>(i) * bh + y0), 8),
                                   h1 = bound(std::ceil(static_cast<float>(i + 1) * bh + y0), 8),
                                   w0 = bound(std::floor(static_cast<float>(j) * bw + x0), 9),
                                   w1 = bound(std::ceil(static_cast<float>(j + 1) * bw + x0), 9);
                     float sum = 0;
                     for (int64_t h = h0; h < h1; ++h)
                       for (int64_t w = w0; w < w1; ++w)
                         sum += at(x, static_cast<int64_t>(roi[0]), (o * 3 + i) * 3 + j, h, w);
                     return h1 <= h0 || w1 <= w0 ? 0.0f : sum / static_cast<float>((h1 - h0) * (w1 - w0));
                   }),
              c.only(), "PSROIPooling");
}

TEST(CaffeRegions, MaxPooling) {
  CaffeCase c;
  const Tensor x = c.input("x", noise({1, 2, 8, 8}));
  c.input("rois", tensor_of({2, 5, 1, 1}, {0, 0, 0, 7, 7, 0, 4, 8, 11, 15}));
  c.layer("ROIPooling", "roi", "x rois", "y",
          "roi_pooling_param { pooled_h: 2 pooled_w: 2 spatial_scale: 0.5 }");
  const Tensor y = c.only();
  SKIP_IF_LACKING(c);
  // Regions [0, 4] x [0, 4] (7 * 0.5 rounds up to 4) and [2, 6] x [4, 8]; bins of 2.5.
  const auto bin = [&](int64_t ch, int64_t h0, int64_t h1, int64_t w0, int64_t w1) {
    float max = -INFINITY;
    for (int64_t h = h0; h < std::min<int64_t>(h1, 8); ++h)
      for (int64_t w = w0; w < w1; ++w) max = std::max(max, at(x, 0, ch, h, w));
    return max;
  };
  expect_near(each({2, 2, 2, 2},
                   [&](int64_t r, int64_t ch, int64_t i, int64_t j) {
                     const int64_t top = r == 0 ? 0 : 4, left = r == 0 ? 0 : 2;
                     return bin(ch, top + (i == 0 ? 0 : 2), top + (i == 0 ? 3 : 5), left + (j == 0 ? 0 : 2),
                                left + (j == 0 ? 3 : 5));
                   }),
              y, "ROIPooling");
}

}  // namespace
}  // namespace openhb::test
