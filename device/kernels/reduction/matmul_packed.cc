// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/matmul_packed.h"

#include <limits>

#include "device/kernels/conv/rows.h"
#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/isa_rows.h"
#include "device/kernels/reduction/matmul_loops.h"

namespace openhb::kernels {

OPENHB_LOOP_ROWS(MatMulPackLoops, kMatMulPackLoops)

RowWalk<3> matmul_walk(const StepView& view, int64_t block_rows, int64_t block_columns) {
  const TensorDesc &a = view.in(0), &b = view.in(1), &y = view.out();
  const TensorDesc* tensors[] = {&a, &b, &y};
  const size_t batch = y.rank() - 2;
  Shape dims(y.dims.begin(), y.dims.end() - 2);
  std::vector<std::array<int64_t, 3>> strides(batch);
  for (size_t k = 0; k < 3; ++k) {
    const Shape own = tensors[k]->strides();
    const size_t missing = y.rank() - tensors[k]->rank();
    for (size_t i = missing; i < batch; ++i)
      strides[i][k] = tensors[k]->dims[i - missing] == 1 ? 0 : own[i - missing];
  }
  dims.push_back(blocks_of(columns_of(y), block_columns) * blocks_of(rows_of(y), block_rows));
  strides.push_back({0, 0, 0});
  return RowWalk<3>(dims, strides, true);
}

namespace {

constexpr int64_t kBlock = 16;                           // columns that a kernel takes as one
constexpr int64_t kPanelBlocks = kMatMulPanel / kBlock;  // that are packed together at most
constexpr int64_t kPanelBytes = 512 * 1024;              // likewise: they should stay in a core's own cache
constexpr int64_t kMinRows = 5;                          // of float a; fewer do not pay for packing b
constexpr int64_t kMaxParts = 32;
constexpr int kRowSlots = 8;  // of run_rows, at least

int64_t panel_blocks(int64_t stride_bytes, int64_t n) {
  return std::clamp<int64_t>(kPanelBytes / std::max<int64_t>(stride_bytes, 1), 1,
                             std::min(kPanelBlocks, std::max<int64_t>(blocks_of(n, kBlock), 1)));
}

template <class T>
class PackedRunner final : public Runner {
  using Acc = std::conditional_t<std::is_same_v<T, float>, float, int32_t>;
  static constexpr bool kCodes = std::is_same_v<T, int8_t>;

 public:
  PackedRunner(const StepView& view, const Binding& binding)
      : row_(choose_row(conv::conv_rows(T{}), binding.cpu)),
        loops_(*choose_kMatMulPackLoops(binding.cpu).fn),
        m_(rows_of(view.out())),
        n_(columns_of(view.out())),
        k_(columns_of(view.in(0))),
        block_stride_(blocks_of(k_, kCodes ? 4 : 1) * (kCodes ? 4 : 1) * kBlock),
        panel_(kBlock * panel_blocks(block_stride_ * static_cast<int64_t>(sizeof(T)), n_)),
        walk_(matmul_walk(view, row_.fn.mr, panel_)),
        a_pitch_(view.in(0).pitch),
        b_pitch_(view.in(1).pitch),
        y_pitch_(view.out().pitch),
        b_turned_(is_transposed(view.in(1))),
        a_(reinterpret_cast<const T*>(binding.inputs[0])),
        b_(reinterpret_cast<const T*>(binding.inputs[1])),
        y_(reinterpret_cast<T*>(binding.outputs[0])) {
    const float infinity = std::numeric_limits<float>::infinity();
    stage_ = {-infinity, infinity, 0, false};
    if constexpr (kCodes) {
      const QuantParams &a = view.in(0).quant, &b = view.in(1).quant, &y = view.out().quant;
      za_ = a.zero_point(), zb_ = b.zero_point();
      const int32_t zy = y.zero_point();
      multiplier_.fill(a.scale() * b.scale() / y.scale());
      // The zero point of b makes a term per row, which the kernels do not have.
      stage_ = {static_cast<float>(-128 - zy), static_cast<float>(127 - zy), zy, zb_ != 0};
    }
    max_parts_ = static_cast<int>(std::clamp<int64_t>(walk_.elements, 1, kMaxParts));
    scratch_.resize(static_cast<size_t>(std::max(max_parts_, kRowSlots)));
    for (Scratch& s : scratch_) {
      const int64_t bytes = panel_ / kBlock * block_stride_ * static_cast<int64_t>(sizeof(T));
      s.lines = std::make_unique_for_overwrite<Line[]>(static_cast<size_t>(blocks_of(bytes, 64)));
      s.rows.resize(static_cast<size_t>(row_.fn.mr));
      if (stage_.raw)
        s.sums.resize(static_cast<size_t>(row_.fn.mr * panel_)), s.terms.resize(static_cast<size_t>(m_));
    }
  }

  int max_parts() const override { return max_parts_; }
  const char* row() const override { return row_.name; }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(walk_.elements, part, parts);
    const int64_t mr = row_.fn.mr, tiles = blocks_of(m_, mr);
    Scratch& s = scratch_[static_cast<size_t>(part)];
    walk_.for_rows(range.first, range.last, [&](const auto& at, int64_t count, int64_t first) {
      const int64_t end = first + count;
      const bool panels = first / tiles != (end - 1) / tiles;
      add_terms(a_ + at[0], panels ? Range{0, m_} : rows_of_tiles(first % tiles, (end - 1) % tiles + 1), s);
      // Rows run fastest: a panel is packed once.
      for (int64_t item = first, next = 0; item < end; item = next) {
        next = std::min((item / tiles + 1) * tiles, end);
        multiply(at, rows_of_tiles(item % tiles, (next - 1) % tiles + 1), item / tiles * panel_, s);
      }
    });
  }

  void run_rows(Range rows, int slot) noexcept override {
    Scratch& s = scratch_[static_cast<size_t>(slot)];
    const int64_t items = blocks_of(m_, row_.fn.mr) * blocks_of(n_, panel_);
    for (int64_t row = rows.first, next = 0; row < rows.last; row = next) {
      const int64_t matrix = row / m_;
      next = std::min((matrix + 1) * m_, rows.last);
      const Range own{row - matrix * m_, next - matrix * m_};
      walk_.for_rows(matrix * items, matrix * items + 1, [&](const auto& at, int64_t, int64_t) {
        add_terms(a_ + at[0], own, s);
        for (int64_t column = 0; column < n_; column += panel_) multiply(at, own, column, s);
      });
    }
  }
  int row_slots() const override { return static_cast<int>(scratch_.size()); }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  // Of one part.
  struct Scratch {
    std::unique_ptr<Line[]> lines;
    std::array<Acc, kPanelBlocks * kBlock> bias{};
    std::array<int32_t, kPanelBlocks * kBlock> sum128{};
    std::vector<const T*> rows;
    std::vector<int32_t> sums, terms;  // of a tile; -zb * sum a of each row
  };

  Range rows_of_tiles(int64_t first, int64_t last) const {
    return {first * row_.fn.mr, std::min(m_, last * row_.fn.mr)};
  }

  // -zb * sum of a for some rows. zb * sum a may wrap in damaged programs only.
  void add_terms(const T* a, Range rows, Scratch& s) const {
    if constexpr (kCodes) {
      if (!stage_.raw) return;
      int32_t* terms = s.terms.data();
      loops_.sum_rows(a + rows.first * a_pitch_, rows.last - rows.first, k_, a_pitch_, terms + rows.first);
      for (int64_t r = rows.first; r < rows.last; ++r) terms[r] *= -zb_;
    }
  }

  // Some rows of one panel of y.
  void multiply(const std::array<int64_t, 3>& at, Range rows, int64_t column, Scratch& s) const {
    const int64_t n = std::min(panel_, n_ - column);
    pack(b_ + at[1] + column * (b_turned_ ? b_pitch_ : 1), n, s);
    for (int64_t row = rows.first; row < rows.last; row += row_.fn.mr)
      tile(a_ + at[0], {row, std::min(row + row_.fn.mr, rows.last)}, y_ + at[2] + column, n, s);
  }

  void pack(const T* b, int64_t n, Scratch& s) const {
    const MatMulPanel<T> panel{b, k_, n, b_pitch_, block_stride_};
    T* lines = reinterpret_cast<T*>(s.lines.get());
    if constexpr (kCodes) {
      loops_.pack_i8[b_turned_](panel, lines, s.sum128.data());
      // sum (a - za)(b - zb) = sum ab - za * sum b - zb * sum a + k * za * zb; each sum fits in an int32, not
      // always the parts of it.
      for (size_t c = 0; c < s.bias.size(); ++c) {
        const auto sum = static_cast<uint32_t>(s.sum128[c]);
        s.bias[c] = static_cast<int32_t>(static_cast<uint32_t>(za_) *
                                         (static_cast<uint32_t>(k_) * static_cast<uint32_t>(zb_) - sum));
        s.sum128[c] = static_cast<int32_t>(sum * 128);
      }
    } else {
      loops_.pack_f32[b_turned_](panel, lines);
    }
  }

  // At most mr rows of the packed panel.
  void tile(const T* a, Range rows, T* y, int64_t n, Scratch& s) const {
    const int64_t row = rows.first;
    conv::ConvTile<T, Acc> t{};
    t.pixels = static_cast<int32_t>(rows.last - row);
    for (int64_t r = 0; r < t.pixels; ++r) s.rows[static_cast<size_t>(r)] = a + (row + r) * a_pitch_;
    t.rows = s.rows.data();
    t.weight_stride = block_stride_;
    t.taps = 1;
    t.channels = k_;
    t.y_pitch = stage_.raw ? panel_ * 4 : y_pitch_ * static_cast<int64_t>(sizeof(T));
    t.stage = stage_;
    y += row * y_pitch_;
    for (int64_t c = 0; c < n; c += row_.fn.nr * kBlock) {
      t.weights = reinterpret_cast<const T*>(s.lines.get()) + c / kBlock * block_stride_;
      t.bias = s.bias.data() + c;
      t.sum128 = s.sum128.data() + c;
      t.multiplier = multiplier_.data();
      t.outputs = static_cast<int32_t>(std::min(row_.fn.nr * kBlock, n - c));
      t.y = stage_.raw ? static_cast<void*>(s.sums.data() + c) : y + c;
      row_.fn.run(t);
    }
    if constexpr (kCodes)
      for (int64_t r = 0; stage_.raw && r < t.pixels; ++r)
        loops_.requantize(s.sums.data() + r * panel_, s.terms[static_cast<size_t>(row + r)], y + r * y_pitch_,
                          n, multiplier_[0], stage_.zero_point);
  }

  const KernelRow<conv::ConvKernel<T, Acc>>& row_;
  const MatMulPackLoops& loops_;
  int64_t m_, n_, k_, block_stride_, panel_;  // panel: columns packed together
  RowWalk<3> walk_;
  int64_t a_pitch_, b_pitch_, y_pitch_;
  bool b_turned_;
  const T *a_, *b_;
  T* y_;
  conv::OutputStage stage_{};
  int32_t za_ = 0, zb_ = 0;
  std::array<float, kPanelBlocks * kBlock> multiplier_{};
  int max_parts_ = 1;
  std::vector<Scratch> scratch_;
};

}  // namespace

bool packs_matmul(const StepView& view) {
  if (view.out().dtype != DType::f32) return view.out().dtype == DType::i8;
  return is_transposed(view.in(1)) ||
         (rows_of(view.out()) >= kMinRows && columns_of(view.in(0)) <= kMaxPackedDepth);
}

std::unique_ptr<Runner> bind_packed_matmul(const StepView& view, const Binding& binding) {
  if (!packs_matmul(view)) return nullptr;
  if (view.out().dtype == DType::i8) return std::make_unique<PackedRunner<int8_t>>(view, binding);
  return std::make_unique<PackedRunner<float>>(view, binding);
}

}  // namespace openhb::kernels
