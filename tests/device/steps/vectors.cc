// SPDX-License-Identifier: Apache-2.0
#include "tests/device/steps/vector_maker.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <random>

#include "common/io/npy.h"
#include "common/math/functions.h"
#include "common/tensor.h"
#include "device/kernels/steps.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace openhb::test {
namespace {

template <class P>
void add_convolution(Maker& m, Numbers& n, const std::string& name, P p, const Shape& weights,
                     int64_t vector) {
  const Shape x{1, 9, 8, 32}, y{1, 5, 4, 32};
  p.kernel = {3, 3};
  p.stride = {2, 2};
  p.pads = {1, 1, 1, 1};
  Shape w32 = weights;  // int8 weights are interleaved by 4
  if (w32.size() == 6) w32 = {w32[0], w32[1], w32[2], w32[3] * 4, 16};
  p.lo = -3.0f, p.hi = 6.0f;
  m.add(name + "_f32", p,
        {{n.tensor(DType::f32, x), {}},
         {n.tensor(DType::f32, w32, 0.5f), {}, true},
         {n.tensor(DType::f32, {vector}), {}, true}},
        DType::f32, y);
  const Tensor w = n.tensor(DType::i8, weights);
  Tensor bias(DType::i32, {vector}), sum128(DType::i32, {vector}), multiplier(DType::f32, {vector});
  const auto codes = w.data<int8_t>();
  for (size_t i = 0; i < codes.size(); ++i) {
    const int64_t output =
        weights.size() == 6 ? static_cast<int64_t>(i) / weights[5] % 16 +
                                  static_cast<int64_t>(i) / (16 * weights[5] * weights[3] * weights[2]) * 16
                            : static_cast<int64_t>(i) % vector;
    sum128.data<int32_t>()[static_cast<size_t>(output)] += 128 * codes[i];
  }
  for (size_t i = 0; i < bias.size(); ++i) {
    bias.data<int32_t>()[i] = n.integer(-20000, 20000) - kX.zero_point() * (sum128.data<int32_t>()[i] / 128);
    multiplier.data<float>()[i] = 0.002f * (1.5f + n.real(1.0f));
  }
  p.lo = -100, p.hi = 110;
  m.add(name + "_i8", p,
        {{n.tensor(DType::i8, x), kX},
         {w, {}, true},
         {bias, {}, true},
         {sum128, {}, true},
         {multiplier, {}, true}},
        DType::i8, y, kY);
}

void add_convolutions(Maker& m) {
  Numbers n(1);
  add_convolution(m, n, "conv", ConvParams{}, {1, 2, 9, 8, 16, 4}, 32);
  add_convolution(m, n, "depthwise", DepthwiseParams{}, {9, 32}, 32);
  m.add("matmul", MatMulParams{},
        {{n.tensor(DType::f32, {2, 7, 19}), {}}, {n.tensor(DType::f32, {19, 23}), {}}}, DType::f32,
        {2, 7, 23});
}

void add_binary(Maker& m) {
  Numbers n(2);
  const char* names[] = {"add", "sub", "mul", "div", "max", "min", "pow"};
  for (int f = 0; f < 7; ++f) {
    BinaryParams p{static_cast<BinaryFunction>(f), 0, 0, 0};
    Tensor a = n.tensor(DType::f32, {5, 40});
    if (p.function == BinaryFunction::pow)
      for (float& v : a.data<float>()) v = std::fabs(v);
    m.add(fmt::format("binary_{}_f32", names[f]), p, {{a, {}}, {n.tensor(DType::f32, {40}), {}}}, DType::f32,
          {5, 40});
    if (p.function == BinaryFunction::pow) continue;
    m.add(fmt::format("binary_{}_i32", names[f]), p,
          {{n.tensor(DType::i32, {5, 40}), {}}, {n.tensor(DType::i32, {5, 1}), {}}}, DType::i32, {5, 40});
    if (f > 2) continue;
    p.fa = f == 2 ? 0.0373f * 0.0521f / 0.0611f : 0.0373f / 0.0611f;
    p.fb = f == 0 ? 0.0521f / 0.0611f : f == 1 ? -0.0521f / 0.0611f : 0.0f;
    p.k = f == 2 ? 0.0f : 132.0f - std::fma(p.fa, 111.0f, p.fb * 137.0f);
    m.add(fmt::format("binary_{}_i8", names[f]), p,
          {{n.tensor(DType::i8, {32, 64}), kX}, {n.tensor(DType::i8, {32, 64}), kW}}, DType::i8, {32, 64},
          kY);
  }
}

void add_elementwise(Maker& m) {
  Numbers n(3), later(9);  // functions that were added later leave the others' numbers alone
  for (int f = 0; f < math::kUnaryFunctions; ++f) {
    const UnaryParams p{static_cast<UnaryFunction>(f), f == 0 ? -2.5f : 0.25f, f == 0 ? 6.0f : 0.5f};
    Numbers& from = f <= static_cast<int>(UnaryFunction::square) ? n : later;
    Tensor x = from.tensor(DType::f32, {1000}, 12.0f);
    // Results that are NaN are not the same bits everywhere.
    using enum UnaryFunction;
    if (p.function == acos || p.function == asin || p.function == atanh)
      for (float& v : x.data<float>()) v *= 0.0625f;
    if (p.function == acosh)
      for (float& v : x.data<float>()) v = std::fabs(v) + 1.0f;
    if (p.function == UnaryFunction::log || p.function == UnaryFunction::sqrt)
      for (float& v : x.data<float>()) v = std::fabs(v);
    if (p.function == UnaryFunction::sin || p.function == UnaryFunction::cos)
      for (size_t i = 900; i < 1000; ++i) x.data<float>()[i] *= 0x1p100f;
    m.add(fmt::format("unary_{:02}", f), p, {{x, {}}}, DType::f32, {1000});
  }
  m.add("lut", LutParams{}, {{n.tensor(DType::i8, {500}), {}}, {n.tensor(DType::i8, {256}), {}, true}},
        DType::i8, {500});
  m.add("quantize", QuantizeParams{}, {{n.tensor(DType::f32, {2000}, 9.0f), {}}}, DType::i8, {2000}, kY);
  m.add("dequantize_i8", DequantizeParams{}, {{n.tensor(DType::i8, {300}), kX}}, DType::f32, {300});
  const QuantParams each{{0.1f, 0.013f, 2.7e-5f}, {0, 0, 0}, 1};
  m.add("dequantize_i32", DequantizeParams{}, {{n.tensor(DType::i32, {100, 3}), each}}, DType::f32, {100, 3});
  m.add("image_i8", ImageParams{}, {{n.tensor(DType::u8, {1, 6, 7, 3}), {}}}, DType::i8, {1, 6, 7, 3});
  m.add("image_f32", ImageParams{}, {{n.tensor(DType::u8, {1, 6, 7, 3}), {}}}, DType::f32, {1, 6, 7, 3});
  Numbers video(2718);
  for (const DType to : {DType::i8, DType::f32})
    m.add(fmt::format("nv12_{}", dtype_name(to)), Nv12Params{},
          {{video.tensor(DType::u8, {2, 1, 9, 38}), {}}}, to, {2, 6, 38, 3});
  const std::pair<DType, DType> casts[] = {{DType::f32, DType::i8},  {DType::f32, DType::f16},
                                           {DType::f64, DType::f32}, {DType::f64, DType::f16},
                                           {DType::i64, DType::f32}, {DType::i32, DType::u8},
                                           {DType::u64, DType::f64}, {DType::f32, DType::boolean}};
  for (const auto& [from, to] : casts)
    m.add(fmt::format("cast_{}_{}", dtype_name(from), dtype_name(to)), CastParams{},
          {{n.tensor(from, {300}, 200.0f), {}}}, to, {300});
}

void add_movement(Maker& m) {
  Numbers n(4);
  const CopyParams transpose{{5, 3, 4}, {1, 20, 5}, {12, 4, 1}, 0, 0};
  m.add("copy_transpose", transpose, {{n.tensor(DType::i16, {3, 4, 5}), {}}}, DType::i16, {5, 3, 4});
  m.add("fill_f16", FillParams{-1.0 / 3}, {}, DType::f16, {7});
  Tensor indices(DType::i64, {4});
  for (int64_t& v : indices.data<int64_t>()) v = n.integer(-6, 6);
  m.add("gather", GatherParams{1}, {{n.tensor(DType::f32, {2, 5, 3}), {}}, {indices, {}}}, DType::f32,
        {2, 4, 3});
}

void add_spatial(Maker& m) {
  Numbers n(5);
  const Shape x{1, 11, 9, 24};
  for (const DType dtype : {DType::i8, DType::f32}) {
    const bool integer = dtype == DType::i8;
    const std::string suffix = integer ? "_i8" : "_f32";
    const QuantParams qx = integer ? kX : QuantParams{}, qy = integer ? kY : QuantParams{};
    PoolParams p{PoolMode::max, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, 0};
    m.add("pool_max" + suffix, p, {{n.tensor(dtype, x), qx}}, dtype, {1, 6, 5, 24}, qx);
    p.mode = PoolMode::average;
    m.add("pool_average" + suffix, p, {{n.tensor(dtype, x), qx}}, dtype, {1, 6, 5, 24}, qy);
    p.count_include_pad = 1;
    m.add("pool_average_pad" + suffix, p, {{n.tensor(dtype, x), qx}}, dtype, {1, 6, 5, 24}, qy);
    p.mode = PoolMode::global_average;
    m.add("pool_global" + suffix, p, {{n.tensor(dtype, x), qx}}, dtype, {1, 1, 1, 24}, qy);

    Tensor rows(DType::i32, {2, 20}), columns(DType::i32, {2, 17}), row_weights(DType::f32, {2, 20}),
        column_weights(DType::f32, {2, 17});
    for (int32_t& v : rows.data<int32_t>()) v = n.integer(0, 10);
    for (int32_t& v : columns.data<int32_t>()) v = n.integer(0, 8);
    for (float& v : row_weights.data<float>()) v = 0.125f * static_cast<float>(n.integer(0, 8));
    for (float& v : column_weights.data<float>()) v = 0.5f + n.real(0.5f);
    m.add("resize_linear" + suffix, ResizeParams{ResizeMode::linear},
          {{n.tensor(dtype, x), qx},
           {rows, {}, true},
           {row_weights, {}, true},
           {columns, {}, true},
           {column_weights, {}, true}},
          dtype, {1, 20, 17, 24}, qx);
    m.add("resize_nearest" + suffix, ResizeParams{ResizeMode::nearest},
          {{n.tensor(dtype, x), qx}, {rows.reshaped({40}), {}, true}, {columns.reshaped({34}), {}, true}},
          dtype, {1, 40, 34, 24}, qx);
  }
}

void add_integers(Maker& m) {
  Numbers n(8);
  for (int f = static_cast<int>(BinaryFunction::mod); f < kBinaryFunctions; ++f) {
    const auto function = static_cast<BinaryFunction>(f);
    const BinaryParams p{function, function == BinaryFunction::prelu ? 0.61f : 0.0f, 0, 0};
    const bool compares = function == BinaryFunction::equal || function == BinaryFunction::less ||
                          function == BinaryFunction::less_equal;
    Tensor amounts = n.tensor(DType::i64, {40});
    for (int64_t& v : amounts.data<int64_t>()) v = n.integer(-3, 70);
    m.add(fmt::format("binary_{:02}_i64", f), p, {{n.tensor(DType::i64, {5, 40}), {}}, {amounts, {}}},
          compares ? DType::boolean : DType::i64, {5, 40});
    if (!compares && function != BinaryFunction::fmod && function != BinaryFunction::prelu) continue;
    m.add(fmt::format("binary_{:02}_f32", f), p,
          {{n.tensor(DType::f32, {5, 40}), {}}, {n.tensor(DType::f32, {40}), {}}},
          compares ? DType::boolean : DType::f32, {5, 40});
    if (function == BinaryFunction::fmod) continue;
    const bool factors = function == BinaryFunction::prelu;
    m.add(fmt::format("binary_{:02}_i8", f), p,
          {{n.tensor(DType::i8, {5, 40}), kX}, {n.tensor(factors ? DType::f32 : DType::i8, {40}), kW}},
          compares ? DType::boolean : DType::i8, {5, 40}, kY);
  }
  m.add("binary_div_i8", BinaryParams{BinaryFunction::div, 0, 0, 0},
        {{n.tensor(DType::i8, {32, 64}), kX}, {n.tensor(DType::i8, {32, 64}), kW}}, DType::i8, {32, 64}, kY);
  m.add("binary_max_i8", BinaryParams{BinaryFunction::max, 0, 0, 0},
        {{n.tensor(DType::i8, {32, 64}), kX}, {n.tensor(DType::i8, {64}), kX}}, DType::i8, {32, 64}, kX);
  m.add("where", WhereParams{},
        {{n.tensor(DType::boolean, {7, 1}), {}},
         {n.tensor(DType::i16, {3, 7, 9}), {}},
         {n.tensor(DType::i16, {9}), {}}},
        DType::i16, {3, 7, 9});
  for (int32_t mode = 0; mode < 4; ++mode) {
    m.add(fmt::format("arg_{}", mode), ArgParams{1, mode & 1, mode >> 1},
          {{n.tensor(DType::i8, {3, 200, 9}), {}}}, DType::i64, {3, 1, 9});
    m.add(fmt::format("cumulate_{}", mode), CumulateParams{CumulateFunction::sum, 1, mode & 1, mode >> 1},
          {{n.tensor(DType::f32, {3, 40, 9}), {}}}, DType::f32, {3, 40, 9});
    m.add(fmt::format("reduce_codes_{}", mode), ReduceParams{static_cast<ReduceFunction>(mode), {1}},
          {{n.tensor(DType::i8, {3, 40, 9}), kX}}, DType::i8, {3, 1, 9}, mode < 2 ? kY : kX);
    m.add(fmt::format("reduce_i64_{}", mode), ReduceParams{static_cast<ReduceFunction>(mode), {1}},
          {{n.tensor(DType::i64, {3, 40, 9}), {}}}, DType::i64, {3, 1, 9});
  }
  Tensor powers(DType::f32, {256});
  for (size_t i = 0; i < 256; ++i)
    powers.data<float>()[i] = static_cast<float>(math::exp((static_cast<double>(i) - 255) * 0.0373));
  m.add("softmax_codes", SoftmaxParams{1, 0}, {{n.tensor(DType::i8, {5, 30, 7}), kX}, {powers, {}, true}},
        DType::i8, {5, 30, 7}, {{1.0f / 256}, {-128}, -1});
}

void add_reductions(Maker& m) {
  Numbers n(6);
  const char* names[] = {"sum", "mean", "max", "min", "prod", "l1", "l2", "sum_square"};
  for (int f = 0; f < 8; ++f) {
    const auto function = static_cast<ReduceFunction>(f);
    m.add(fmt::format("reduce_{}_inner", names[f]), ReduceParams{function, {2}},
          {{n.tensor(DType::f32, {3, 4, 101}, 2.0f), {}}}, DType::f32, {3, 4, 1});
    m.add(fmt::format("reduce_{}_outer", names[f]), ReduceParams{function, {0, 1}},
          {{n.tensor(DType::f32, {7, 5, 20}, 2.0f), {}}}, DType::f32, {1, 1, 20});
  }
  for (int32_t log = 0; log < 2; ++log)
    for (int32_t axis = 0; axis < 2; ++axis)
      m.add(fmt::format("{}softmax_{}", log != 0 ? "log_" : "", axis), SoftmaxParams{axis, log},
            {{n.tensor(DType::f32, {37, 53}, 6.0f), {}}}, DType::f32, {37, 53});
}

void add_recurrent(Maker& m) {
  Numbers n(7);
  m.add("matmul_i8", MatMulParams{},
        {{n.tensor(DType::i8, {2, 7, 19}), kX}, {n.tensor(DType::i8, {19, 23}), kW}}, DType::i8, {2, 7, 23},
        QuantParams{{0.9f}, {4}, -1});
  m.add("matmul_i64", MatMulParams{},
        {{n.tensor(DType::i64, {2, 7, 19}), {}}, {n.tensor(DType::i64, {19, 23}), {}}}, DType::i64,
        {2, 7, 23});
  const char* names[] = {"rnn", "gru", "lstm"};
  for (int k = 0; k < 3; ++k)
    for (int32_t options = 0; options < 2; ++options) {
      RecurrentParams p;
      p.cell = static_cast<RecurrentCell>(k);
      const int64_t gates = k == 0 ? 1 : k + 2;
      p.hidden = 21;
      p.clip = options != 0 ? 1.5f : HUGE_VALF;
      p.linear_before_reset = k == 1 ? options : 0;
      p.input_forget = p.peepholes = k == 2 ? options : 0;
      p.lengths = options;
      p.activations = {0, 1, 1, 0, 1, 1};
      if (options != 0) p.activations = {7, 6, 9, 3, 8, 10};
      if (k == 0) p.activations[0] = 1;
      std::vector<Operand> in{{n.tensor(DType::f32, {4, 5, 2 * gates * 32}), {}},
                              {n.tensor(DType::f32, {2, gates, 2, 21, 16}, 0.3f), {}},
                              {n.tensor(DType::f32, {2, 5, 21}, 1.0f), {}},
                              {n.tensor(DType::f32, {2, 3, 2}, 1.0f), {}, true}};
      if (k == 2) in.push_back({n.tensor(DType::f32, {2, 5, 21}, 1.0f), {}});
      if (p.linear_before_reset != 0) in.push_back({n.tensor(DType::f32, {2, 32}), {}});
      if (p.peepholes != 0) in.push_back({n.tensor(DType::f32, {2, 3, 32}, 1.0f), {}});
      if (p.lengths != 0) in.push_back({Tensor::from<int32_t>({5}, {4, 2, 0, 3, 4}), {}});
      m.add(fmt::format("{}{}", names[k], options != 0 ? "_options" : ""), p, in, DType::f32,
            {k == 2 ? 6 : 5, 2, 5, 21});
    }
}

void add_detections(Maker& m) {
  Numbers n(90);
  constexpr std::array<const char*, 3> kNames{"corner", "center_size", "corner_size"};
  for (int32_t k = 0; k < 3; ++k) {
    DetectionOutputParams p{.classes = 3, .code = static_cast<BoxCode>(k), .top_k = 20, .keep_top_k = 12};
    p.share_location = k == 2 ? 0 : 1, p.variance_encoded = k == 0 ? 1 : 0, p.clip = k == 1 ? 1 : 0;
    p.nms_threshold = 0.6f, p.eta = k == 1 ? 0.75f : 1.0f, p.confidence_threshold = 0.25f;
    Tensor prior = n.tensor(DType::f32, {1, 2, 120}, 0.5f);
    for (size_t i = 0; i < 120; i += 4)  // corners in order
      for (size_t j = 0; j < 2; ++j)
        prior.data<float>()[i + 2 + j] =
            prior.data<float>()[i + j] + 0.5f + prior.data<float>()[i + 2 + j] * 0.5f;
    m.add(fmt::format("detection_output_{}", kNames[static_cast<size_t>(k)]), p,
          {{n.tensor(DType::f32, {2, 120 * (k == 2 ? 3 : 1)}, 0.5f), {}},
           {n.tensor(DType::f32, {2, 90}, 1.0f), {}},
           {prior, {}, true}},
          DType::f32, {1, 1, 24, 7});
  }
  Tensor rois = n.tensor(DType::f32, {6, 5}, 14.0f);
  for (size_t r = 0; r < 6; ++r) rois.data<float>()[r * 5] = static_cast<float>(r % 2);
  m.add("ps_roi_pool", PsRoiPoolParams{0.5f}, {{n.tensor(DType::f32, {2, 18, 7, 9}), {}}, {rois, {}}},
        DType::f32, {6, 2, 3, 3});
}

}  // namespace

std::vector<VectorFile> make_vectors(CpuFeatures cpu) {
  Maker maker(cpu);
  add_convolutions(maker);
  add_binary(maker);
  add_elementwise(maker);
  add_integers(maker);
  add_movement(maker);
  add_spatial(maker);
  add_reductions(maker);
  add_recurrent(maker);
  add_int16(maker);
  add_detections(maker);
  add_positions(maker);
  return std::move(maker.files);
}

std::string checksum_lines(const std::vector<VectorFile>& files) {
  std::string lines;
  for (const VectorFile& file : files)
    lines += fmt::format("{} {:016x}\n", file.name, XXH3_64bits(file.bytes.data(), file.bytes.size()));
  return lines;
}

void write_vectors(const std::string& folder, const std::vector<VectorFile>& files) {
  const auto write = [&](const std::string& name, std::span<const std::byte> bytes) {
    const std::string path = folder + "/" + name;
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) fail(ErrorCode::file_unwritable, "cannot write '{}'", path);
  };
  for (const VectorFile& file : files) write(file.name, file.bytes);
  write("numerics-vectors.txt", bytes_of(checksum_lines(files)));
}

}  // namespace openhb::test
