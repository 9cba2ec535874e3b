// SPDX-License-Identifier: Apache-2.0
// Copy, Fill, Gather.
#include "device/kernels/elementwise/convert.h"
#include "device/kernels/movement/copy.h"
#include "device/kernels/movement/fill.h"
#include "device/kernels/movement/gather.h"
#include "tests/device/steps/harness.h"

namespace openhb::test {
namespace {

DType random_dtype() { return static_cast<DType>(random_int(0, static_cast<int64_t>(kDTypes.size()) - 1)); }
int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

// out[i permuted] = in[begin + step * i], the general slice and transpose.
void test_copy(size_t rank, int64_t limit) {
  StepCase<CopyParams> c;
  const DType dtype = random_dtype();
  const auto size = dtype_size(dtype);
  const Shape in_dims = random_shape(rank, limit);
  const Tensor x = random_tensor(dtype, in_dims);
  c.input(x, {}, gap());
  const Shape in_strides = c.in(0).strides();

  CopyParams& p = c.params;
  std::vector<size_t> order(rank);
  for (size_t i = 0; i < rank; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), rng());
  Shape out_dims(rank), begin(rank), step(rank);
  for (size_t k = 0; k < rank; ++k) {
    const size_t i = order[k];
    const int64_t n = in_dims[i];
    step[k] = chance(70) ? 1 : chance(50) ? -1 : chance(50) ? 2 : 0;
    begin[k] = chance(70) ? 0 : random_int(0, n - 1);
    if (step[k] < 0) begin[k] = n - 1 - begin[k];
    const int64_t room = step[k] < 0 ? begin[k] + 1 : n - begin[k];
    out_dims[k] = step[k] == 0 ? random_int(1, limit) : (room + std::abs(step[k]) - 1) / std::abs(step[k]);
    p.in_offset += begin[k] * in_strides[i];
  }
  c.output(dtype, out_dims, {}, gap());
  const Shape out_strides = c.out().strides();
  for (size_t k = 0; k < rank; ++k) {
    p.extent.push_back(out_dims[k]);
    p.in_strides.push_back(step[k] * in_strides[order[k]]);
    p.out_strides.push_back(out_strides[k]);
    if (!chance(20)) continue;  // the same loop backwards
    p.in_offset += (out_dims[k] - 1) * p.in_strides[k];
    p.out_offset += (out_dims[k] - 1) * p.out_strides[k];
    p.in_strides[k] = -p.in_strides[k];
    p.out_strides[k] = -p.out_strides[k];
  }
  Tensor expected(dtype, out_dims);
  for_each_index(out_dims, [&](const Shape& index) {
    Shape source(rank);
    for (size_t k = 0; k < rank; ++k) source[order[k]] = begin[k] + step[k] * index[k];
    std::memcpy(expected.bytes().data() + flat(out_dims, index) * size,
                x.bytes().data() + flat(in_dims, source) * size, size);
  });
  unify_nans(expected);
  EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes())) << to_string(out_dims);
}
TEST(Copy, SlicesAndTransposes) {
  for (int round = 0; round < 300; ++round) test_copy(static_cast<size_t>(random_int(0, 6)), 6);
  for (int round = 0; round < 60; ++round) test_copy(static_cast<size_t>(random_int(1, 3)), 90);
}

// Planes to pixels and back, for every width of pixels, row pitch and element size that has a kernel.
TEST(Copy, PlanesAndPixels) {
  for (const DType dtype : {DType::i8, DType::i16, DType::f32, DType::i64})
    for (int64_t channels = 1; channels <= 20; ++channels) {
      const int64_t pixels = random_int(1, 150), out_gap = gap();
      const bool to_pixels = chance(50);
      const Shape in_dims = to_pixels ? Shape{channels, pixels} : Shape{pixels, channels};
      const Shape out_dims{in_dims[1], in_dims[0]};
      StepCase<CopyParams> c;
      const Tensor x = random_tensor(dtype, in_dims);
      c.input(x, {}, gap()), c.output(dtype, out_dims, {}, out_gap);
      c.params.extent = out_dims;
      c.params.in_strides = {1, c.in(0).pitch};
      c.params.out_strides = {out_dims[1] + out_gap, 1};
      Tensor expected(dtype, out_dims);
      const size_t size = dtype_size(dtype);
      for_each_index(out_dims, [&](const Shape& i) {
        std::memcpy(expected.bytes().data() + flat(out_dims, i) * size,
                    x.bytes().data() + flat(in_dims, {i[1], i[0]}) * size, size);
      });
      unify_nans(expected);
      EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes())) << to_string(out_dims);
    }
}

// Three planes to pixels of four bytes: what lies between the pixels stays as it is (run_everywhere checks).
TEST(Copy, PicturesWithWidePixels) {
  for (int round = 0; round < 40; ++round) {
    const int64_t rows = random_int(1, 3), n = round < 20 ? 16 * random_int(1, 9) : random_int(1, 150);
    StepCase<CopyParams> c;
    const Tensor x = random_tensor(DType::i8, {3, rows, n});
    c.input(x, {}, chance(50) ? 0 : random_int(0, 20)), c.output(DType::i8, {rows, n, 3}, {}, 1);
    c.params.extent = {rows, n, 3};
    c.params.in_strides = {c.in(0).pitch, 1, rows * c.in(0).pitch};
    c.params.out_strides = {4 * n, 4, 1};
    Tensor expected(DType::i8, {rows, n, 3});
    for_each_index({rows, n, 3}, [&](const Shape& i) {
      expected.data<int8_t>()[flat({rows, n, 3}, i)] =
          x.data<int8_t>()[flat({3, rows, n}, {i[2], i[0], i[1]})];
    });
    expect_same<int8_t>(expected, c.run_everywhere(), "wide pixels");
  }
}

TEST(Copy, EverySecondByte) {
  for (int round = 0; round < 40; ++round) {
    StepCase<CopyParams> c;
    const int64_t rows = random_int(1, 70), n = random_int(1, 80), first = random_int(0, 1);
    const Tensor x = random_tensor(DType::i8, {rows, 2 * n});
    c.input(x), c.output(DType::i8, {rows, n}, {}, gap());
    c.params.extent = {rows, n};
    c.params.in_strides = {2 * n, 2};
    c.params.out_strides = {c.out().pitch, 1};
    c.params.in_offset = first;
    Tensor expected(DType::i8, {rows, n});
    for (size_t i = 0; i < expected.size(); ++i)
      expected.data<int8_t>()[i] = x.data<int8_t>()[2 * i + static_cast<size_t>(first)];
    expect_same<int8_t>(expected, c.run_everywhere(), "every second");
  }
}

// Two tensors into one, along the innermost dimension: only a part of each row is written.
TEST(Copy, WritesOnlyItsPart) {
  StepCase<CopyParams> c;
  const Tensor x = random_tensor(DType::i8, {6, 7, 3});
  c.input(x, {}, 1), c.output(DType::i8, {6, 7, 8});
  c.params.extent = {42, 3};
  c.params.in_strides = {4, 1};
  c.params.out_strides = {8, 1};
  c.params.out_offset = 4;
  c.validate();
  c.out().offset += 4, c.out().dims = {6, 7, 3}, c.params.out_offset = 0;  // the part as a tensor of its own
  EXPECT_EQ(8, c.out().pitch);
  expect_same<int8_t>(x, c.run_everywhere(), "part");
}

TEST(Copy, RefusesWhatReachesOutside) {
  const auto make = [](std::vector<int64_t> extent, std::vector<int64_t> in, std::vector<int64_t> out,
                       int64_t from, int64_t to) {
    StepCase<CopyParams> c;
    c.input(random_tensor(DType::i8, {4, 5}), {}, 1), c.output(DType::i8, {4, 5}, {}, 1);
    c.params.extent = std::move(extent);
    c.params.in_strides = std::move(in);
    c.params.out_strides = std::move(out);
    c.params.in_offset = from;
    c.params.out_offset = to;
    return c;
  };
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max(), kLow = std::numeric_limits<int64_t>::min();
  EXPECT_NO_THROW(make({4, 5}, {6, 1}, {6, 1}, 0, 0).validate());
  EXPECT_NO_THROW(make({4, 5}, {-6, 1}, {6, 1}, 18, 0).validate());
  EXPECT_NO_THROW(make({0, 5}, {kHuge, 1}, {kLow, 1}, -7, 100).validate());
  make({4, 5}, {6, 1}, {6, 1}, 1, 0).expect_invalid("reads one too far");
  make({4, 5}, {6, 1}, {6, 1}, 0, 1).expect_invalid("writes one too far");
  make({4, 5}, {-6, 1}, {6, 1}, 17, 0).expect_invalid("reads before the start");
  make({4, 5}, {6, 1}, {6, 0}, 0, 0).expect_invalid("writes twice");
  make({4, 5}, {6, 1}, {4, 1}, 0, 0).expect_invalid("rows overlap");
  make({4, 5}, {6, 1, 1}, {6, 1}, 0, 0).expect_invalid("too many strides");
  make({4, -5}, {6, 1}, {6, 1}, 0, 0).expect_invalid("negative extent");
  make({4, kHuge}, {6, 1}, {6, 1}, 0, 0).expect_invalid("huge extent");
  make({2, 2}, {kLow, kLow}, {6, 1}, 0, 0).expect_invalid("sum overflows");
  make({2, 5}, {kHuge, 1}, {6, 1}, kHuge, 0).expect_invalid("huge stride");
  make({2, 5}, {6, 1}, {kLow, 1}, 0, 0).expect_invalid("lowest stride");
  make(std::vector<int64_t>(9, 1), std::vector<int64_t>(9, 1), std::vector<int64_t>(9, 1), 0, 0)
      .expect_invalid("rank");
  StepCase<CopyParams> sizes;
  sizes.input(random_tensor(DType::i16, {2})), sizes.output(DType::i8, {2});
  sizes.expect_invalid("element sizes");
}

TEST(Fill, EveryType) {
  for (const DTypeInfo& type : kDTypes)
    for (const double value : {0.0, 1.0, -3.0, 100.25, 1e30}) {
      StepCase<FillParams> c;
      c.params.value = value;
      const Shape shape = random_shape(static_cast<size_t>(random_int(0, 4)), 9);
      c.output(type.dtype, shape, {}, gap());
      Tensor expected(type.dtype, shape);
      kernels::with_element_type(type.dtype, [&]<class T>() {
        const T v = kernels::convert<T>(value);
        for (size_t i = 0; i < expected.size(); ++i)
          std::memcpy(expected.bytes().data() + i * sizeof(T), &v, sizeof(T));
      });
      EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes()))
          << type.name << " " << value;
    }
}

TEST(Gather, EqualsTheNaiveLoop) {
  for (int round = 0; round < 200; ++round) {
    StepCase<GatherParams> c;
    const DType dtype = random_dtype();
    const size_t size = dtype_size(dtype), rank = static_cast<size_t>(random_int(1, 4));
    const Shape dims = random_shape(rank, chance(20) ? 30 : 6);
    const Shape index_dims = random_shape(static_cast<size_t>(random_int(0, 3)), 5);
    const auto axis = static_cast<size_t>(random_int(0, static_cast<int64_t>(rank) - 1));
    c.params.axis = static_cast<int32_t>(axis);
    const Tensor x = random_tensor(dtype, dims);
    Tensor indices(chance(50) ? DType::i32 : DType::i64, index_dims);
    std::vector<int64_t> values;
    for (size_t i = 0; i < indices.size(); ++i) {
      values.push_back(chance(10) ? random_int(-1000000, 1000000) : random_int(-dims[axis], dims[axis] - 1));
      if (indices.dtype() == DType::i64)
        indices.data<int64_t>()[i] = values.back();
      else
        indices.data<int32_t>()[i] = static_cast<int32_t>(values.back());
    }
    Shape y_dims(dims.begin(), dims.begin() + c.params.axis);
    y_dims.insert(y_dims.end(), index_dims.begin(), index_dims.end());
    y_dims.insert(y_dims.end(), dims.begin() + c.params.axis + 1, dims.end());
    Tensor expected(dtype, y_dims);
    for_each_index(y_dims, [&](const Shape& y) {
      const auto at = static_cast<std::ptrdiff_t>(axis), n = static_cast<std::ptrdiff_t>(index_dims.size());
      int64_t v = values[flat(index_dims, Shape(y.begin() + at, y.begin() + at + n))];
      v = std::clamp<int64_t>(v < 0 ? v + dims[axis] : v, 0, dims[axis] - 1);
      Shape source(y.begin(), y.begin() + at);
      source.push_back(v);
      source.insert(source.end(), y.begin() + at + n, y.end());
      std::memcpy(expected.bytes().data() + flat(y_dims, y) * size,
                  x.bytes().data() + flat(dims, source) * size, size);
    });
    unify_nans(expected);
    c.input(x, {}, gap());
    chance(50) ? c.input(indices, {}, gap()) : c.constant(indices);
    c.output(dtype, y_dims, {}, gap());
    EXPECT_TRUE(std::ranges::equal(expected.bytes(), c.run_everywhere().bytes())) << to_string(y_dims);
  }
}

TEST(Gather, RefusesWhatDoesNotFit) {
  const auto make = [](int32_t axis, const Shape& data, DType index, const Shape& y) {
    StepCase<GatherParams> c;
    c.params.axis = axis;
    c.input(random_tensor(DType::f32, data)), c.input(random_tensor(index, {2})), c.output(DType::f32, y);
    return c;
  };
  EXPECT_NO_THROW(make(1, {3, 4}, DType::i32, {3, 2}).validate());
  make(2, {3, 4}, DType::i32, {3, 2}).expect_invalid("axis 2");
  make(-1, {3, 4}, DType::i32, {3, 2}).expect_invalid("axis -1");
  make(1, {3, 4}, DType::i16, {3, 2}).expect_invalid("int16 indices");
  make(1, {3, 4}, DType::i32, {2, 3}).expect_invalid("wrong extents");
  make(1, {3, 0}, DType::i32, {3, 2}).expect_invalid("nothing to choose from");
}

}  // namespace
}  // namespace openhb::test
