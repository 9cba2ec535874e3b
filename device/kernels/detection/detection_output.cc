// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/detection/detection_output.h"

#include <algorithm>
#include <vector>

#include "common/math/elementary.h"
#include "device/kernels/elementwise/checks.h"

namespace openhb::kernels {
namespace {

struct Box {
  float x1, y1, x2, y2;
};
struct Found {
  Box box;
  float score;
  int32_t label;
  bool kept;
};
struct Candidate {
  float score;
  int32_t prior;
};

constexpr int64_t kColumns = 7;

int64_t priors_of(const StepView& view) { return view.in(2).dims[2] / 4; }
int64_t classes_to_find(const DetectionOutputParams& p) {
  return p.classes - (p.background >= 0 && p.background < p.classes ? 1 : 0);
}
// Boxes of one class that can remain.
int64_t per_class(const DetectionOutputParams& p, int64_t priors) {
  return p.top_k == -1 ? priors : std::min<int64_t>(p.top_k, priors);
}

float exp_f32(float x) { return static_cast<float>(math::exp(static_cast<double>(x))); }

Box decode(const DetectionOutputParams& p, const float* prior, const float* variance, const float* l) {
  const Box b{prior[0], prior[1], prior[2], prior[3]};
  float d[4];
  for (int i = 0; i < 4; ++i) d[i] = p.variance_encoded != 0 ? l[i] : variance[i] * l[i];
  const float w = b.x2 - b.x1, h = b.y2 - b.y1;
  Box y{};
  switch (p.code) {
    case BoxCode::corner:
      y = {b.x1 + d[0], b.y1 + d[1], b.x2 + d[2], b.y2 + d[3]};
      break;
    case BoxCode::corner_size:
      y = {b.x1 + d[0] * w, b.y1 + d[1] * h, b.x2 + d[2] * w, b.y2 + d[3] * h};
      break;
    case BoxCode::center_size: {
      const float cx = d[0] * w + (b.x1 + b.x2) / 2.0f, cy = d[1] * h + (b.y1 + b.y2) / 2.0f;
      const float half_w = exp_f32(d[2]) * w / 2.0f, half_h = exp_f32(d[3]) * h / 2.0f;
      y = {cx - half_w, cy - half_h, cx + half_w, cy + half_h};
      break;
    }
  }
  if (p.clip == 0) return y;
  const auto unit = [](float v) { return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v; };
  return {unit(y.x1), unit(y.y1), unit(y.x2), unit(y.y2)};
}

float area(const Box& b) { return b.x2 < b.x1 || b.y2 < b.y1 ? 0.0f : (b.x2 - b.x1) * (b.y2 - b.y1); }

float overlap(const Box& a, const Box& b) {
  if (b.x1 > a.x2 || b.x2 < a.x1 || b.y1 > a.y2 || b.y2 < a.y1) return 0.0f;
  const float w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1),
              h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (!(w > 0.0f && h > 0.0f)) return 0.0f;
  const float both = w * h;
  return both / (area(a) + area(b) - both);
}

class DetectionRunner final : public Runner {
 public:
  DetectionRunner(const StepView& view, const DetectionOutputParams& params, const Binding& binding)
      : p_(params),
        images_(view.in(0).dims[0]),
        priors_(priors_of(view)),
        rows_(view.out().dims[2]),
        location_stride_(view.in(0).strides()[0]),
        score_stride_(view.in(1).strides()[0]),
        prior_stride_(view.in(2).dims[0] == 1 ? 0 : view.in(2).strides()[0]),
        variance_offset_(view.in(2).strides()[1]),
        y_stride_(view.out().strides()[2]),
        locations_(reinterpret_cast<const float*>(binding.inputs[0])),
        scores_(reinterpret_cast<const float*>(binding.inputs[1])),
        prior_boxes_(reinterpret_cast<const float*>(binding.inputs[2])),
        y_(reinterpret_cast<float*>(binding.outputs[0])) {
    // All memory that a run can need.
    boxes_.resize(static_cast<size_t>(priors_));
    candidates_.reserve(static_cast<size_t>(priors_));
    const int64_t most = classes_to_find(p_) * per_class(p_, priors_);
    found_.reserve(static_cast<size_t>(most));
    if (p_.keep_top_k != -1) order_.reserve(static_cast<size_t>(most));
  }

  void run(int part, int) noexcept override {
    if (part != 0) return;  // sorting is one piece of work
    int64_t row = 0;
    for (int64_t image = 0; image < images_; ++image) {
      found_.clear();
      for (int32_t label = 0; label < p_.classes; ++label) {
        if (p_.share_location == 0 || label == 0) decode_boxes(image, label);
        if (label != p_.background) find(image, label);
      }
      keep_best();
      for (const Found& f : found_)
        if (f.kept && row < rows_) write(row++, static_cast<float>(image), f);
    }
    for (; row < rows_; ++row) write(row, -1.0f, {{0, 0, 0, 0}, 0, 0, true});
  }

 private:
  void write(int64_t row, float image, const Found& f) const {
    const float values[kColumns] = {
        image, static_cast<float>(f.label), f.score, f.box.x1, f.box.y1, f.box.x2, f.box.y2};
    std::copy_n(values, kColumns, y_ + row * y_stride_);
  }

  void decode_boxes(int64_t image, int32_t label) {
    const int64_t sets = p_.share_location != 0 ? 1 : p_.classes;
    const float* locations = locations_ + image * location_stride_;
    const float* priors = prior_boxes_ + image * prior_stride_;
    for (int64_t i = 0; i < priors_; ++i)
      boxes_[static_cast<size_t>(i)] =
          decode(p_, priors + i * 4, priors + variance_offset_ + i * 4, locations + (i * sets + label) * 4);
  }

  // Candidates of one class in falling order of scores, without those that overlap a better one too much.
  void find(int64_t image, int32_t label) {
    const float* scores = scores_ + image * score_stride_ + label;
    candidates_.clear();
    for (int64_t i = 0; i < priors_; ++i)
      if (const float s = scores[i * p_.classes]; s > p_.confidence_threshold)
        candidates_.push_back({s, static_cast<int32_t>(i)});
    std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
      return a.score != b.score ? a.score > b.score : a.prior < b.prior;
    });
    const auto limit = static_cast<size_t>(per_class(p_, priors_));
    if (candidates_.size() > limit) candidates_.resize(limit);
    float threshold = p_.nms_threshold;
    const size_t first = found_.size();
    for (const Candidate& c : candidates_) {
      const Box& box = boxes_[static_cast<size_t>(c.prior)];
      bool keep = true;
      for (size_t i = first; keep && i < found_.size(); ++i) keep = overlap(box, found_[i].box) <= threshold;
      if (!keep) continue;
      found_.push_back({box, c.score, label, true});
      if (p_.eta < 1.0f && threshold > 0.5f) threshold *= p_.eta;
    }
  }

  // The best of all classes; of equal scores the ones found first.
  void keep_best() {
    if (p_.keep_top_k == -1 || found_.size() <= static_cast<size_t>(p_.keep_top_k)) return;
    order_.clear();
    for (size_t i = 0; i < found_.size(); ++i) order_.push_back(i);
    std::sort(order_.begin(), order_.end(), [this](size_t a, size_t b) {
      return found_[a].score != found_[b].score ? found_[a].score > found_[b].score : a < b;
    });
    for (size_t i = static_cast<size_t>(p_.keep_top_k); i < order_.size(); ++i)
      found_[order_[i]].kept = false;
  }

  DetectionOutputParams p_;
  int64_t images_, priors_, rows_, location_stride_, score_stride_, prior_stride_, variance_offset_,
      y_stride_;
  const float *locations_, *scores_, *prior_boxes_;
  float* y_;
  std::vector<Box> boxes_;
  std::vector<Candidate> candidates_;
  std::vector<Found> found_;
  std::vector<size_t> order_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<DetectionOutputParams>::validate(const StepView& view, const DetectionOutputParams& p) {
  check_tensors(view, 3);
  for (size_t i = 0; i < 3; ++i) check_dtype(view, view.in(i), DType::f32);
  check_dtype(view, view.out(), DType::f32);
  const Shape &loc = view.in(0).dims, &conf = view.in(1).dims, &prior = view.in(2).dims, &y = view.out().dims;
  view.require(loc.size() == 2 && conf.size() == 2 && prior.size() == 3 && y.size() == 4, "wrong ranks");
  view.require(p.classes >= 1 && loc[0] >= 1, "no classes or images");
  for (const int32_t flag : {p.share_location, p.variance_encoded, p.clip})
    view.require(flag == 0 || flag == 1, "a flag is neither 0 nor 1");
  view.require(p.code >= BoxCode::corner && p.code <= BoxCode::corner_size, "unknown code of boxes");
  view.require(p.top_k == -1 || p.top_k > 0, "top_k");
  view.require(p.keep_top_k == -1 || p.keep_top_k > 0, "keep_top_k");
  view.require(p.nms_threshold >= 0 && p.eta > 0 && p.eta <= 1, "thresholds");
  view.require(!std::isnan(p.confidence_threshold), "confidence threshold");
  const int64_t n = loc[0], priors = prior[2] / 4;
  view.require((prior[0] == 1 || prior[0] == n) && prior[1] == 2 && prior[2] % 4 == 0, "wrong prior boxes");
  view.require(priors <= std::numeric_limits<int32_t>::max(), "too many prior boxes");
  view.require(conf[0] == n && conf[1] == checked_mul(priors, p.classes), "wrong scores");
  view.require(loc[1] == checked_mul(priors * 4, p.share_location != 0 ? 1 : p.classes), "wrong locations");
  const int64_t most = checked_mul(classes_to_find(p), per_class(p, priors));
  view.require(y[0] == 1 && y[1] == 1 && y[3] == kColumns &&
                   y[2] == checked_mul(n, p.keep_top_k == -1 ? most : p.keep_top_k),
               "wrong output extents");
}

// Every pair of candidates may be compared.
Cost Kernel<DetectionOutputParams>::cost(const StepView& view, const DetectionOutputParams& p) {
  Cost cost = traffic(view);
  const int64_t k = per_class(p, priors_of(view)), n = view.in(0).dims[0];
  const int64_t pairs = saturating_mul(saturating_mul(n, classes_to_find(p)), saturating_mul(k, k));
  const int64_t boxes = view.in(1).elements();
  cost.macs = pairs > std::numeric_limits<int64_t>::max() - boxes ? pairs : pairs + boxes;
  return cost;
}

std::unique_ptr<Runner> Kernel<DetectionOutputParams>::bind(const StepView& view,
                                                            const DetectionOutputParams& params,
                                                            const Binding& binding) {
  return std::make_unique<DetectionRunner>(view, params, binding);
}

}  // namespace openhb
