// SPDX-License-Identifier: Apache-2.0
#include "tests/device/kernels/conv_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <limits>
#include <new>
#include <random>

#include "device/kernels/conv/conv.h"
#include "device/kernels/conv/pack.h"

namespace openhb::test {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t range(int64_t first, int64_t last) {
    return std::uniform_int_distribution<int64_t>(first, last)(engine_);
  }
  bool one_in(int64_t n) { return range(1, n) == 1; }
  template <class T>
  T pick(std::initializer_list<T> values) {
    return std::data(values)[range(0, std::ssize(values) - 1)];
  }
  float normal() { return std::normal_distribution<float>()(engine_); }

 private:
  std::mt19937_64 engine_;
};

size_t index(int64_t i) { return static_cast<size_t>(i); }

// One channel's int8 result, written differently from the kernels: by exact comparison in double.
int8_t requantized(int32_t acc, float multiplier, const ConvSpec& s) {
  const float product = static_cast<float>(acc) * multiplier;
  if (std::isnan(product)) return static_cast<int8_t>(s.lo);
  const double code = std::nearbyint(static_cast<double>(product)) + s.zy;
  return static_cast<int8_t>(std::clamp(code, double{s.lo}, double{s.hi}));
}

float special_float(Random& random) {
  using limits = std::numeric_limits<float>;
  return random.pick({0.0f, -0.0f, limits::infinity(), -limits::infinity(), limits::quiet_NaN(),
                      limits::denorm_min(), limits::max(), -limits::min()});
}

}  // namespace

int64_t ConvSpec::extent(size_t axis) const {
  const int64_t in = (axis == 0 ? h : w) + pads[axis] + pads[axis + 2];
  return (in - ((kernel[axis] - 1) * int64_t{dilation[axis]} + 1)) / stride[axis] + 1;
}

std::string ConvSpec::text() const {
  return fmt::format(
      "{} {} raw {} x {}x{}x{}x{} (+{}) o {} (+{}) groups {} kernel {}x{} stride {}x{} dilation {}x{} pads "
      "{},{},{},{} "
      "zx {} zy {} lo {} hi {}",
      depthwise ? "depthwise" : "conv", quantized ? "int8" : "float32", raw, n, h, w, c, x_gap, o, y_gap,
      groups, kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1], pads[0], pads[1], pads[2],
      pads[3], zx, zy, lo, hi);
}

ConvSpec random_spec(uint64_t seed, bool depthwise, bool quantized) {
  Random random(seed);
  const auto i32 = [&](int64_t first, int64_t last) {
    return static_cast<int32_t>(random.range(first, last));
  };
  ConvSpec s;
  s.depthwise = depthwise, s.quantized = quantized;
  s.raw = quantized && random.one_in(4);
  if (depthwise) {
    s.c = s.o = s.groups = random.one_in(3) ? random.range(1, 150) : random.range(1, 70);
  } else {
    s.groups = random.pick<int64_t>({1, 1, 1, 2, 3, 5});
    s.c = s.groups * random.range(1, 70 / s.groups);
    s.o = s.groups * random.range(1, 70 / s.groups);
  }
  const bool pointwise = random.one_in(4);
  for (size_t axis = 0; axis < 2; ++axis) {
    s.kernel[axis] = pointwise ? 1 : i32(1, random.one_in(4) ? 7 : 3);
    s.stride[axis] = pointwise && random.one_in(2) ? 1 : i32(1, 3);
    s.dilation[axis] = random.one_in(3) ? i32(1, 3) : 1;
    const int32_t reach = (s.kernel[axis] - 1) * s.dilation[axis];
    if (random.one_in(2)) s.pads[axis] = i32(0, reach + 1), s.pads[axis + 2] = i32(0, reach + 1);
  }
  const auto least = [&](size_t axis) {
    return std::max(1, (s.kernel[axis] - 1) * s.dilation[axis] + 1 - s.pads[axis] - s.pads[axis + 2]);
  };
  s.n = random.one_in(4) ? 2 : 1;
  s.h = least(0) + random.range(0, 9), s.w = least(1) + random.range(0, 12);
  s.x_gap = random.one_in(2) ? (4 - s.c % 4) % 4 : random.range(0, 20);
  s.y_gap = random.one_in(2) ? (4 - s.o % 4) % 4 : random.range(0, 20);
  if (quantized) {
    s.zx = random.pick({0, -128, 127, i32(-128, 127)}), s.zy = random.pick({0, -128, 127, i32(-128, 127)});
    if (random.one_in(2))
      s.lo = static_cast<float>(random.range(-128, 0)), s.hi = static_cast<float>(random.range(0, 127));
  } else {
    s.lo = random.one_in(2) ? -std::numeric_limits<float>::infinity() : random.pick({0.0f, -0.0f, -1.0f});
    s.hi = random.one_in(2) ? std::numeric_limits<float>::infinity() : random.pick({6.0f, 0.5f});
  }
  return s;
}

ConvData random_data(const ConvSpec& s, uint64_t seed) {
  Random random(seed ^ 0x9e3779b97f4a7c15u);
  ConvData d;
  const size_t x_size = index(s.n * s.h * s.w * s.c);
  const size_t w_size = index(s.o * s.group_inputs() * s.kernel[0] * s.kernel[1]);
  if (!s.quantized) {
    d.xf.resize(x_size), d.wf.resize(w_size), d.bf.resize(index(s.o));
    for (auto* values : {&d.xf, &d.wf, &d.bf})
      for (float& v : *values) v = random.normal();
    if (random.one_in(3))
      for (int i = 0; i < 6; ++i) {
        d.xf[index(random.range(0, std::ssize(d.xf) - 1))] = special_float(random);
        if (random.one_in(3)) d.wf[index(random.range(0, std::ssize(d.wf) - 1))] = special_float(random);
      }
    return d;
  }
  const bool extreme = random.one_in(3);  // only the ends of the range
  const auto code = [&] {
    return static_cast<int8_t>(extreme ? random.pick({-128, 127}) : random.range(-128, 127));
  };
  d.xi.resize(x_size), d.wi.resize(w_size);
  for (auto* values : {&d.xi, &d.wi})
    for (int8_t& v : *values) v = code();
  if (random.one_in(2))  // as compiled networks have them; rows may rely on it
    for (int8_t& v : d.wi) v = std::max<int8_t>(v, -127);
  const int64_t bias_range = random.pick<int64_t>({0, 1000, 1'000'000, 1'000'000'000});
  for (int64_t o = 0; o < s.o; ++o)
    d.bi.push_back(static_cast<int32_t>(random.range(-bias_range, bias_range)));
  // Powers of two make ties; the others saturate or not.
  const bool ties = random.one_in(2);
  for (int64_t o = 0; o < s.o; ++o) {
    const float exact = std::ldexp(1.0f, static_cast<int>(random.range(-14, -1)));
    d.multiplier.push_back(ties ? exact : exact * (1 + std::abs(random.normal())));
  }
  // Small results take shorter ways through the output stage.
  if (random.one_in(3))
    for (int32_t& b : d.bi) b %= 1000;
  if (random.one_in(3))
    for (float& m : d.multiplier) m = std::min(m, 0.01f);
  if (random.one_in(8)) d.multiplier[0] = special_float(random);
  return d;
}

ConvCase::ConvCase(const ConvSpec& spec, const ConvData& data, uint64_t seed) : spec_(spec), data_(data) {
  const DType in = spec.quantized ? DType::i8 : DType::f32;
  const DType out = spec.raw ? DType::i32 : in;
  TensorDesc x, y;
  x.name = std::string("x"), x.dtype = in, x.dims = {spec.n, spec.h, spec.w, spec.c};
  y.name = std::string("y"), y.dtype = out, y.dims = {spec.n, spec.extent(0), spec.extent(1), spec.o};
  x.order = y.order = {0, 2, 3, 1};
  x.pitch = spec.c + spec.x_gap, y.pitch = spec.o + spec.y_gap;
  if (spec.quantized) x.quant = {{0.5f}, {spec.zx}, -1};
  if (spec.quantized && !spec.raw) y.quant = {{0.25f}, {spec.zy}, -1};
  program_.tensors = {x, y};
  Step step;
  step.node = std::string("node"), step.inputs = {0}, step.outputs = {1};
  if (spec.depthwise)
    step.params = DepthwiseParams{spec.kernel, spec.stride, spec.dilation, spec.pads, spec.lo, spec.hi};
  else
    step.params =
        ConvParams{spec.kernel, spec.stride, spec.dilation, spec.pads, static_cast<int32_t>(spec.groups),
                   spec.lo,     spec.hi};
  program_.steps = {step};
  add_weights();
  place(seed);
}

void ConvCase::add_weights() {
  const ConvSpec& s = spec_;
  const int64_t taps = int64_t{s.kernel[0]} * s.kernel[1], groups = s.depthwise ? 1 : s.groups;
  const int64_t cg = s.group_inputs(), blocks = (s.o / groups + 15) / 16, entries = groups * blocks * 16;
  const auto add = [&](std::string name, Shape dims, const auto& values) {
    step().inputs.push_back(add_constant(std::move(name), std::move(dims), values));
  };
  const auto channels = [&](const auto& values) { return pack_channels(std::span(values), s.o, groups); };
  if (!s.quantized) {
    if (s.depthwise)
      add("w", {taps, entries}, pack_depthwise_f32(data_.wf, s.c, s.kernel[0], s.kernel[1]));
    else
      add("w", {groups, blocks, taps, cg, 16},
          pack_conv_f32(data_.wf, s.o, cg, s.kernel[0], s.kernel[1], groups));
    add("b", {entries}, channels(data_.bf));
    return;
  }
  if (s.depthwise)
    add("w", {taps, entries}, pack_depthwise_i8(data_.wi, s.c, s.kernel[0], s.kernel[1]));
  else
    add("w", {groups, blocks, taps, (cg + 3) / 4, 16, 4},
        pack_conv_i8(data_.wi, s.o, cg, s.kernel[0], s.kernel[1], groups));
  std::vector<int32_t> folded = data_.bi, sum128(index(s.o));
  for (int64_t o = 0; o < s.o; ++o) {
    int32_t sum = 0;
    for (int64_t i = 0; i < cg * taps; ++i) sum += data_.wi[index(o * cg * taps + i)];
    folded[index(o)] -= s.zx * sum, sum128[index(o)] = 128 * sum;
  }
  add("b", {entries}, channels(folded));
  add("sum128", {entries}, channels(sum128));
  if (!s.raw) add("m", {entries}, channels(data_.multiplier));
}

uint32_t ConvCase::add_constant(std::string name, DType dtype, Shape dims, std::span<const std::byte> bytes) {
  TensorDesc t;
  t.name = std::move(name), t.dtype = dtype, t.dims = std::move(dims);
  t.pitch = t.dims.back(), t.storage = Storage::weights;
  program_.tensors.push_back(t);
  constants_.emplace_back(bytes.begin(), bytes.end());
  return static_cast<uint32_t>(program_.tensors.size() - 1);
}

ConvCase::Memory ConvCase::allocate(size_t size) {
  constexpr std::align_val_t kAlignment{kTensorAlignment};
  return {static_cast<std::byte*>(::operator new(size, kAlignment)),
          [](std::byte* p) { ::operator delete(p, kAlignment); }};
}

// Lays out both storages. Allocations end exactly with the slack, and the seed decides which constant comes
// last, so that an address sanitizer sees reads beyond it.
void ConvCase::place(uint64_t seed) {
  const auto next = [](uint64_t end) {
    return (end + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
  };
  TensorDesc &x = program_.tensors[0], &y = program_.tensors[1];
  y.offset = kTensorAlignment;  // room for a canary before it
  x.offset = next(y.offset + static_cast<uint64_t>(y.byte_extent()) + 1);
  program_.arena_size = x.offset + static_cast<uint64_t>(x.byte_extent()) + kReadSlack;
  Random random(seed + 1);
  before_.resize(program_.arena_size);
  for (std::byte& b : before_)
    b = static_cast<std::byte>(spec_.quantized ? random.range(0, 255) : 255);  // NaNs
  for (int64_t pixel = 0; pixel < spec_.n * spec_.h * spec_.w; ++pixel) {
    const size_t size = dtype_size(x.dtype), row = index(spec_.c) * size;
    const void* from = spec_.quantized ? static_cast<const void*>(data_.xi.data() + pixel * spec_.c)
                                       : static_cast<const void*>(data_.xf.data() + pixel * spec_.c);
    std::memcpy(before_.data() + x.offset + index(pixel * x.pitch) * size, from, row);
  }
  arena_ = allocate(before_.size());
  uint64_t end = 0;
  const size_t count = constants_.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t k = (i + seed) % count;
    program_.tensors[k + 2].offset = next(end);
    end = next(end) + constants_[k].size();
  }
  weights_ = allocate(end + kReadSlack);
  std::memset(weights_.get(), 0x55, end + kReadSlack);
  for (size_t k = 0; k < count; ++k)
    std::memcpy(weights_.get() + program_.tensors[k + 2].offset, constants_[k].data(), constants_[k].size());
  program_.weights = {weights_.get(), end + kReadSlack};
}

void ConvCase::validate() const {
  const Step& step = program_.steps[0];
  if (const auto* conv = std::get_if<ConvParams>(&step.params))
    return Kernel<ConvParams>::validate(view(), *conv);
  Kernel<DepthwiseParams>::validate(view(), std::get<DepthwiseParams>(step.params));
}

std::unique_ptr<Runner> ConvCase::bind(CpuFeatures cpu) {
  std::vector<const std::byte*> inputs;
  for (uint32_t id : step().inputs) {
    const TensorDesc& t = program_.tensors[id];
    inputs.push_back((t.storage == Storage::weights ? weights_.get() : arena_.get()) + t.offset);
  }
  const std::vector<std::byte*> outputs{arena_.get() + view().out().offset};
  const Binding binding{inputs, outputs, cpu};
  if (const auto* conv = std::get_if<ConvParams>(&step().params))
    return Kernel<ConvParams>::bind(view(), *conv, binding);
  return Kernel<DepthwiseParams>::bind(view(), std::get<DepthwiseParams>(step().params), binding);
}

std::vector<std::byte> ConvCase::run(CpuFeatures cpu, int parts) {
  std::memcpy(arena_.get(), before_.data(), before_.size());
  const std::unique_ptr<Runner> runner = bind(cpu);
  parts = std::min(parts, runner->max_parts());
  const auto* conv = std::get_if<ConvParams>(&step().params);
  const RowUse use =
      conv ? row_use(view(), *conv) : row_use(view(), std::get<DepthwiseParams>(step().params));
  if (parts == 0 && use.rows == 0) parts = 1;
  for (int64_t row = 0; parts == 0 && row < use.rows; row += 7)
    runner->run_rows({row, std::min(row + 7, use.rows)}, static_cast<int>(row) % runner->row_slots());
  for (int part = parts; part-- > 0;) runner->run(part, parts);
  std::vector<std::byte> after(arena_.get(), arena_.get() + before_.size());
  normalise_nans(after);
  return after;
}

// The contract says where a NaN appears, not which one.
void ConvCase::normalise_nans(std::vector<std::byte>& arena) const {
  if (spec_.quantized) return;
  const TensorDesc& y = program_.tensors[1];
  for (int64_t i = 0; i < pixels() * spec_.o; ++i) {
    std::byte* at = arena.data() + y.offset + index(i / spec_.o * y.pitch + i % spec_.o) * sizeof(float);
    float value;
    std::memcpy(&value, at, sizeof value);
    if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(at, &value, sizeof value);
  }
}

std::vector<std::byte> ConvCase::expected() const {
  const ConvSpec& s = spec_;
  std::vector<std::byte> arena = before_;
  const TensorDesc& y = program_.tensors[1];
  const int64_t cg = s.group_inputs(), og = s.group_outputs(), oh = s.extent(0), ow = s.extent(1);
  const size_t size = dtype_size(y.dtype);
  for (int64_t pixel = 0; pixel < pixels(); ++pixel) {
    const int64_t image = pixel / (oh * ow), row = pixel / ow % oh, column = pixel % ow;
    for (int64_t o = 0; o < s.o; ++o) {
      int64_t sum = s.quantized ? data_.bi[index(o)] : 0;
      float real = s.quantized ? 0 : data_.bf[index(o)];
      for (int64_t i = 0; i < s.kernel[0]; ++i)
        for (int64_t j = 0; j < s.kernel[1]; ++j) {
          const int64_t iy = row * s.stride[0] - s.pads[0] + i * s.dilation[0];
          const int64_t ix = column * s.stride[1] - s.pads[1] + j * s.dilation[1];
          const bool inside = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
          for (int64_t c = 0; c < cg; ++c) {
            const size_t xi = index(((image * s.h + iy) * s.w + ix) * s.c + o / og * cg + c);
            const size_t wi = index(((o * cg + c) * s.kernel[0] + i) * s.kernel[1] + j);
            if (s.quantized && inside) sum += int64_t{data_.xi[xi] - s.zx} * data_.wi[wi];
            if (!s.quantized) real = std::fma(inside ? data_.xf[xi] : 0.0f, data_.wf[wi], real);
          }
        }
      std::byte* at = arena.data() + y.offset + index(pixel * y.pitch + o) * size;
      const auto acc = static_cast<int32_t>(sum);
      if (s.quantized && !s.raw) {
        const int8_t code = requantized(acc, data_.multiplier[index(o)], s);
        std::memcpy(at, &code, size);
      } else if (s.raw) {
        // The bias holds the zero point's share, so the accumulator is the real sum.
        std::memcpy(at, &acc, size);
      } else {
        if (real < s.lo) real = s.lo;
        if (real > s.hi) real = s.hi;
        std::memcpy(at, &real, size);
      }
    }
  }
  normalise_nans(arena);
  return arena;
}

std::vector<std::string> levels_to_test() {
  const std::vector<std::string> runnable = runnable_isa_levels();
  static const bool printed = [&] {
    for (const char* level : {"ref", "avx2", "avx512", "avx512vnni", "neon", "dotprod", "i8mm"})
      if (std::ranges::find(runnable, level) == runnable.end())
        std::cout << "[ SKIPPED  ] level " << level << ": this processor cannot run it\n";
    return true;
  }();
  static_cast<void>(printed);
  return runnable;
}

}  // namespace openhb::test
