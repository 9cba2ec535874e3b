// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/reduction/reduce_integer.h"

#include <limits>

#include "device/kernels/elementwise/checks.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/reduce_split.h"

namespace openhb::kernels {
namespace {

using enum ReduceFunction;

constexpr int64_t kWidth = 64;  // results computed side by side

// What turns totals into results.
struct Finish {
  int64_t count;
  float multiplier;        // int8 sum and mean
  double wide_multiplier;  // int16 sum and mean
  int32_t zx, zy;
};

// Integers fold modulo 2^64, which leaves the right low bits for every type; codes in int32.
template <class T>
using Total = std::conditional_t<sizeof(T) == 1, int32_t, uint64_t>;

// sat(rne(total * multiplier) + zero) in binary64.
template <class Y>
Y wide_code(int64_t total, double multiplier, int32_t zero) {
  const double least = std::numeric_limits<Y>::min() - zero, most = std::numeric_limits<Y>::max() - zero;
  double v = static_cast<double>(total) * multiplier;
  v = v > least ? v : least;
  v = v < most ? v : most;
  v += 0x1.8p52;  // rounds, and leaves the integer in the low bits
  return static_cast<Y>(static_cast<int32_t>(__builtin_bit_cast(int64_t, v)) + zero);
}

// Y: type of the results.
template <class T, ReduceFunction F, class Y = T>
struct Folding {
  using A = Total<T>;
  static A start() {
    if (F == ReduceFunction::max) return static_cast<A>(std::numeric_limits<T>::lowest());
    if (F == ReduceFunction::min) return static_cast<A>(std::numeric_limits<T>::max());
    return F == prod ? 1 : 0;
  }
  static A join(A total, T v) {
    const A x = static_cast<A>(v);
    if constexpr (F == ReduceFunction::max) return static_cast<T>(total) > v ? total : x;
    if constexpr (F == ReduceFunction::min) return static_cast<T>(total) < v ? total : x;
    if constexpr (F == prod) return total * x;
    if constexpr (F == l1) return total + (v < 0 ? A{0} - x : x);
    if constexpr (F == sum_square) return total + x * x;
    return total + x;
  }
  static Y finish(A total, const Finish& f) {
    if constexpr (std::is_same_v<T, int16_t> && (F == sum || F == mean)) {
      return wide_code<Y>(static_cast<int64_t>(total), f.wide_multiplier, f.zy);
    } else if constexpr (std::is_same_v<T, int8_t> && (F == sum || F == mean)) {
      const auto centred = static_cast<float>(total - static_cast<int32_t>(f.count) * f.zx);
      return quantize_code(centred * f.multiplier, f.zy);
    } else if constexpr (F == mean) {
      if (f.count == 0) return 0;
      if constexpr (std::is_signed_v<T>) return static_cast<T>(static_cast<int64_t>(total) / f.count);
      return static_cast<T>(total / static_cast<uint64_t>(f.count));
    } else {
      return static_cast<T>(total);
    }
  }
};

// The loops over `width` neighbouring results; totals are Total<T> [kWidth].
struct Loops {
  void (*start)(void* totals);
  // n elements of each, `stride` apart.
  void (*run)(void* totals, const std::byte* x, int64_t width, int64_t n, int64_t stride);
  void (*finish)(const void* totals, std::byte* y, int64_t width, const Finish& f);
};

template <class T, ReduceFunction F, class Y = T>
constexpr Loops loops_for() {
  using Fold = Folding<T, F, Y>;
  using A = Total<T>;
  return {[](void* totals) { std::fill_n(static_cast<A*>(totals), kWidth, Fold::start()); },
          [](void* totals_bytes, const std::byte* bytes, int64_t width, int64_t n, int64_t stride) {
            A* totals = static_cast<A*>(totals_bytes);
            const T* x = reinterpret_cast<const T*>(bytes);
            if (width == 1) {
              A total = totals[0];
              for (int64_t i = 0; i < n; ++i) total = Fold::join(total, x[i * stride]);
              totals[0] = total;
              return;
            }
            for (int64_t i = 0; i < n; ++i)
              for (int64_t c = 0; c < width; ++c) totals[c] = Fold::join(totals[c], x[i * stride + c]);
          },
          [](const void* totals_bytes, std::byte* bytes, int64_t width, const Finish& f) {
            const A* totals = static_cast<const A*>(totals_bytes);
            Y* y = reinterpret_cast<Y*>(bytes);
            for (int64_t c = 0; c < width; ++c) y[c] = Fold::finish(totals[c], f);
          }};
}

// By function; l2 is not a function of integers.
template <class T>
const Loops* integer_loops(ReduceFunction f) {
  static constexpr Loops kLoops[] = {loops_for<T, sum>(),
                                     loops_for<T, mean>(),
                                     loops_for<T, ReduceFunction::max>(),
                                     loops_for<T, ReduceFunction::min>(),
                                     loops_for<T, prod>(),
                                     loops_for<T, l1>(),
                                     {},
                                     loops_for<T, sum_square>()};
  const Loops* loops = &kLoops[static_cast<size_t>(f)];
  return loops->run ? loops : nullptr;
}
const Loops* code_loops(ReduceFunction f) {
  static constexpr Loops kLoops[] = {loops_for<int8_t, sum>(), loops_for<int8_t, mean>(),
                                     loops_for<int8_t, ReduceFunction::max>(),
                                     loops_for<int8_t, ReduceFunction::min>()};
  return f <= ReduceFunction::min ? &kLoops[static_cast<size_t>(f)] : nullptr;
}

const Loops* int16_loops(ReduceFunction f, DType to) {
  static constexpr Loops kLoops[] = {loops_for<int16_t, sum>(), loops_for<int16_t, mean>(),
                                     loops_for<int16_t, ReduceFunction::max>(),
                                     loops_for<int16_t, ReduceFunction::min>()};
  static constexpr Loops kToInt8[] = {loops_for<int16_t, sum, int8_t>(), loops_for<int16_t, mean, int8_t>()};
  if (to == DType::i16) return f <= ReduceFunction::min ? &kLoops[static_cast<size_t>(f)] : nullptr;
  return to == DType::i8 && f <= mean ? &kToInt8[static_cast<size_t>(f)] : nullptr;
}

const Loops* find_loops(DType dtype, ReduceFunction f, DType to) {
  if (dtype == DType::i16) return int16_loops(f, to);
  if (dtype != to) return nullptr;
  switch (dtype) {
    case DType::i8:
      return code_loops(f);
    case DType::i32:
      return integer_loops<int32_t>(f);
    case DType::i64:
      return integer_loops<int64_t>(f);
    case DType::u64:
      return integer_loops<uint64_t>(f);
    default:
      return nullptr;
  }
}

class IntegerReduceRunner final : public Runner {
 public:
  IntegerReduceRunner(const StepView& view, const ReduceParams& params, const Binding& binding)
      : IntegerReduceRunner(view, Split(view, params), params, binding) {}

  int max_parts() const override {
    return parts_for(saturating_mul(kept_.elements, finish_.count), kept_.elements);
  }

  void run(int part, int parts) noexcept override {
    const Range range = split_range(kept_.elements, part, parts);
    // Neighbouring results read neighbouring elements, unless the reduced run itself is dense.
    const int64_t block = runs_.stride == 1 ? 1 : kWidth;
    kept_.for_rows(range.first, range.last, [&](const auto& at, int64_t n, int64_t) {
      for (int64_t i = 0; i < n; i += block) reduce(at[0] + i, at[1] + i, std::min(block, n - i));
    });
  }

 private:
  IntegerReduceRunner(const StepView& view, const Split& split, const ReduceParams& params,
                      const Binding& binding)
      : kept_(split.kept_dims, split.kept_strides),
        runs_(Runs::make(split.reduced_dims, split.reduced_strides)),
        x_(binding.inputs[0]),
        y_(binding.outputs[0]),
        x_size_(static_cast<int64_t>(dtype_size(view.in(0).dtype))),
        y_size_(static_cast<int64_t>(dtype_size(view.out().dtype))),
        loops_(*find_loops(view.in(0).dtype, params.function, view.out().dtype)) {
    const QuantParams &x = view.in(0).quant, &y = view.out().quant;
    const int64_t count = num_elements(split.reduced_dims);
    const float divisor = params.function == mean ? y.scale() * static_cast<float>(count) : y.scale();
    const double wide_divisor =
        static_cast<double>(y.scale()) * (params.function == mean ? static_cast<double>(count) : 1.0);
    finish_ = {count, x.scale() / divisor, static_cast<double>(x.scale()) / wide_divisor, x.zero_point(),
               y.zero_point()};
  }

  void reduce(int64_t from, int64_t to, int64_t width) const {
    uint64_t totals[kWidth];
    loops_.start(totals);
    if (finish_.count > 0)
      runs_.for_runs([&](int64_t at) {
        loops_.run(totals, x_ + (from + at) * x_size_, width, runs_.length, runs_.stride);
      });
    loops_.finish(totals, y_ + to * y_size_, width, finish_);
  }

  RowWalk<2> kept_;
  Runs runs_;
  const std::byte* x_;
  std::byte* y_;
  int64_t x_size_, y_size_;
  const Loops& loops_;
  Finish finish_{};
};

}  // namespace

bool reduces_integers(DType from, ReduceFunction function, DType to) {
  return find_loops(from, function, to) != nullptr;
}

std::unique_ptr<Runner> bind_integer_reduce(const StepView& view, const ReduceParams& params,
                                            const Binding& binding) {
  return std::make_unique<IntegerReduceRunner>(view, params, binding);
}

}  // namespace openhb::kernels
