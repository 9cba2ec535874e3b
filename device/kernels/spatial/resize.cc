// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/spatial/resize.h"

#include <cstring>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/spatial/resize_loops.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(ResizeLoops, kResizeLoops)

namespace {

// What both modes share: the output as N * Ho rows.
struct Geometry {
  int64_t images, in_rows, in_columns, rows, columns, channels, x_pitch, y_pitch;

  explicit Geometry(const StepView& view)
      : images(view.out().dims[0]),
        in_rows(view.in(0).dims[1]),
        in_columns(view.in(0).dims[2]),
        rows(view.out().dims[1]),
        columns(view.out().dims[2]),
        channels(view.out().dims[3]),
        x_pitch(view.in(0).pitch),
        y_pitch(view.out().pitch) {}
  bool empty() const { return columns == 0 || channels == 0; }
  int parts() const { return parts_for(images * rows * columns * channels, images * rows); }
  // Elements before row `row` of an image.
  int64_t x_row(int64_t image, int64_t row) const { return (image * in_rows + row) * in_columns * x_pitch; }
  int64_t y_row(int64_t flat_row) const { return flat_row * columns * y_pitch; }
};

using PixelCopy = void (*)(const std::byte* x, std::byte* y, const int32_t* columns, int64_t n,
                           int64_t x_step, int64_t y_step, size_t bytes);

// Size 0: `bytes`, known at run time. Tensors of damaged files may overlap: memmove, which is as fast.
template <size_t Size>
void copy_pixels(const std::byte* x, std::byte* y, const int32_t* columns, int64_t n, int64_t x_step,
                 int64_t y_step, size_t bytes) {
  for (int64_t j = 0; j < n; ++j)
    std::memmove(y + j * y_step, x + columns[j] * x_step, Size == 0 ? bytes : Size);
}
PixelCopy choose_pixel_copy(size_t bytes) {
  constexpr std::pair<size_t, PixelCopy> kCopies[] = {
      {1, copy_pixels<1>},   {2, copy_pixels<2>},   {3, copy_pixels<3>},
      {4, copy_pixels<4>},   {8, copy_pixels<8>},   {12, copy_pixels<12>},
      {16, copy_pixels<16>}, {32, copy_pixels<32>}, {64, copy_pixels<64>}};
  for (const auto& [size, copy] : kCopies)
    if (size == bytes) return copy;
  return copy_pixels<0>;
}

class NearestRunner final : public Runner {
 public:
  NearestRunner(const StepView& view, const Binding& binding)
      : g_(view),
        size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        x_(binding.inputs[0]),
        rows_(reinterpret_cast<const int32_t*>(binding.inputs[1])),
        columns_(reinterpret_cast<const int32_t*>(binding.inputs[2])),
        y_(binding.outputs[0]),
        copy_(choose_pixel_copy(static_cast<size_t>(g_.channels * size_))) {}

  int max_parts() const override { return g_.parts(); }

  void run(int part, int parts) noexcept override {
    if (g_.empty()) return;
    const Range range = split_range(g_.images * g_.rows, part, parts);
    for (int64_t row = range.first; row < range.last; ++row) {
      const std::byte* x = x_ + g_.x_row(row / g_.rows, rows_[row % g_.rows]) * size_;
      copy_(x, y_ + g_.y_row(row) * size_, columns_, g_.columns, g_.x_pitch * size_, g_.y_pitch * size_,
            static_cast<size_t>(g_.channels * size_));
    }
  }

 private:
  Geometry g_;
  int64_t size_;
  const std::byte* x_;
  const int32_t *rows_, *columns_;
  std::byte* y_;
  PixelCopy copy_;
};

class LinearRunner final : public Runner {
 public:
  LinearRunner(const StepView& view, const Binding& binding)
      : g_(view),
        dtype_(view.out().dtype),
        quant_{view.in(0).quant.scale(), view.out().quant.scale(), view.in(0).quant.zero_point(),
               view.out().quant.zero_point()},
        x_(binding.inputs[0]),
        rows_(reinterpret_cast<const int32_t*>(binding.inputs[1])),
        columns_(reinterpret_cast<const int32_t*>(binding.inputs[3])),
        row_weights_(reinterpret_cast<const float*>(binding.inputs[2])),
        column_weights_(reinterpret_cast<const float*>(binding.inputs[4])),
        y_(binding.outputs[0]),
        loops_(choose_kResizeLoops(binding.cpu)) {}

  int max_parts() const override { return g_.parts(); }
  const char* row() const override { return loops_.name; }

  void run(int part, int parts) noexcept override {
    if (g_.empty()) return;
    const Range range = split_range(g_.images * g_.rows, part, parts);
    for (int64_t row = range.first; row < range.last; ++row) {
      const int64_t image = row / g_.rows, at = row % g_.rows;
      const int64_t lower = g_.x_row(image, rows_[at]), upper = g_.x_row(image, rows_[g_.rows + at]);
      const ResizeRow r{g_.columns,
                        g_.channels,
                        g_.x_pitch,
                        g_.y_pitch,
                        columns_,
                        column_weights_,
                        {row_weights_[at], row_weights_[g_.rows + at]}};
      if (dtype_ == DType::i16) {
        const auto* x = reinterpret_cast<const int16_t*>(x_);
        loops_.fn->linear_i16(x + lower, x + upper, reinterpret_cast<int16_t*>(y_) + g_.y_row(row), r,
                              quant_);
      } else if (dtype_ == DType::i8) {
        const auto* x = reinterpret_cast<const int8_t*>(x_);
        loops_.fn->linear_i8(x + lower, x + upper, reinterpret_cast<int8_t*>(y_) + g_.y_row(row), r, quant_);
      } else {
        const auto* x = reinterpret_cast<const float*>(x_);
        loops_.fn->linear_f32(x + lower, x + upper, reinterpret_cast<float*>(y_) + g_.y_row(row), r);
      }
    }
  }

 private:
  Geometry g_;
  DType dtype_;
  ResizeQuant quant_;
  const std::byte* x_;
  const int32_t *rows_, *columns_;
  const float *row_weights_, *column_weights_;
  std::byte* y_;
  KernelRow<const ResizeLoops*> loops_;
};

// A constant index table whose entries lie in [0, limit).
void check_indices(const StepView& view, size_t input, const Shape& dims, int64_t limit) {
  check_table(view, input, DType::i32, dims);
  for (const int32_t i : view.constant<int32_t>(input))
    view.require(i >= 0 && i < limit, "index outside the image");
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<ResizeParams>::validate(const StepView& view, const ResizeParams& params) {
  const bool linear = params.mode == ResizeMode::linear;
  view.require(linear || params.mode == ResizeMode::nearest, "unknown mode");
  check_tensors(view, linear ? 5 : 3);
  const TensorDesc &x = view.in(0), &y = view.out();
  check_dtype(view, x, y.dtype);
  view.require(x.rank() == 4 && y.rank() == 4, "tensors are not 4-D");
  view.require(x.dims[0] == y.dims[0] && x.dims[3] == y.dims[3], "extents differ");
  if (!linear) {
    check_indices(view, 1, {y.dims[1]}, x.dims[1]);
    check_indices(view, 2, {y.dims[2]}, x.dims[2]);
    return;
  }
  check_indices(view, 1, {2, y.dims[1]}, x.dims[1]);
  check_table(view, 2, DType::f32, {2, y.dims[1]});
  check_indices(view, 3, {2, y.dims[2]}, x.dims[2]);
  check_table(view, 4, DType::f32, {2, y.dims[2]});
  view.require(x.dtype == DType::f32 || x.dtype == DType::i8 || x.dtype == DType::i16, "wrong element type");
  if (x.dtype != DType::f32) {
    check_quant(view, x);
    check_quant(view, y);
  }
}

Cost Kernel<ResizeParams>::cost(const StepView& view, const ResizeParams&) { return traffic(view); }

std::unique_ptr<Runner> Kernel<ResizeParams>::bind(const StepView& view, const ResizeParams& params,
                                                   const Binding& binding) {
  if (params.mode == ResizeMode::nearest) return std::make_unique<NearestRunner>(view, binding);
  return std::make_unique<LinearRunner>(view, binding);
}

}  // namespace openhb
