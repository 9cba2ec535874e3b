// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/matmul.h"

#include <algorithm>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/reduction/matmul_loops.h"
#include "device/kernels/reduction/matmul_packed.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(MatMulLoops, kMatMulLoops)
OPENHB_LOOP_ROWS(MatMulIntegerLoops, kMatMulIntegerLoops)

namespace {

constexpr int64_t kBlockRows = kMatMulRows, kBlockColumns = kMatMulColumns;
// Longer int8 sums could leave int32: 255 * 255 * k < 2^31.
constexpr int64_t kMaxDepthInt8 = 33025;

// `Multiply` computes one block of elements T.
template <class T, class Multiply>
class MatMulRunner final : public Runner {
 public:
  MatMulRunner(const StepView& view, const Binding& binding, const char* name, Multiply multiply)
      : walk_(matmul_walk(view, kBlockRows, kBlockColumns)),
        m_(rows_of(view.out())),
        n_(columns_of(view.out())),
        k_(columns_of(view.in(0))),
        a_pitch_(view.in(0).pitch),
        b_pitch_(view.in(1).pitch),
        y_pitch_(view.out().pitch),
        a_(reinterpret_cast<const T*>(binding.inputs[0])),
        b_(reinterpret_cast<const T*>(binding.inputs[1])),
        y_(reinterpret_cast<T*>(binding.outputs[0])),
        name_(name),
        multiply_(multiply) {}

  int max_parts() const override {
    return parts_for(saturating_mul(walk_.elements * kBlockRows * kBlockColumns, k_), walk_.elements);
  }
  const char* row() const override { return name_; }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t count, int64_t first) {
      for (int64_t item = first; item < first + count; ++item) {
        // Rows run fastest: a panel of b stays in the cache.
        const int64_t row_blocks = blocks_of(m_, kBlockRows);
        const int64_t i = item % row_blocks * kBlockRows, j = item / row_blocks * kBlockColumns;
        multiply_(MatMulBlockOf<T>{a_ + at[0] + i * a_pitch_, b_ + at[1] + j, y_ + at[2] + i * y_pitch_ + j,
                                   std::min(kBlockRows, m_ - i), std::min(kBlockColumns, n_ - j), k_,
                                   a_pitch_, b_pitch_, y_pitch_});
      }
    });
  }

 private:
  RowWalk<3> walk_;
  int64_t m_, n_, k_, a_pitch_, b_pitch_, y_pitch_;
  const T *a_, *b_;
  T* y_;
  const char* name_;
  Multiply multiply_;
};

template <class T, class Multiply>
std::unique_ptr<Runner> make_runner(const StepView& view, const Binding& binding, const char* name,
                                    Multiply multiply) {
  return std::make_unique<MatMulRunner<T, Multiply>>(view, binding, name, multiply);
}

}  // namespace
}  // namespace openhb::kernels

namespace openhb {

using namespace kernels;

void Kernel<MatMulParams>::validate(const StepView& view, const MatMulParams&) {
  check_tensors(view, 2);
  const TensorDesc &a = view.in(0), &b = view.in(1), &y = view.out();
  constexpr DType kTypes[] = {DType::f32, DType::i8, DType::i32, DType::i64, DType::u32, DType::u64};
  view.require(std::ranges::find(kTypes, y.dtype) != std::end(kTypes), "element type without products");
  for (const TensorDesc* t : {&a, &b, &y}) {
    check_dtype(view, *t, y.dtype);
    view.require(t->rank() >= 2, "not a matrix");
    if (y.dtype == DType::i8) check_quant(view, *t);
  }
  view.require(y.dtype != DType::i8 || columns_of(a) <= kMaxDepthInt8, "the sums could overflow");
  view.require(y.rank() == std::max(a.rank(), b.rank()), "wrong output rank");
  const bool turned = is_transposed(b);
  view.require(columns_of(a) == (turned ? columns_of(b) : rows_of(b)) && rows_of(y) == rows_of(a) &&
                   columns_of(y) == (turned ? rows_of(b) : columns_of(b)),
               "extents do not fit together");
  for (const TensorDesc* t : {&a, &b, &y})
    for (size_t i = 0; i < t->order.size(); ++i) {
      const size_t logical = turned && t == &b && i + 2 >= t->rank() ? 2 * t->rank() - 3 - i : i;
      view.require(t->order.size() == t->rank() && t->order[i] == logical, "unexpected order of axes");
    }
  view.require(!turned || y.dtype == DType::i8 || (y.dtype == DType::f32 && columns_of(a) <= kMaxPackedDepth),
               "such an operand cannot be transposed");
  for (size_t i = 0; i + 2 < y.rank(); ++i) {
    const auto extent = [&](const TensorDesc& t) {
      return i + t.rank() < y.rank() ? 1 : t.dims[i + t.rank() - y.rank()];
    };
    const int64_t da = extent(a), db = extent(b);
    view.require((da == db || da == 1 || db == 1) && y.dims[i] == (da == 1 ? db : da),
                 "batches do not broadcast");
  }
}

Cost Kernel<MatMulParams>::cost(const StepView& view, const MatMulParams&) {
  return traffic(view, saturating_mul(view.out().elements(), columns_of(view.in(0))));
}

RowUse Kernel<MatMulParams>::row_use(const StepView& view, const MatMulParams&) {
  if (!packs_matmul(view)) return {};
  const TensorDesc& b = view.in(1);  // packed anew for every call
  const int64_t reread =
      saturating_mul(rows_of(b) * columns_of(b), static_cast<int64_t>(dtype_size(b.dtype)));
  return {num_rows(view.out()), num_rows(view.in(0)) == num_rows(view.out()) ? 1u : 0u, reread};
}

std::unique_ptr<Runner> Kernel<MatMulParams>::bind(const StepView& view, const MatMulParams&,
                                                   const Binding& binding) {
  if (auto packed = bind_packed_matmul(view, binding)) return packed;
  if (view.out().dtype == DType::f32) {
    const auto& row = choose_kMatMulLoops(binding.cpu);
    return make_runner<float>(view, binding, row.name, row.fn->block);
  }
  const auto& row = choose_kMatMulIntegerLoops(binding.cpu);
  if (dtype_size(view.out().dtype) == 4)
    return make_runner<uint32_t>(view, binding, row.name, row.fn->block_32);
  return make_runner<uint64_t>(view, binding, row.name, row.fn->block_64);
}

}  // namespace openhb
