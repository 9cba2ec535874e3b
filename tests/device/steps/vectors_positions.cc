// SPDX-License-Identifier: Apache-2.0
// Vectors of the steps that move or sample at computed positions.
#include <fmt/format.h>

#include "tests/device/steps/vector_maker.h"

namespace openhb::test {
namespace {

Tensor indices_below(Numbers& n, const Shape& shape, int32_t extent) {
  Tensor t(DType::i64, shape);
  for (int64_t& v : t.data<int64_t>()) v = n.integer(-extent, extent - 1);
  return t;
}

void add_indexing(Maker& m) {
  Numbers n(20);
  const Tensor x = n.tensor(DType::f32, {5, 6, 7});
  m.add("gather_elements", GatherElementsParams{1}, {{x, {}}, {indices_below(n, {5, 9, 7}, 6), {}}},
        DType::f32, {5, 9, 7});
  m.add("gather_nd", GatherNdParams{1}, {{x, {}}, {indices_below(n, {5, 3, 1}, 6), {}}}, DType::f32,
        {5, 3, 7});
  const char* names[] = {"none", "add", "mul", "max", "min"};
  for (int r = 0; r < 5; ++r) {
    const auto reduction = static_cast<ScatterReduction>(r);
    m.add(fmt::format("scatter_elements_{}", names[r]), ScatterElementsParams{1, reduction},
          {{x, {}}, {indices_below(n, {4, 8, 5}, 6), {}}, {n.tensor(DType::f32, {4, 8, 5}), {}}}, DType::f32,
          {5, 6, 7});
    m.add(fmt::format("scatter_nd_{}", names[r]), ScatterNdParams{reduction},
          {{x, {}}, {indices_below(n, {9, 2}, 5), {}}, {n.tensor(DType::f32, {9, 7}), {}}}, DType::f32,
          {5, 6, 7});
  }
  for (int32_t largest = 0; largest < 2; ++largest)
    m.add(fmt::format("top_k_{}", largest != 0 ? "largest" : "smallest"), TopKParams{1, largest},
          {{n.tensor(DType::i8, {5, 40, 3}), kX}}, DType::i64, {5, 9, 3});
  m.add("reverse_sequence", ReverseSequenceParams{1, 0},
        {{x, {}}, {Tensor::from<int64_t>({6}, std::vector<int64_t>{0, 1, 2, 3, 5, 9}), {}}}, DType::f32,
        {5, 6, 7});
  const Tensor boxes = n.tensor(DType::f32, {2, 30, 4}, 2.0f), scores = n.tensor(DType::f32, {2, 3, 30});
  for (int32_t centered = 0; centered < 2; ++centered)
    m.add(fmt::format("non_max_suppression_{}", centered != 0 ? "centers" : "corners"),
          NonMaxSuppressionParams{10, centered},
          {{boxes, {}},
           {scores, {}},
           {Tensor::from<float>({}, std::vector<float>{0.3f}), {}, true},
           {Tensor::from<float>({}, std::vector<float>{-1.0f}), {}, true}},
          DType::i64, {60, 3});
}

void add_sampling(Maker& m) {
  Numbers n(21);
  Tensor source(DType::i32, {4, 13});
  for (int32_t& v : source.data<int32_t>()) v = n.integer(0, 8);
  m.add(
      "resample", ResampleParams{1, 0},
      {{n.tensor(DType::f32, {3, 9, 5}), {}}, {source, {}, true}, {n.tensor(DType::f32, {4, 13}), {}, true}},
      DType::f32, {3, 13, 5});
  const char* modes[] = {"nearest", "linear", "cubic"};
  const char* paddings[] = {"zeros", "border", "reflection"};
  const Tensor picture = n.tensor(DType::f32, {1, 6, 7, 20}), codes = n.tensor(DType::i8, {1, 6, 7, 20});
  const Tensor grid = n.tensor(DType::f32, {1, 9, 8, 2}, 2.0f);
  for (int mode = 0; mode < 3; ++mode)
    for (int padding = 0; padding < 3; ++padding) {
      const GridSampleParams p{static_cast<SampleMode>(mode), static_cast<SamplePadding>(padding),
                               padding % 2};
      const std::string name = fmt::format("grid_sample_{}_{}", modes[mode], paddings[padding]);
      m.add(name + "_f32", p, {{picture, {}}, {grid, {}}}, DType::f32, {1, 9, 8, 20});
      if (mode < 2) m.add(name + "_i8", p, {{codes, kX}, {grid, {}}}, DType::i8, {1, 9, 8, 20}, kX);
    }
  const char* rois[] = {"align_average", "align_max", "pool"};
  for (int mode = 0; mode < 3; ++mode) {
    const RoiParams p{static_cast<RoiMode>(mode), 0.5f, 0, mode % 2};
    Tensor boxes(DType::f32, {5, mode == 2 ? 5 : 4});
    const size_t width = mode == 2 ? 5 : 4;
    for (size_t b = 0; b < 5; ++b)
      for (size_t k = 0; k < 4; ++k)  // two corners
        boxes.data<float>()[b * width + width - 4 + k] = k < 2 ? n.real(4) : 10 + n.real(6);
    std::vector<Operand> inputs{{picture, {}}, {boxes, {}}};
    if (mode < 2) inputs.push_back({Tensor(DType::i64, {5}), {}});
    m.add(fmt::format("roi_{}", rois[mode]), p, inputs, DType::f32, {5, 3, 2, 20});
  }
  const char* functions[] = {"max", "average", "sum", "position"};
  for (int f = 0; f < 4; ++f) {
    WindowPoolParams p;
    p.function = static_cast<WindowFunction>(f);
    p.kernel = {3, 2, 3}, p.stride = {2, 1, 2}, p.dilation = {1, 1, 1}, p.pads = {1, 0, 1, 1, 1, 0};
    const DType to = f == 3 ? DType::i64 : DType::f32;
    m.add(fmt::format("window_pool_{}", functions[f]), p, {{n.tensor(DType::f32, {1, 5, 6, 7, 18}), {}}}, to,
          {1, 3, 6, 3, 18});
  }
  DeformSampleParams deform;
  deform.kernel = {3, 2}, deform.pads = {1, 0, 1, 1}, deform.groups = 2, deform.offset_groups = 2;
  m.add("deform_sample", deform,
        {{n.tensor(DType::f32, {1, 6, 7, 8}), {}},
         {n.tensor(DType::f32, {1, 6, 7, 24}, 2.0f), {}},
         {n.tensor(DType::f32, {1, 6, 7, 12}), {}}},
        DType::f32, {2, 42, 24});
  m.add("det", DetParams{}, {{n.tensor(DType::f32, {20, 6, 6}), {}}}, DType::f32, {20});
}

}  // namespace

void add_positions(Maker& m) {
  add_indexing(m);
  add_sampling(m);
}

}  // namespace openhb::test
