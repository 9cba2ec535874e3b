// SPDX-License-Identifier: Apache-2.0
#include "host/verify/compare/difference.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/math/half.h"

namespace openhb::verify {
namespace {

constexpr size_t kBlock = 512;  // elements that are taken at a time
constexpr size_t kLanes = 8;    // element k goes to partial sum k % kLanes, whatever the processor's width
static_assert(kBlock % kLanes == 0);
using Values = std::array<double, kBlock>;

// One side: elements that can be read as real numbers.
struct Source {
  DType dtype;
  std::span<const std::byte> bytes;
  const QuantParams* quant;
  size_t inner = 1;  // neighbours that share a scale

  size_t size() const { return bytes.size() / dtype_size(dtype); }
  bool codes() const { return !quant->empty(); }
  bool wide() const { return dtype == DType::i64 || dtype == DType::u64; }
  // All values are float32 numbers.
  bool is_float() const { return codes() || dtype == DType::f32 || dtype == DType::f16; }
};

Source source_of(const Tensor& tensor, const QuantParams& quant) {
  Source source{tensor.dtype(), tensor.bytes(), &quant};
  const size_t scales = quant.scales.size();
  const bool has_axis = quant.axis >= 0 && static_cast<size_t>(quant.axis) < tensor.rank();
  if ((scales > 1 &&
       (!has_axis || static_cast<int64_t>(scales) != tensor.shape()[static_cast<size_t>(quant.axis)])) ||
      (!quant.zero_points.empty() && quant.zero_points.size() != scales))
    fail(ErrorCode::data_bad_value,
         "{} scales and {} zero points on axis {} do not fit a tensor of shape {}; one is needed, or one per "
         "index of the axis",
         scales, quant.zero_points.size(), quant.axis, to_string(tensor.shape()));
  if (scales > 1)
    for (size_t k = static_cast<size_t>(quant.axis) + 1; k < tensor.rank(); ++k)
      source.inner *= static_cast<size_t>(tensor.shape()[k]);
  return source;
}

// Calls fn with a pointer to the elements in their own type (bool as bytes, binary16 as uint16_t).
template <class Fn>
void visit(const Source& s, Fn fn) {
  const auto call = [&]<class T>(T) { fn(reinterpret_cast<const T*>(s.bytes.data())); };
  switch (s.dtype) {
    case DType::f32:
      return call(0.0f);
    case DType::f64:
      return call(0.0);
    case DType::i8:
      return call(int8_t{});
    case DType::i16:
      return call(int16_t{});
    case DType::i32:
      return call(int32_t{});
    case DType::i64:
      return call(int64_t{});
    case DType::u16:
    case DType::f16:
      return call(uint16_t{});
    case DType::u32:
      return call(uint32_t{});
    case DType::u64:
      return call(uint64_t{});
    case DType::u8:
    case DType::boolean:
      return call(uint8_t{});
  }
}

// Codes in `values` become what they stand for, as the engine dequantizes: float(q - z) * s in float32.
void dequantize(const Source& s, size_t at, size_t n, Values& values) {
  const QuantParams& q = *s.quant;
  const bool one = q.scales.size() == 1;
  for (size_t i = 0; i < n;) {
    const size_t element = at + i;
    const size_t c = one ? 0 : element / s.inner % q.scales.size();
    const size_t end = one ? n : std::min(n, i + s.inner - element % s.inner);
    const double zero_point = q.zero_points.empty() ? 0 : q.zero_points[c];
    for (; i < end; ++i)
      values[i] = static_cast<double>(static_cast<float>(values[i] - zero_point) * q.scales[c]);
  }
}

void load(const Source& s, size_t at, size_t n, Values& values) {
  if (s.dtype == DType::f16) {
    const auto* from = reinterpret_cast<const uint16_t*>(s.bytes.data()) + at;
    for (size_t i = 0; i < n; ++i) values[i] = static_cast<double>(math::half_to_float(from[i]));
  } else {
    visit(s, [&](const auto* from) {
      for (size_t i = 0; i < n; ++i) values[i] = static_cast<double>(from[at + i]);
    });
  }
  if (s.codes()) dequantize(s, at, n, values);
}

// a - b without the rounding that double would bring to elements of 64 bits.
void exact_gaps(const Source& a, const Source& b, size_t at, size_t n, Values& gaps) {
  visit(a, [&]<class T>(const T* x) {
    if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
      const auto* y = reinterpret_cast<const T*>(b.bytes.data());
      for (size_t i = at; i < at + n; ++i) {
        const auto p = static_cast<uint64_t>(x[i]), q = static_cast<uint64_t>(y[i]);
        gaps[i - at] = x[i] < y[i] ? -static_cast<double>(q - p) : static_cast<double>(p - q);
      }
    }
  });
}

// float32 numbers in their order, -0 before 0.
int64_t place(double value) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  const auto magnitude = static_cast<int64_t>(bits & 0x7fffffff);
  return bits >> 31 ? -magnitude - 1 : magnitude;
}

size_t ulp_bin(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b) ? 0 : kUlpBins - 1;
  const int64_t steps = place(a) - place(b);
  return static_cast<size_t>(std::bit_width(static_cast<uint64_t>(steps < 0 ? -steps : steps)));
}

double tolerance(int digits) {
  const std::string text = fmt::format("1e{}", -digits);  // exactly rounded, which pow() need not be
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Comparison {
 public:
  Comparison(const Source& a, const Source& b, int digits) : a_(a), b_(b), tolerance_(tolerance(digits)) {
    same_kind_ = a.dtype == b.dtype && *a.quant == *b.quant && a.inner == b.inner;
    both_float_ = a.is_float() && b.is_float();
    common_ = std::min(a.size(), b.size());
    result_.total = std::max(a.size(), b.size());
    result_.line_miss = result_.total - common_;
    if (a.dtype == DType::f64) scale_a_ = choose_scale(a);
    if (b.dtype == DType::f64) scale_b_ = choose_scale(b);
    scale_d_ = std::min(scale_a_, scale_b_);
    for (size_t at = 0; at < common_; at += kBlock) block(at, std::min(kBlock, common_ - at));
    finish();
  }
  const Difference& result() const { return result_; }

 private:
  // Squares of doubles may overflow or vanish: then sums are of values times a power of two.
  double choose_scale(const Source& s) {
    double largest = 0;
    for (size_t at = 0; at < common_; at += kBlock) {
      const size_t n = std::min(kBlock, common_ - at);
      load(s, at, n, x_);
      for (size_t i = 0; i < n; ++i)
        if (std::isfinite(x_[i])) largest = std::max(largest, std::abs(x_[i]));
    }
    constexpr int kHarmless = 200, kMost = 1000;
    const int exponent = largest > 0 ? std::ilogb(largest) : 0;
    return std::abs(exponent) > kHarmless ? std::ldexp(1.0, -std::clamp(exponent, -kMost, kMost)) : 1;
  }

  void block(size_t at, size_t n) {
    load(a_, at, n, x_);
    load(b_, at, n, y_);
    const bool same = count_bits(at, n);
    constexpr double kLargest = std::numeric_limits<double>::max();
    int finite = 0;
    for (size_t i = 0; i < n; ++i)
      finite += (std::abs(x_[i]) <= kLargest ? 1 : 0) + (std::abs(y_[i]) <= kLargest ? 1 : 0);
    finite_ += n;
    if (finite != static_cast<int>(2 * n)) leave_out(n);
    for (size_t i = n; i < kBlock; ++i) x_[i] = y_[i] = 0;
    for (size_t i = 0; i < kBlock; i += kLanes)
      for (size_t l = 0; l < kLanes; ++l) {
        const double a = x_[i + l] * scale_a_, b = y_[i + l] * scale_b_;
        aa_[l] += a * a;
        bb_[l] += b * b;
        ab_[l] += a * b;
      }
    if (!same) distances(at, n);
  }

  // Whether all bits (of other types: numbers) are equal; any NaN is as good as another.
  bool count_bits(size_t at, size_t n) {
    const size_t size = dtype_size(a_.dtype);
    if (same_kind_ && std::memcmp(&a_.bytes[at * size], &b_.bytes[at * size], n * size) == 0) {
      if (both_float_) result_.ulp[0] += n;
      return true;
    }
    const uint64_t before = result_.bits_differ;
    for (size_t i = 0; i < n; ++i) {
      bool differ = false;
      if (std::isnan(x_[i]) && std::isnan(y_[i]))
        differ = false;  // which NaN is the one thing that docs/numerics.md leaves open
      else if (same_kind_)
        differ = std::memcmp(&a_.bytes[(at + i) * size], &b_.bytes[(at + i) * size], size) != 0;
      else if (both_float_)
        differ = std::bit_cast<uint64_t>(x_[i]) != std::bit_cast<uint64_t>(y_[i]);
      else
        differ = x_[i] != y_[i];
      if (both_float_) ++result_.ulp[differ ? ulp_bin(x_[i], y_[i]) : 0];
      if (!differ) continue;
      if (++result_.bits_differ > 1) continue;
      result_.first = static_cast<int64_t>(at + i);
      result_.first_a = x_[i], result_.first_b = y_[i];
    }
    return before == result_.bits_differ;
  }

  // Sums and distances are of the pairs of finite numbers: all others become 0.
  void leave_out(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      const double a = x_[i], b = y_[i];
      if (std::isfinite(a) && std::isfinite(b)) continue;
      if (a != b && !(std::isnan(a) && std::isnan(b))) ++result_.line_nan;
      x_[i] = y_[i] = 0;
      --finite_;
    }
  }

  void distances(size_t at, size_t n) {
    if (same_kind_ && a_.wide() && !a_.codes())
      exact_gaps(a_, b_, at, n, gaps_);
    else
      for (size_t i = 0; i < n; ++i) gaps_[i] = x_[i] - y_[i];
    for (size_t i = n; i < kBlock; ++i) gaps_[i] = 0;
    for (size_t i = 0; i < kBlock; i += kLanes)
      for (size_t l = 0; l < kLanes; ++l) {
        const double d = gaps_[i + l] * scale_d_;
        dd_[l] += d * d;
      }
    double largest = 0, relative = 0;
    uint64_t beyond = 0;
    for (size_t i = 0; i < n; ++i) {
      const double gap = std::abs(gaps_[i]);
      const double size = std::max(std::abs(x_[i]), std::abs(y_[i]));
      largest = std::max(largest, gap);
      relative = std::max(relative, gap / (size > 0 ? size : 1));
      beyond += gap > tolerance_ ? 1 : 0;
    }
    result_.line_diff += beyond;
    result_.max_relative = std::max(result_.max_relative, relative);
    if (largest <= result_.max_abs) return;
    result_.max_abs = largest;
    size_t i = 0;
    while (std::abs(gaps_[i]) != largest) ++i;
    result_.worst = static_cast<int64_t>(at + i);
  }

  void finish() {
    const auto sum = [](const std::array<double, kLanes>& lanes) {
      double total = 0;
      for (const double lane : lanes) total += lane;
      return total;
    };
    const double aa = sum(aa_), bb = sum(bb_), ab = sum(ab_), dd = sum(dd_);
    // The root of the product: exactly 1 for equal vectors.
    if (aa > 0 && bb > 0)
      result_.cosine = std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
    else
      result_.cosine = aa > 0 || bb > 0 ? 0 : 1;
    if (dd > 0)
      result_.relative_l2 =
          bb > 0 ? std::sqrt(dd / bb) * scale_b_ / scale_d_ : std::numeric_limits<double>::infinity();
    if (finite_ > 0) result_.mse = dd / static_cast<double>(finite_) / scale_d_ / scale_d_;
  }

  const Source &a_, &b_;
  const double tolerance_;
  bool same_kind_ = false, both_float_ = false;
  size_t common_ = 0;
  double scale_a_ = 1, scale_b_ = 1, scale_d_ = 1;
  uint64_t finite_ = 0;  // pairs of finite numbers
  Values x_, y_, gaps_;
  std::array<double, kLanes> aa_{}, bb_{}, ab_{}, dd_{};
  Difference result_;
};

}  // namespace

Difference difference(std::span<const float> a, std::span<const float> b, int digits) {
  static const QuantParams kNone;
  return Comparison({DType::f32, std::as_bytes(a), &kNone}, {DType::f32, std::as_bytes(b), &kNone}, digits)
      .result();
}

Difference difference(const Tensor& a, const QuantParams& quant_a, const Tensor& b,
                      const QuantParams& quant_b, int digits) {
  return Comparison(source_of(a, quant_a), source_of(b, quant_b), digits).result();
}

std::string position_text(int64_t index, const Shape& shape) {
  Shape at(shape.size());
  for (size_t k = shape.size(); k-- > 0;) {
    const int64_t extent = std::max<int64_t>(shape[k], 1);
    at[k] = index % extent;
    index /= extent;
  }
  return fmt::format("[{}]", fmt::join(at, ", "));
}

}  // namespace openhb::verify
