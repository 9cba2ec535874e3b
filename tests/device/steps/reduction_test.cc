// SPDX-License-Identifier: Apache-2.0
// Reduce, Softmax, MatMul.
#include "common/math/functions.h"
#include "device/kernels/reduction/matmul.h"
#include "device/kernels/reduction/reduce.h"
#include "device/kernels/reduction/softmax.h"
#include "tests/device/steps/harness.h"
#include "tests/device/steps/transposed.h"

namespace openhb::test {
namespace {

int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

// 16 lanes and the tree, as docs/numerics.md says.
template <class Join>
float fold16(const std::vector<float>& values, float start, Join&& join) {
  float lanes[16];
  for (float& l : lanes) l = start;
  for (size_t i = 0; i < values.size(); ++i) lanes[i % 16] = join(lanes[i % 16], values[i]);
  for (size_t step = 8; step > 0; step /= 2)
    for (size_t l = 0; l < step; ++l) lanes[l] = join(lanes[l], lanes[l + step]);
  return lanes[0];
}
float sum16(const std::vector<float>& values) {
  return fold16(values, 0, [](float a, float b) { return a + b; });
}

float reduce(ReduceFunction f, std::vector<float> v) {
  const auto n = static_cast<float>(v.size());
  switch (f) {
    case ReduceFunction::sum:
      return sum16(v);
    case ReduceFunction::mean:
      return sum16(v) / n;
    case ReduceFunction::max:
      return fold16(v, -INFINITY, [](float a, float b) {
        return std::isnan(a) || std::isnan(b) ? NAN : a > b ? a : b;
      });
    case ReduceFunction::min:
      return fold16(v, INFINITY, [](float a, float b) {
        return std::isnan(a) || std::isnan(b) ? NAN : a < b ? a : b;
      });
    case ReduceFunction::prod:
      return fold16(v, 1, [](float a, float b) { return a * b; });
    case ReduceFunction::l1:
      for (float& x : v) x = std::fabs(x);
      return sum16(v);
    case ReduceFunction::l2:
    case ReduceFunction::sum_square:
      break;
  }
  for (float& x : v) x = x * x;
  return f == ReduceFunction::l2 ? std::sqrt(sum16(v)) : sum16(v);
}

TEST(Reduce, EqualsTheDefinition) {
  for (int round = 0; round < 250; ++round) {
    StepCase<ReduceParams> c;
    c.params.function = static_cast<ReduceFunction>(random_int(0, 7));
    Shape dims = random_shape(static_cast<size_t>(random_int(0, 5)), 7);
    if (!dims.empty() && chance(60))
      dims[static_cast<size_t>(random_int(0, static_cast<int64_t>(dims.size()) - 1))] = random_int(1, 150);
    Shape y_dims = dims;
    for (size_t i = 0; i < dims.size(); ++i)
      if (chance(50)) {
        c.params.axes.push_back(static_cast<int64_t>(i));
        y_dims[i] = 1;
      }
    std::shuffle(c.params.axes.begin(), c.params.axes.end(), rng());
    Tensor x = random_tensor(DType::f32, dims);
    if (chance(20))
      for (float& v : x.data<float>()) v = any_float();
    std::vector<std::vector<float>> groups(static_cast<size_t>(num_elements(y_dims)));
    for_each_index(
        dims, [&](const Shape& i) { groups[flat(y_dims, i)].push_back(x.data<float>()[flat(dims, i)]); });
    Tensor expected(DType::f32, y_dims);
    for (size_t i = 0; i < groups.size(); ++i)
      expected.data<float>()[i] = reduce(c.params.function, groups[i]);
    c.input(x, {}, gap()), c.output(DType::f32, y_dims, {}, gap());
    expect_same<float>(expected, c.run_everywhere(),
                       "reduce " + std::to_string(static_cast<int>(c.params.function)));
  }
}

TEST(Reduce, NothingToReduce) {
  StepCase<ReduceParams> c;
  c.params.axes = {1};
  c.input(Tensor(DType::f32, {3, 0})), c.output(DType::f32, {3, 1});
  expect_same<float>(Tensor(DType::f32, {3, 1}), c.run_everywhere(), "empty sum");
}

TEST(Reduce, RefusesWhatDoesNotFit) {
  const auto make = [](std::vector<int64_t> axes, const Shape& y, int function) {
    StepCase<ReduceParams> c;
    c.params.axes = std::move(axes);
    c.params.function = static_cast<ReduceFunction>(function);
    c.input(random_tensor(DType::f32, {3, 4})), c.output(DType::f32, y);
    return c;
  };
  EXPECT_NO_THROW(make({1, 0}, {1, 1}, 0).validate());
  make({1, 1}, {3, 1}, 0).expect_invalid("axis twice");
  make({2}, {3, 4}, 0).expect_invalid("axis 2");
  make({-1}, {3, 1}, 0).expect_invalid("axis -1");
  make({1}, {3}, 0).expect_invalid("dimension dropped");
  make({1}, {3, 1}, 8).expect_invalid("function 8");
}

TEST(Softmax, EqualsTheDefinition) {
  for (int round = 0; round < 150; ++round) {
    StepCase<SoftmaxParams> c;
    Shape dims = random_shape(static_cast<size_t>(random_int(1, 4)), 5);
    const auto axis = static_cast<size_t>(random_int(0, static_cast<int64_t>(dims.size()) - 1));
    if (chance(50)) dims[axis] = random_int(1, 300);
    if (chance(50)) dims.back() = random_int(1, 150);
    c.params.axis = static_cast<int32_t>(axis);
    c.params.log = chance(50) ? 1 : 0;
    Tensor x = random_tensor(DType::f32, dims, 10.0f);
    if (chance(20))
      for (float& v : x.data<float>())
        if (chance(5)) v = any_float();
    Tensor expected(DType::f32, dims);
    Shape firsts = dims;
    firsts[axis] = 1;
    for_each_index(firsts, [&](Shape i) {
      std::vector<float> v, e;
      for (i[axis] = 0; i[axis] < dims[axis]; ++i[axis]) v.push_back(x.data<float>()[flat(dims, i)]);
      float top = -INFINITY;
      for (const float a : v)
        if (!(a <= top)) top = a;
      for (const float a : v) e.push_back(math::evaluate_unary_f32(UnaryFunction::exp, a - top, 0, 0));
      const float sum = sum16(e), log_sum = math::evaluate_unary_f32(UnaryFunction::log, sum, 0, 0);
      for (i[axis] = 0; i[axis] < dims[axis]; ++i[axis]) {
        const auto k = static_cast<size_t>(i[axis]);
        const float d = v[k] - top;
        expected.data<float>()[flat(dims, i)] = c.params.log != 0 ? d - log_sum : e[k] / sum;
      }
    });
    c.input(x, {}, gap()), c.output(DType::f32, dims, {}, gap());
    expect_same<float>(expected, c.run_everywhere(), "softmax");
  }
}

TEST(Softmax, RefusesWhatDoesNotFit) {
  const auto make = [](int32_t axis, int32_t log) {
    StepCase<SoftmaxParams> c;
    c.params.axis = axis;
    c.params.log = log;
    c.input(random_tensor(DType::f32, {3, 4})), c.output(DType::f32, {3, 4});
    return c;
  };
  EXPECT_NO_THROW(make(1, 1).validate());
  make(2, 0).expect_invalid("axis 2");
  make(-1, 0).expect_invalid("axis -1");
  make(0, 2).expect_invalid("log 2");
}

TEST(MatMul, EqualsTheDefinition) {
  for (int round = 0; round < 120; ++round) {
    StepCase<MatMulParams> c;
    c.limit_parts = true;
    const int64_t m = chance(20) ? random_int(30, 70) : random_int(1, 9), k = random_int(0, 40),
                  n = chance(50) ? random_int(1, 20) : random_int(20, 150);
    Shape batch = random_shape(static_cast<size_t>(random_int(0, 2)), 3), a_dims = batch, b_dims = batch;
    for (size_t i = 0; i < batch.size(); ++i)
      if (chance(40)) (chance(50) ? a_dims : b_dims)[i] = 1;
    if (!batch.empty() && chance(30)) b_dims.clear();
    for (size_t i = 0; i < batch.size(); ++i)
      batch[i] = b_dims.empty() ? a_dims[i] : std::max(a_dims[i], b_dims[i]);
    a_dims.insert(a_dims.end(), {m, k}), b_dims.insert(b_dims.end(), {k, n});
    Shape y_dims = batch;
    y_dims.insert(y_dims.end(), {m, n});
    const Tensor a = random_tensor(DType::f32, a_dims), b = random_tensor(DType::f32, b_dims);
    Tensor expected(DType::f32, y_dims);
    for_each_index(y_dims, [&](const Shape& o) {
      float sum = 0;
      for (int64_t i = 0; i < k; ++i) {
        Shape ia = o, ib = o;
        ia.back() = ib[ib.size() - 2] = i;
        sum = std::fma(a.data<float>()[flat(a_dims, ia)], b.data<float>()[flat(b_dims, ib)], sum);
      }
      expected.data<float>()[flat(y_dims, o)] = sum;
    });
    c.input(a, {}, gap()), input_b(c, b, {}, gap()), c.output(DType::f32, y_dims, {}, gap());
    expect_same<float>(expected, c.run_everywhere(), "matmul");
  }
}

TEST(MatMul, RefusesWhatDoesNotFit) {
  const auto make = [](const Shape& a, const Shape& b, const Shape& y) {
    StepCase<MatMulParams> c;
    c.limit_parts = true;
    c.input(random_tensor(DType::f32, a)), c.input(random_tensor(DType::f32, b)), c.output(DType::f32, y);
    return c;
  };
  EXPECT_NO_THROW(make({5, 2, 3}, {3, 4}, {5, 2, 4}).validate());
  make({2, 3}, {4, 4}, {2, 4}).expect_invalid("inner extents");
  make({3}, {3, 4}, {4}).expect_invalid("vector");
  make({2, 3}, {3, 4}, {4, 2}).expect_invalid("output extents");
  make({5, 2, 3}, {4, 3, 4}, {5, 2, 4}).expect_invalid("batches 5 and 4");
  make({1, 2, 3}, {1, 3, 4}, {5, 2, 4}).expect_invalid("batch from nowhere");
  make({2, 3}, {3, 4}, {1, 2, 4}).expect_invalid("output rank");
}

}  // namespace
}  // namespace openhb::test
