// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "device/kernels/indexing/indexing.h"
#include "device/kernels/indexing/positions.h"

namespace openhb::kernels {
namespace {

struct Box {
  float x0, y0, x1, y1;
};

Box box_of(const float* b, bool centered) {
  if (centered) {
    const float w = b[2] / 2, h = b[3] / 2;
    return {b[0] - w, b[1] - h, b[0] + w, b[1] + h};
  }
  return {b[1] < b[3] ? b[1] : b[3], b[0] < b[2] ? b[0] : b[2], b[1] < b[3] ? b[3] : b[1],
          b[0] < b[2] ? b[2] : b[0]};
}

// Intersection over union above the limit; boxes without an area overlap nothing.
bool overlaps(const Box& a, const Box& b, float limit) {
  const float w = (a.x1 < b.x1 ? a.x1 : b.x1) - (a.x0 > b.x0 ? a.x0 : b.x0);
  const float h = (a.y1 < b.y1 ? a.y1 : b.y1) - (a.y0 > b.y0 ? a.y0 : b.y0);
  if (!(w > 0 && h > 0)) return false;
  const float common = w * h;
  const float area_a = (a.x1 - a.x0) * (a.y1 - a.y0), area_b = (b.x1 - b.x0) * (b.y1 - b.y0);
  const float both = area_a + area_b - common;
  if (!(area_a > 0 && area_b > 0 && both > 0)) return false;
  return common / both > limit;
}

class SuppressionRunner final : public Runner {
 public:
  SuppressionRunner(const StepView& view, const NonMaxSuppressionParams& p, const Binding& binding)
      : images_(view.in(1).dims[0]),
        classes_(view.in(1).dims[1]),
        boxes_(view.in(1).dims[2]),
        most_(std::min(p.max_boxes, boxes_)),
        box_pitch_(view.in(0).pitch),
        score_pitch_(view.in(1).pitch),
        y_pitch_(view.out().pitch),
        rows_(view.out().dims[0]),
        centered_(p.centered != 0),
        binding_boxes_(reinterpret_cast<const float*>(binding.inputs[0])),
        scores_(reinterpret_cast<const float*>(binding.inputs[1])),
        overlap_(reinterpret_cast<const float*>(binding.inputs[2])),
        threshold_(reinterpret_cast<const float*>(binding.inputs[3])),
        y_(reinterpret_cast<int64_t*>(binding.outputs[0])),
        candidates_(static_cast<size_t>(most_ > 0 ? boxes_ : 0)),
        kept_(static_cast<size_t>(most_)) {}

  // One part: how many rows a class has decides where the next one begins.
  void run(int part, int) noexcept override {
    if (part != 0) return;
    const float limit = *overlap_, threshold = *threshold_;
    int64_t row = 0;
    for (int64_t image = 0; image < images_; ++image)
      for (int64_t c = 0; c < classes_; ++c) {
        const int64_t n = select(image, scores_ + (image * classes_ + c) * score_pitch_, limit, threshold);
        for (int64_t i = 0; i < n; ++i, ++row) put(row, image, c, kept_[static_cast<size_t>(i)].index);
      }
    for (; row < rows_; ++row) put(row, -1, -1, -1);
  }

 private:
  struct Candidate {
    float score;
    int64_t index;
    bool operator<(const Candidate& other) const {
      return score != other.score ? score > other.score : index < other.index;
    }
  };
  struct Kept {
    Box box;
    int64_t index;
  };

  int64_t select(int64_t image, const float* scores, float limit, float threshold) {
    if (most_ <= 0) return 0;
    size_t count = 0;
    for (int64_t i = 0; i < boxes_; ++i)
      if (const float s = scores[i]; s > threshold) candidates_[count++] = {s, i};  // never NaN
    std::sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(count));
    size_t kept = 0;
    for (size_t k = 0; k < count && kept < kept_.size(); ++k) {
      const int64_t index = candidates_[k].index;
      const Box box = box_of(binding_boxes_ + (image * boxes_ + index) * box_pitch_, centered_);
      bool free = true;
      for (size_t i = 0; i < kept && free; ++i) free = !overlaps(kept_[i].box, box, limit);
      if (free) kept_[kept++] = {box, index};
    }
    return static_cast<int64_t>(kept);
  }
  void put(int64_t row, int64_t image, int64_t c, int64_t index) {
    int64_t* y = y_ + row * y_pitch_;
    y[0] = image, y[1] = c, y[2] = index;
  }

  int64_t images_, classes_, boxes_, most_, box_pitch_, score_pitch_, y_pitch_, rows_;
  bool centered_;
  const float *binding_boxes_, *scores_, *overlap_, *threshold_;
  int64_t* y_;
  std::vector<Candidate> candidates_;
  std::vector<Kept> kept_;
};

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<NonMaxSuppressionParams>::validate(const StepView& view, const NonMaxSuppressionParams& params) {
  check_tensors(view, 4);
  const TensorDesc &boxes = view.in(0), &scores = view.in(1), &y = view.out();
  for (size_t i = 0; i < 4; ++i) check_dtype(view, view.in(i), DType::f32);
  check_dtype(view, y, DType::i64);
  view.require(boxes.rank() == 3 && scores.rank() == 3 && boxes.dims[2] == 4, "wrong extents");
  view.require(boxes.dims[0] == scores.dims[0] && boxes.dims[1] == scores.dims[2], "boxes and scores differ");
  view.require(view.in(2).elements() == 1 && view.in(3).elements() == 1, "a threshold is not one number");
  view.require(params.max_boxes >= 0, "negative number of boxes");
  const int64_t rows =
      checked_mul(checked_mul(scores.dims[0], scores.dims[1]), std::min(params.max_boxes, scores.dims[2]));
  view.require(y.dims == Shape{rows, 3}, "wrong output extents");
  // Without classes nothing bounds the room that the boxes ask for.
  view.require(scores.elements() > 0 || scores.dims[2] <= (int64_t{1} << 24), "too many boxes");
}

Cost Kernel<NonMaxSuppressionParams>::cost(const StepView& view, const NonMaxSuppressionParams&) {
  return traffic(view);
}

std::unique_ptr<Runner> Kernel<NonMaxSuppressionParams>::bind(const StepView& view,
                                                              const NonMaxSuppressionParams& params,
                                                              const Binding& binding) {
  return std::make_unique<SuppressionRunner>(view, params, binding);
}

}  // namespace openhb
