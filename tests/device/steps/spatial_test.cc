// SPDX-License-Identifier: Apache-2.0
// Pool and Resize.
#include "device/kernels/spatial/pool.h"
#include "device/kernels/spatial/resize.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }
int8_t to_code(double v) { return static_cast<int8_t>(std::clamp(v, -128.0, 127.0)); }

// A window that leaves at least one valid position everywhere.
PoolParams random_window(PoolMode mode, const Shape& x) {
  PoolParams p;
  p.mode = mode;
  for (size_t i = 0; i < 2; ++i) {
    p.dilation[i] = static_cast<int32_t>(random_int(1, 2));
    p.kernel[i] = static_cast<int32_t>(random_int(1, std::max<int64_t>(1, (x[i + 1] - 1) / p.dilation[i])));
    p.stride[i] = static_cast<int32_t>(random_int(1, 3));
    if (p.kernel[i] > 1) {
      p.pads[i] = static_cast<int32_t>(random_int(0, p.kernel[i] / 2));
      p.pads[i + 2] = static_cast<int32_t>(random_int(0, p.kernel[i] / 2));
    }
  }
  p.count_include_pad = chance(50) ? 1 : 0;
  return p;
}
int64_t pooled(const PoolParams& p, const Shape& x, size_t i) {
  return (x[i + 1] + p.pads[i] + p.pads[i + 2] - (p.kernel[i] - 1) * p.dilation[i] - 1) / p.stride[i] + 1;
}

// Visits the valid positions of the window at output (row, column), row by row.
template <class F>
void visit_window(const PoolParams& p, const Shape& x, int64_t row, int64_t column, F&& f) {
  for (int32_t i = 0; i < p.kernel[0]; ++i)
    for (int32_t j = 0; j < p.kernel[1]; ++j) {
      const int64_t h = row * p.stride[0] - p.pads[0] + i * p.dilation[0];
      const int64_t w = column * p.stride[1] - p.pads[1] + j * p.dilation[1];
      if (h >= 0 && h < x[1] && w >= 0 && w < x[2]) f(h, w);
    }
}

Shape random_image() {
  return {random_int(1, 2), random_int(1, 12), random_int(1, 12),
          chance(30) ? random_int(60, 200) : random_int(1, 40)};
}

TEST(Pool, WindowsEqualTheFormula) {
  for (int round = 0; round < 160; ++round) {
    StepCase<PoolParams> c;
    const Shape dims = random_image();
    const bool integer = chance(60), average = chance(50);
    c.params = random_window(average ? PoolMode::average : PoolMode::max, dims);
    const PoolParams& p = c.params;
    const Shape y_dims{dims[0], pooled(p, dims, 0), pooled(p, dims, 1), dims[3]};
    const QuantParams qx = random_quant(), qy = average ? random_quant() : qx;
    Tensor x = random_tensor(integer ? DType::i8 : DType::f32, dims);
    if (!integer && !average)
      for (float& v : x.data<float>())
        if (chance(3)) v = NAN;
    Tensor expected(x.dtype(), y_dims);
    for_each_index(y_dims, [&](const Shape& o) {
      float sum = 0, best = -INFINITY;
      int best_code = -128, count = 0;
      visit_window(p, dims, o[1], o[2], [&](int64_t h, int64_t w) {
        const size_t at = flat(dims, {o[0], h, w, o[3]});
        ++count;
        if (integer) {
          best_code = std::max<int>(best_code, x.data<int8_t>()[at]);
          const float real = qx.scale() * static_cast<float>(x.data<int8_t>()[at] - qx.zero_point());
          sum = sum + real;
        } else {
          const float v = x.data<float>()[at];
          best = std::isnan(v) || std::isnan(best) ? NAN : std::max(best, v);
          sum = sum + v;
        }
      });
      const int all = p.kernel[0] * p.kernel[1];
      const float mean = sum / static_cast<float>(p.count_include_pad != 0 ? all : count);
      const size_t at = flat(y_dims, o);
      if (!integer) {
        expected.data<float>()[at] = average ? mean : best;
      } else if (!average) {
        expected.data<int8_t>()[at] = static_cast<int8_t>(best_code);
      } else {
        const float scaled = mean / qy.scale();
        const float shifted = scaled + static_cast<float>(qy.zero_point() + 128);
        expected.data<int8_t>()[at] = to_code(std::nearbyint(static_cast<double>(shifted)) - 128);
      }
    });
    c.input(x, qx, gap()), c.output(x.dtype(), y_dims, qy, gap());
    const Tensor y = c.run_everywhere();
    integer ? expect_same<int8_t>(expected, y, "pool") : expect_same<float>(expected, y, "pool");
  }
}

TEST(Pool, GlobalEqualsTheFormula) {
  for (int round = 0; round < 60; ++round) {
    StepCase<PoolParams> c;
    c.params.mode = PoolMode::global_average;
    const Shape dims = random_image(), y_dims{dims[0], 1, 1, dims[3]};
    const bool integer = chance(50);
    const QuantParams qx = random_quant(), qy = random_quant();
    const Tensor x = random_tensor(integer ? DType::i8 : DType::f32, dims);
    Tensor expected(x.dtype(), y_dims);
    const int64_t n = dims[1] * dims[2];
    for_each_index(y_dims, [&](const Shape& o) {
      int64_t codes = 0;
      float lanes[16] = {};
      for (int64_t i = 0; i < n; ++i) {
        const size_t from = flat(dims, {o[0], i / dims[2], i % dims[2], o[3]});
        if (integer)
          codes += x.data<int8_t>()[from] - qx.zero_point();
        else
          lanes[i % 16] += x.data<float>()[from];
      }
      if (integer) {
        const float below = qy.scale() * static_cast<float>(n);
        const float m = qx.scale() / below;
        const float scaled = static_cast<float>(codes) * m;
        expected.data<int8_t>()[flat(y_dims, o)] =
            to_code(std::nearbyint(static_cast<double>(scaled)) + qy.zero_point());
        return;
      }
      for (size_t step = 8; step > 0; step /= 2)
        for (size_t l = 0; l < step; ++l) lanes[l] += lanes[l + step];
      expected.data<float>()[flat(y_dims, o)] = lanes[0] / static_cast<float>(n);
    });
    c.input(x, qx, gap()), c.output(x.dtype(), y_dims, qy, gap());
    const Tensor y = c.run_everywhere();
    integer ? expect_same<int8_t>(expected, y, "global") : expect_same<float>(expected, y, "global");
  }
}

TEST(Pool, RefusesWhatDoesNotFit) {
  const QuantParams q{{0.5f}, {3}, -1};
  const auto make = [&](PoolMode mode, auto change) {
    StepCase<PoolParams> c;
    c.params.mode = mode;
    c.params.kernel = {3, 3};
    c.params.pads = {1, 1, 1, 1};
    c.input(random_tensor(DType::i8, {1, 6, 6, 4}), q), c.output(DType::i8, {1, 6, 6, 4}, q);
    change(c);
    return c;
  };
  using Case = StepCase<PoolParams>;
  const auto none = [](Case&) {};
  EXPECT_NO_THROW(make(PoolMode::max, none).validate());
  EXPECT_NO_THROW(make(PoolMode::average, none).validate());
  make(PoolMode::global_average, none).expect_invalid("global with a large output");
  make(static_cast<PoolMode>(3), none).expect_invalid("mode 3");
  make(PoolMode::max, [](Case& c) { c.params.stride = {0, 1}; }).expect_invalid("stride 0");
  make(PoolMode::max, [](Case& c) { c.params.kernel = {-1, 3}; }).expect_invalid("kernel -1");
  make(PoolMode::max, [](Case& c) { c.params.dilation = {1, 0}; }).expect_invalid("dilation 0");
  make(PoolMode::max, [](Case& c) { c.params.pads[2] = -1; }).expect_invalid("pad -1");
  make(PoolMode::max, [](Case& c) { c.params.pads[3] = 2; }).expect_invalid("output too small");
  make(PoolMode::max, [](Case& c) { c.out().quant.scales[0] = 1; }).expect_invalid("scales differ");
  make(PoolMode::max, [](Case& c) { c.out().dims[3] = 3; }).expect_invalid("channels differ");
  make(PoolMode::max, [](Case& c) { c.in(0).dtype = DType::u8; }).expect_invalid("uint8");
  make(PoolMode::max, [](Case& c) {
    c.params.kernel = {1, 3}, c.params.pads = {1, 1, 1, 1}, c.out().dims[1] = 8;
  }).expect_invalid("a window in the padding");
  make(PoolMode::max, [](Case& c) {
    c.params.kernel = {2147483647, 3}, c.params.pads = {2147483647, 1, 0, 1};
  }).expect_invalid("huge kernel");
}

struct Tables {
  Tensor rows, row_weights, columns, column_weights;
};
Tables random_tables(int64_t in_rows, int64_t in_columns, int64_t rows, int64_t columns) {
  Tables t{Tensor(DType::i32, {2, rows}), Tensor(DType::f32, {2, rows}), Tensor(DType::i32, {2, columns}),
           Tensor(DType::f32, {2, columns})};
  for (int32_t& v : t.rows.data<int32_t>()) v = static_cast<int32_t>(random_int(0, in_rows - 1));
  for (int32_t& v : t.columns.data<int32_t>()) v = static_cast<int32_t>(random_int(0, in_columns - 1));
  for (Tensor* w : {&t.row_weights, &t.column_weights})
    for (float& v : w->data<float>())
      v = chance(50) ? 0.25f * static_cast<float>(random_int(0, 4)) : random_float(0, 1);
  return t;
}

TEST(Resize, LinearEqualsTheFormula) {
  for (int round = 0; round < 100; ++round) {
    StepCase<ResizeParams> c;
    c.params.mode = ResizeMode::linear;
    const Shape dims = random_image();
    const Shape y_dims{dims[0], random_int(1, 15), random_int(1, 15), dims[3]};
    const bool integer = chance(60);
    const QuantParams qx = random_quant(), qy = chance(50) ? qx : random_quant();
    const Tensor x = random_tensor(integer ? DType::i8 : DType::f32, dims);
    const Tables t = random_tables(dims[1], dims[2], y_dims[1], y_dims[2]);
    Tensor expected(x.dtype(), y_dims);
    for_each_index(y_dims, [&](const Shape& o) {
      const auto real = [&](int64_t column, int64_t row) {
        const int32_t h = t.rows.data<int32_t>()[static_cast<size_t>(row * y_dims[1] + o[1])];
        const int32_t w = t.columns.data<int32_t>()[static_cast<size_t>(column * y_dims[2] + o[2])];
        const size_t at = flat(dims, {o[0], h, w, o[3]});
        return integer ? static_cast<float>(x.data<int8_t>()[at] - qx.zero_point()) * qx.scale()
                       : x.data<float>()[at];
      };
      const auto weight = [&](int64_t column, int64_t row) {
        return t.column_weights.data<float>()[static_cast<size_t>(column * y_dims[2] + o[2])] *
               t.row_weights.data<float>()[static_cast<size_t>(row * y_dims[1] + o[1])];
      };
      float sum = 0;
      bool first = true;
      for (const auto& [column, row] : {std::pair{0, 0}, {1, 0}, {0, 1}, {1, 1}}) {
        const float product = weight(column, row) * real(column, row);
        sum = first ? product : sum + product;
        first = false;
      }
      if (!integer) {
        expected.data<float>()[flat(y_dims, o)] = sum;
      } else {
        const float ratio = sum / qy.scale();
        expected.data<int8_t>()[flat(y_dims, o)] =
            to_code(std::nearbyint(static_cast<double>(ratio)) + qy.zero_point());
      }
    });
    c.input(x, qx, gap());
    c.constant(t.rows), c.constant(t.row_weights), c.constant(t.columns), c.constant(t.column_weights);
    c.output(x.dtype(), y_dims, qy, gap());
    const Tensor y = c.run_everywhere();
    integer ? expect_same<int8_t>(expected, y, "linear") : expect_same<float>(expected, y, "linear");
  }
}

TEST(Resize, NearestCopies) {
  for (int round = 0; round < 100; ++round) {
    StepCase<ResizeParams> c;
    const DType dtype = static_cast<DType>(random_int(0, static_cast<int64_t>(kDTypes.size()) - 1));
    const Shape dims = random_image(), y_dims{dims[0], random_int(1, 15), random_int(1, 15), dims[3]};
    const Tensor x = random_tensor(dtype, dims);
    Tensor rows(DType::i32, {y_dims[1]}), columns(DType::i32, {y_dims[2]});
    for (int32_t& v : rows.data<int32_t>()) v = static_cast<int32_t>(random_int(0, dims[1] - 1));
    for (int32_t& v : columns.data<int32_t>()) v = static_cast<int32_t>(random_int(0, dims[2] - 1));
    Tensor expected(dtype, y_dims);
    const size_t size = dtype_size(dtype);
    for_each_index(y_dims, [&](const Shape& o) {
      const Shape source{o[0], rows.data<int32_t>()[static_cast<size_t>(o[1])],
                         columns.data<int32_t>()[static_cast<size_t>(o[2])], o[3]};
      std::memcpy(expected.bytes().data() + flat(y_dims, o) * size,
                  x.bytes().data() + flat(dims, source) * size, size);
    });
    unify_nans(expected);
    c.input(x, {}, gap()), c.constant(rows), c.constant(columns), c.output(dtype, y_dims, {}, gap());
    EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes()));
  }
}

TEST(Resize, RefusesWhatDoesNotFit) {
  using Case = StepCase<ResizeParams>;
  const auto make = [](auto change) {
    Case c;
    c.params.mode = ResizeMode::linear;
    Tables t = random_tables(4, 4, 6, 6);
    change(t);
    c.input(random_tensor(DType::f32, {1, 4, 4, 3}));
    c.constant(t.rows), c.constant(t.row_weights), c.constant(t.columns), c.constant(t.column_weights);
    c.output(DType::f32, {1, 6, 6, 3});
    return c;
  };
  EXPECT_NO_THROW(make([](Tables&) {}).validate());
  make([](Tables& t) { t.rows.data<int32_t>()[3] = 4; }).expect_invalid("row 4");
  make([](Tables& t) { t.columns.data<int32_t>()[11] = -1; }).expect_invalid("column -1");
  make([](Tables& t) { t.rows = t.rows.reshaped({12}); }).expect_invalid("flat table");
  make([](Tables& t) { t.columns = Tensor(DType::i32, {2, 5}); }).expect_invalid("short table");
  make([](Tables& t) { t.row_weights = Tensor(DType::f64, {2, 6}); }).expect_invalid("float64 weights");
  Case mode = make([](Tables&) {});
  mode.params.mode = static_cast<ResizeMode>(2);
  mode.expect_invalid("mode 2");
  Case nearest = make([](Tables&) {});
  nearest.params.mode = ResizeMode::nearest;
  nearest.expect_invalid("nearest with five inputs");
  Case moved = make([](Tables&) {});
  moved.in(1).storage = Storage::arena;
  moved.expect_invalid("computed table");
}

}  // namespace
}  // namespace openhb::test
