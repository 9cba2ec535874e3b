// SPDX-License-Identifier: Apache-2.0
// DetectionOutput and PsRoiPool against plain loops.
#include <algorithm>
#include <cmath>

#include "common/math/elementary.h"
#include "device/kernels/detection/detection_output.h"
#include "device/kernels/detection/ps_roi_pool.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

using Box = std::array<float, 4>;
struct Hit {
  float score;
  int64_t label, order;
  Box box;
};

Box decoded(const DetectionOutputParams& p, const float* prior, const float* variance, const float* offset) {
  Box o{}, y{};
  for (size_t i = 0; i < 4; ++i) o[i] = p.variance_encoded != 0 ? offset[i] : variance[i] * offset[i];
  const float w = prior[2] - prior[0], h = prior[3] - prior[1];
  for (size_t i = 0; i < 4; ++i) {
    const float extent = i % 2 == 0 ? w : h;
    if (p.code == BoxCode::corner) y[i] = prior[i] + o[i];
    if (p.code == BoxCode::corner_size) y[i] = prior[i] + o[i] * extent;
    if (p.code == BoxCode::center_size) {
      const float centre = o[i % 2] * extent + (prior[i % 2] + prior[i % 2 + 2]) / 2.0f;
      const float half = static_cast<float>(math::exp(static_cast<double>(o[i % 2 + 2]))) * extent / 2.0f;
      y[i] = i < 2 ? centre - half : centre + half;
    }
  }
  if (p.clip != 0)
    for (float& v : y) v = v < 0 ? 0 : v > 1 ? 1 : v;
  return y;
}

float shared_part(const Box& a, const Box& b) {
  const auto area = [](const Box& x) {
    return x[2] < x[0] || x[3] < x[1] ? 0.0f : (x[2] - x[0]) * (x[3] - x[1]);
  };
  const float w = std::min(a[2], b[2]) - std::max(a[0], b[0]),
              h = std::min(a[3], b[3]) - std::max(a[1], b[1]);
  return w > 0 && h > 0 ? w * h / (area(a) + area(b) - w * h) : 0.0f;
}

// Detections of one image, by selecting the best remaining candidate again and again.
std::vector<Hit> detections(const DetectionOutputParams& p, int64_t priors, const float* offsets,
                            const float* scores, const float* prior) {
  std::vector<Hit> hits;
  for (int32_t label = 0; label < p.classes; ++label) {
    if (label == p.background) continue;
    std::vector<bool> used(static_cast<size_t>(priors), false);
    std::vector<Box> kept;
    float threshold = p.nms_threshold;
    for (int64_t taken = 0; p.top_k == -1 || taken < p.top_k; ++taken) {
      int64_t best = -1;
      for (int64_t i = 0; i < priors; ++i) {
        const float s = scores[i * p.classes + label];
        if (!used[static_cast<size_t>(i)] && s > p.confidence_threshold &&
            (best < 0 || s > scores[best * p.classes + label]))
          best = i;
      }
      if (best < 0) break;
      used[static_cast<size_t>(best)] = true;
      const int64_t sets = p.share_location != 0 ? 1 : p.classes;
      const Box box = decoded(p, prior + best * 4, prior + (priors + best) * 4,
                              offsets + (best * sets + (sets == 1 ? 0 : label)) * 4);
      if (std::ranges::any_of(kept, [&](const Box& k) { return !(shared_part(box, k) <= threshold); }))
        continue;
      kept.push_back(box);
      hits.push_back({scores[best * p.classes + label], label, std::ssize(hits), box});
      if (p.eta < 1 && threshold > 0.5f) threshold *= p.eta;
    }
  }
  if (p.keep_top_k != -1) {
    const auto better = [](const Hit& a, const Hit& b) {
      return a.score != b.score ? a.score > b.score : a.order < b.order;
    };
    std::ranges::sort(hits, better);
    if (std::ssize(hits) > p.keep_top_k) hits.resize(static_cast<size_t>(p.keep_top_k));
    std::ranges::sort(hits, {}, &Hit::order);
  }
  return hits;
}

StepCase<DetectionOutputParams> random_case(Tensor& loc, Tensor& conf, Tensor& prior) {
  StepCase<DetectionOutputParams> c;
  auto& p = c.params;
  const int64_t images = random_int(1, 3), priors = random_int(1, 60);
  p.classes = static_cast<int32_t>(random_int(2, 4));
  p.background = static_cast<int32_t>(random_int(-1, 2));
  p.share_location = chance(50), p.variance_encoded = chance(30), p.clip = chance(30);
  p.code = static_cast<BoxCode>(random_int(0, 2));
  p.top_k = chance(30) ? -1 : static_cast<int32_t>(random_int(1, 70));
  p.keep_top_k = chance(30) ? -1 : static_cast<int32_t>(random_int(1, 70));
  p.nms_threshold = random_float(0, 1), p.eta = chance(50) ? 1.0f : random_float(0.3f, 1);
  p.confidence_threshold = random_float(-0.2f, 0.9f);
  loc = random_tensor(DType::f32, {images, priors * 4 * (p.share_location != 0 ? 1 : p.classes)}, 1.5f);
  conf = Tensor(DType::f32, {images, priors * p.classes});
  for (float& v : conf.data<float>())
    v = chance(2) ? any_float()
                  : std::round(random_float(0, 1) * 16) / 16;  // ties, and now and then anything
  prior = random_tensor(DType::f32, {chance(50) ? 1 : images, 2, priors * 4}, 1.0f);
  c.input(loc, {}, random_int(0, 3)), c.input(conf, {}, random_int(0, 3)),
      c.input(prior, {}, random_int(0, 3));
  const int64_t classes = p.classes - (p.background >= 0 && p.background < p.classes ? 1 : 0);
  const int64_t room = p.keep_top_k != -1
                           ? p.keep_top_k
                           : classes * (p.top_k == -1 ? priors : std::min<int64_t>(p.top_k, priors));
  c.output(DType::f32, {1, 1, images * room, 7}, {}, random_int(0, 3));
  return c;
}

TEST(DetectionOutput, EqualsTheNaiveLoop) {
  for (int round = 0; round < 300; ++round) {
    Tensor loc, conf, prior;
    auto c = random_case(loc, conf, prior);
    Tensor expected(DType::f32, c.out().dims);
    for (size_t i = 0; i < expected.size(); i += 7) expected.data<float>()[i] = -1;
    size_t row = 0;
    for (int64_t n = 0; n < loc.shape()[0]; ++n)
      for (const Hit& hit :
           detections(c.params, prior.shape()[2] / 4, loc.data<float>().data() + n * loc.shape()[1],
                      conf.data<float>().data() + n * conf.shape()[1],
                      prior.data<float>().data() + (prior.shape()[0] == 1 ? 0 : n * 2 * prior.shape()[2]))) {
        const float values[] = {static_cast<float>(n),
                                static_cast<float>(hit.label),
                                hit.score,
                                hit.box[0],
                                hit.box[1],
                                hit.box[2],
                                hit.box[3]};
        std::ranges::copy(values, expected.data<float>().begin() + static_cast<std::ptrdiff_t>(row++ * 7));
      }
    expect_same<float>(expected, c.run_everywhere(), fmt::format("round {}", round));
  }
}

TEST(DetectionOutput, RefusesWhatDoesNotFit) {
  const auto refuses = [](const char* why,
                          const std::function<void(StepCase<DetectionOutputParams>&)>& spoil) {
    Tensor loc, conf, prior;
    auto c = random_case(loc, conf, prior);
    EXPECT_NO_THROW(c.validate());
    spoil(c);
    c.expect_invalid(why);
  };
  refuses("no classes", [](auto& c) { c.params.classes = 0; });
  refuses("other classes", [](auto& c) { c.params.classes += 1; });
  refuses("code", [](auto& c) { c.params.code = static_cast<BoxCode>(3); });
  refuses("flag", [](auto& c) { c.params.clip = 2; });
  refuses("top_k", [](auto& c) { c.params.top_k = 0; });
  refuses("keep_top_k", [](auto& c) { c.params.keep_top_k = -2; });
  refuses("eta", [](auto& c) { c.params.eta = 0; });
  refuses("threshold", [](auto& c) { c.params.nms_threshold = NAN; });
  refuses("rows", [](auto& c) { c.out().dims[2] += 1; });
  refuses("columns", [](auto& c) { c.out().dims[3] = 8; });
  refuses("priors", [](auto& c) { c.in(2).dims[1] = 3; });
  refuses("element type", [](auto& c) { c.in(1).dtype = DType::i32; });
}

TEST(PsRoiPool, EqualsTheNaiveLoop) {
  for (int round = 0; round < 200; ++round) {
    StepCase<PsRoiPoolParams> c;
    c.params.spatial_scale = chance(50) ? 0.5f : random_float(0.05f, 2);
    const int64_t images = random_int(1, 3), group = random_int(1, 4), d = random_int(1, 3),
                  h = random_int(1, 9), w = random_int(1, 9), regions = random_int(1, 6);
    const Tensor x = random_tensor(DType::f32, {images, d * group * group, h, w});
    Tensor rois = random_tensor(DType::f32, {regions, 5}, 12.0f);
    for (int64_t r = 0; r < regions; ++r)
      rois.data<float>()[static_cast<size_t>(r * 5)] = static_cast<float>(random_int(-1, images));
    if (chance(20)) rois.data<float>()[static_cast<size_t>(random_int(0, regions * 5 - 1))] = any_float();
    const auto bound = [](float v, int64_t most) {
      return !(v > 0) ? 0 : v >= static_cast<float>(most) ? most : static_cast<int64_t>(v);
    };
    const auto bin = [&](float first, float last, int64_t b, int64_t most) {
      const float begin = std::round(first) * c.params.spatial_scale,
                  end = (std::round(last) + 1.0f) * c.params.spatial_scale;
      const float size = (end - begin > 0.1f ? end - begin : 0.1f) / static_cast<float>(group);
      return std::pair{bound(std::floor(static_cast<float>(b) * size + begin), most),
                       bound(std::ceil(static_cast<float>(b + 1) * size + begin), most)};
    };
    Tensor expected(DType::f32, {regions, d, group, group});
    for_each_index(expected.shape(), [&](const Shape& y) {
      const auto roi = rois.data<float>().subspan(static_cast<size_t>(y[0] * 5), 5);
      const int64_t image = std::min(bound(roi[0], images), images - 1);
      const auto [h0, h1] = bin(roi[2], roi[4], y[2], h);
      const auto [w0, w1] = bin(roi[1], roi[3], y[3], w);
      float sum = 0;
      for (int64_t i = h0; i < h1; ++i)
        for (int64_t j = w0; j < w1; ++j)
          sum += x.data<float>()[flat(x.shape(), {image, (y[1] * group + y[2]) * group + y[3], i, j})];
      expected.data<float>()[flat(expected.shape(), y)] =
          h1 > h0 && w1 > w0 ? sum / static_cast<float>((h1 - h0) * (w1 - w0)) : 0.0f;
    });
    c.input(x, {}, random_int(0, 3)), c.input(rois, {}, random_int(0, 3));
    c.output(DType::f32, expected.shape(), {}, random_int(0, 3));
    expect_same<float>(expected, c.run_everywhere(), fmt::format("round {}", round));
  }
}

TEST(PsRoiPool, RefusesWhatDoesNotFit) {
  const auto make = [](const Shape& x, const Shape& rois, const Shape& y, float scale = 1) {
    StepCase<PsRoiPoolParams> c;
    c.params.spatial_scale = scale;
    c.input(random_tensor(DType::f32, x)), c.input(random_tensor(DType::f32, rois)), c.output(DType::f32, y);
    return c;
  };
  EXPECT_NO_THROW(make({1, 8, 3, 3}, {4, 5}, {4, 2, 2, 2}).validate());
  make({1, 7, 3, 3}, {4, 5}, {4, 2, 2, 2}).expect_invalid("channels");
  make({1, 8, 3, 3}, {4, 6}, {4, 2, 2, 2}).expect_invalid("regions");
  make({1, 8, 3, 3}, {3, 5}, {4, 2, 2, 2}).expect_invalid("count");
  make({1, 8, 3, 3}, {4, 5}, {4, 1, 2, 4}).expect_invalid("not square");
  make({0, 8, 3, 3}, {4, 5}, {4, 2, 2, 2}).expect_invalid("no image");
  make({1, 8, 3, 3}, {4, 5}, {4, 2, 2, 2}, 0).expect_invalid("scale");
}

}  // namespace
}  // namespace openhb::test
