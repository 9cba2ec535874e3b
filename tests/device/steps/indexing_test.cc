// SPDX-License-Identifier: Apache-2.0
// Steps that move elements to or from computed positions.
#include <algorithm>

#include "device/kernels/indexing/indexing.h"

#include "device/kernels/elementwise/convert.h"
#include "tests/device/steps/harness.h"
#include "tests/device/steps/hostile.h"

namespace openhb::test {
namespace {

DType any_dtype() { return static_cast<DType>(random_int(0, static_cast<int64_t>(kDTypes.size()) - 1)); }
int64_t gap() { return chance(50) ? 0 : random_int(1, 5); }

// Indices int32 or int64, mostly in [-extent, extent); `all` receives their values.
Tensor random_indices(const Shape& shape, const std::function<int64_t(size_t)>& extent,
                      std::vector<int64_t>& all) {
  Tensor t(chance(50) ? DType::i32 : DType::i64, shape);
  for (size_t i = 0; i < t.size(); ++i) {
    const int64_t n = extent(i);
    all.push_back(chance(5) ? random_int(-1000000, 1000000) : random_int(-n, n - 1));
    if (t.dtype() == DType::i64)
      t.data<int64_t>()[i] = all.back();
    else
      t.data<int32_t>()[i] = static_cast<int32_t>(all.back());
  }
  return t;
}
int64_t clamped(int64_t i, int64_t n) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n - 1); }
int64_t checked(int64_t i, int64_t n) { return i >= -n && i < n ? (i < 0 ? i + n : i) : -1; }

void copy_element(Tensor& to, size_t at, const Tensor& from, size_t source) {
  const size_t size = dtype_size(to.dtype());
  std::memcpy(to.bytes().data() + at * size, from.bytes().data() + source * size, size);
}
void expect_bytes(Tensor expected, const Tensor& actual) {
  unify_nans(expected);
  EXPECT_TRUE(std::ranges::equal(expected.bytes(), actual.bytes())) << to_string(expected.shape());
}

TEST(GatherElements, EqualsTheNaiveLoop) {
  for (int round = 0; round < 150; ++round) {
    StepCase<GatherElementsParams> c;
    const auto rank = static_cast<size_t>(random_int(1, 4));
    const Tensor x = random_tensor(any_dtype(), random_shape(rank, 7));
    const auto axis = static_cast<size_t>(random_int(0, static_cast<int64_t>(rank) - 1));
    Shape dims;
    for (size_t i = 0; i < rank; ++i)
      dims.push_back(i == axis ? random_int(1, 40) : random_int(1, x.shape()[i]));
    std::vector<int64_t> values;
    const Tensor indices = random_indices(dims, [&](size_t) { return x.shape()[axis]; }, values);
    Tensor expected(x.dtype(), dims);
    for_each_index(dims, [&](const Shape& at) {
      Shape from = at;
      from[axis] = clamped(values[flat(dims, at)], x.shape()[axis]);
      int64_t source = 0;
      for (size_t i = 0; i < rank; ++i) source = source * x.shape()[i] + from[i];
      copy_element(expected, flat(dims, at), x, static_cast<size_t>(source));
    });
    c.params.axis = static_cast<int32_t>(axis);
    c.input(x, {}, gap()), c.input(indices, {}, gap()), c.output(x.dtype(), dims, {}, gap());
    expect_bytes(expected, c.run_everywhere());
  }
}

// A tensor, index tuples into it and the extents of the slices they name.
struct Tuples {
  Shape data, indices, slices;
  size_t batch = 0, depth = 1;
};
Tuples random_tuples(bool batches) {
  Tuples t;
  t.data = random_shape(static_cast<size_t>(random_int(1, 4)), 6);
  const auto rank = static_cast<int64_t>(t.data.size());
  t.batch = batches ? static_cast<size_t>(random_int(0, rank - 1)) : 0;
  t.depth = static_cast<size_t>(random_int(1, rank - static_cast<int64_t>(t.batch)));
  t.indices.assign(t.data.begin(), t.data.begin() + static_cast<std::ptrdiff_t>(t.batch));
  for (int64_t n = random_int(0, 2); n > 0; --n) t.indices.push_back(random_int(1, 5));
  t.slices = t.indices;
  t.slices.insert(t.slices.end(), t.data.begin() + static_cast<std::ptrdiff_t>(t.batch + t.depth),
                  t.data.end());
  t.indices.push_back(static_cast<int64_t>(t.depth));
  return t;
}
// Position in the data of element `at` of the slices, or -1.
int64_t tuple_position(const Tuples& t, const Shape& at, const std::vector<int64_t>& values, bool clamp) {
  const size_t lead = t.indices.size() - 1;
  int64_t tuple = 0, position = 0;
  for (size_t i = 0; i < lead; ++i) tuple = tuple * t.indices[i] + at[i];
  for (size_t i = 0; i < t.data.size(); ++i) {
    int64_t k = 0;
    if (i < t.batch) {
      k = at[i];
    } else if (i < t.batch + t.depth) {
      const int64_t v = values[static_cast<size_t>(tuple) * t.depth + i - t.batch];
      k = clamp ? clamped(v, t.data[i]) : checked(v, t.data[i]);
      if (k < 0) return -1;
    } else {
      k = at[lead + i - t.batch - t.depth];
    }
    position = position * t.data[i] + k;
  }
  return position;
}

TEST(GatherND, EqualsTheNaiveLoop) {
  for (int round = 0; round < 200; ++round) {
    StepCase<GatherNdParams> c;
    const Tuples t = random_tuples(true);
    const Tensor x = random_tensor(any_dtype(), t.data);
    std::vector<int64_t> values;
    const Tensor indices =
        random_indices(t.indices, [&](size_t i) { return t.data[t.batch + i % t.depth]; }, values);
    Tensor expected(x.dtype(), t.slices);
    size_t n = 0;
    for_each_index(t.slices, [&](const Shape& at) {
      copy_element(expected, n++, x, static_cast<size_t>(tuple_position(t, at, values, true)));
    });
    c.params.batch_dims = static_cast<int32_t>(t.batch);
    c.input(x, {}, gap()), c.input(indices, {}, gap()), c.output(x.dtype(), t.slices, {}, gap());
    expect_bytes(expected, c.run_everywhere());
  }
}

// y[at] = combine(y[at], update), in the types' own arithmetic.
template <class T>
T combined(T a, T b, ScatterReduction r) {
  switch (r) {
    case ScatterReduction::none:
      return b;
    case ScatterReduction::add:
      return static_cast<T>(a + b);
    case ScatterReduction::mul:
      return static_cast<T>(a * b);
    case ScatterReduction::max:
      return std::max(a, b);
    case ScatterReduction::min:
      return std::min(a, b);
  }
  return b;
}
void update(Tensor& y, int64_t at, const Tensor& updates, size_t from, ScatterReduction r) {
  const auto apply = [&]<class T>() {
    auto& to = y.data<T>()[static_cast<size_t>(at)];
    to = combined(to, updates.data<T>()[from], r);
  };
  if (r == ScatterReduction::none) return copy_element(y, static_cast<size_t>(at), updates, from);
  if (y.dtype() == DType::f32) apply.template operator()<float>();
  if (y.dtype() == DType::i8) apply.template operator()<int8_t>();
  if (y.dtype() == DType::u32) apply.template operator()<uint32_t>();
}
DType reducible(ScatterReduction r) {
  constexpr DType kTypes[] = {DType::f32, DType::i8, DType::u32};
  return r == ScatterReduction::none ? any_dtype() : kTypes[random_int(0, 2)];
}

TEST(ScatterElements, EqualsTheNaiveLoop) {
  for (int round = 0; round < 200; ++round) {
    StepCase<ScatterElementsParams> c;
    const auto reduction = static_cast<ScatterReduction>(random_int(0, 4));
    const auto rank = static_cast<size_t>(random_int(1, 4));
    const Tensor x = random_tensor(reducible(reduction), random_shape(rank, 7));
    const auto axis = static_cast<size_t>(random_int(0, static_cast<int64_t>(rank) - 1));
    Shape dims;
    for (size_t i = 0; i < rank; ++i)
      dims.push_back(i == axis ? random_int(1, 12) : random_int(1, x.shape()[i]));
    std::vector<int64_t> values;
    const Tensor indices = random_indices(dims, [&](size_t) { return x.shape()[axis]; }, values);
    const Tensor updates = random_tensor(x.dtype(), dims);
    Tensor expected = x;
    size_t n = 0;
    for_each_index(dims, [&](const Shape& at) {
      const int64_t k = checked(values[n], x.shape()[axis]);
      int64_t to = 0;
      for (size_t i = 0; i < rank; ++i) to = to * x.shape()[i] + (i == axis ? k : at[i]);
      if (k >= 0) update(expected, to, updates, n, reduction);
      ++n;
    });
    c.params.axis = static_cast<int32_t>(axis);
    c.params.reduction = reduction;
    c.input(x, {}, gap()), c.input(indices, {}, gap()), c.input(updates, {}, gap());
    c.output(x.dtype(), x.shape(), {}, gap());
    expect_bytes(expected, c.run_everywhere());
  }
}

TEST(ScatterND, EqualsTheNaiveLoop) {
  for (int round = 0; round < 200; ++round) {
    StepCase<ScatterNdParams> c;
    const auto reduction = static_cast<ScatterReduction>(random_int(0, 4));
    const Tuples t = random_tuples(false);
    const Tensor x = random_tensor(reducible(reduction), t.data),
                 updates = random_tensor(x.dtype(), t.slices);
    std::vector<int64_t> values;
    const Tensor indices = random_indices(t.indices, [&](size_t i) { return t.data[i % t.depth]; }, values);
    Tensor expected = x;
    size_t n = 0;
    for_each_index(t.slices, [&](const Shape& at) {
      const int64_t to = tuple_position(t, at, values, false);
      if (to >= 0) update(expected, to, updates, n, reduction);
      ++n;
    });
    c.params.reduction = reduction;
    c.input(x, {}, gap()), c.input(indices, {}, gap()), c.input(updates, {}, gap());
    c.output(x.dtype(), x.shape(), {}, gap());
    expect_bytes(expected, c.run_everywhere());
  }
}

TEST(ScatterElements, BoolsAreOrAndAnd) {
  StepCase<ScatterElementsParams> c;
  Tensor x(DType::boolean, {4}), updates(DType::boolean, {4});
  const int a[] = {0, 0, 1, 1}, b[] = {0, 1, 0, 1};
  for (size_t i = 0; i < 4; ++i)
    x.bytes()[i] = static_cast<std::byte>(a[i]), updates.bytes()[i] = static_cast<std::byte>(b[i]);
  c.input(x), c.input(Tensor::from<int64_t>({4}, std::vector<int64_t>{0, 1, 2, 3})), c.input(updates);
  c.output(DType::boolean, {4});
  for (const auto r : {ScatterReduction::add, ScatterReduction::mul}) {
    c.params.reduction = r;
    const Tensor y = c.run_everywhere();
    for (size_t i = 0; i < 4; ++i)
      EXPECT_EQ(static_cast<int>(y.bytes()[i]), r == ScatterReduction::add ? (a[i] | b[i]) : (a[i] & b[i]));
  }
}

template <class T>
void test_top_k(DType dtype) {
  for (int round = 0; round < 60; ++round) {
    StepCase<TopKParams> c;
    const auto rank = static_cast<size_t>(random_int(1, 3));
    Tensor x = random_tensor(dtype, random_shape(rank, chance(20) ? 60 : 8));
    for (T& v : x.data<T>())
      if (chance(40)) v = static_cast<T>(random_int(0, 2));  // ties
    if constexpr (std::is_same_v<T, float>)
      for (T& v : x.data<T>())
        if (chance(5)) v = chance(50) ? std::numeric_limits<T>::quiet_NaN() : T{-0.0f};
    const auto axis = static_cast<size_t>(random_int(0, static_cast<int64_t>(rank) - 1));
    const bool largest = chance(50);
    Shape dims = x.shape();
    dims[axis] = random_int(0, dims[axis]);
    Tensor expected(DType::i64, dims);
    Shape lines = x.shape();
    lines[axis] = 1;
    for_each_index(lines, [&](const Shape& line) {
      std::vector<int64_t> order(static_cast<size_t>(x.shape()[axis]));
      for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
      const auto value = [&](int64_t i) {
        Shape at = line;
        at[axis] = i;
        return x.data<T>()[flat(x.shape(), at)];
      };
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        const T va = value(a), vb = value(b);
        const bool na = va != va, nb = vb != vb;
        if (na != nb) return largest ? na : nb;
        if (na || va == vb) return a < b;
        return largest ? va > vb : va < vb;
      });
      for (int64_t i = 0; i < dims[axis]; ++i) {
        Shape at = line;
        at[axis] = i;
        expected.data<int64_t>()[flat(dims, at)] = order[static_cast<size_t>(i)];
      }
    });
    c.params = {static_cast<int32_t>(axis), largest ? 1 : 0};
    c.input(x, {}, gap()), c.output(DType::i64, dims, {}, gap());
    expect_same<int64_t>(expected, c.run_everywhere(), to_string(x.shape()));
  }
}
TEST(TopK, EqualsASort) {
  test_top_k<float>(DType::f32);
  test_top_k<int8_t>(DType::i8);
  test_top_k<int32_t>(DType::i32);
  test_top_k<int64_t>(DType::i64);
  test_top_k<uint64_t>(DType::u64);
}

TEST(ReverseSequence, EqualsTheNaiveLoop) {
  for (int round = 0; round < 80; ++round) {
    StepCase<ReverseSequenceParams> c;
    const Tensor x = random_tensor(any_dtype(), random_shape(static_cast<size_t>(random_int(2, 5)), 6));
    const bool time_first = chance(50);
    const size_t time = time_first ? 0 : 1, batch = time_first ? 1 : 0;
    const int64_t n = x.shape()[time];
    Tensor lengths(DType::i64, {x.shape()[batch]});
    for (int64_t& v : lengths.data<int64_t>()) v = random_int(-2, n + 2);
    Tensor expected(x.dtype(), x.shape());
    for_each_index(x.shape(), [&](const Shape& at) {
      Shape from = at;
      const int64_t length =
          std::clamp<int64_t>(lengths.data<int64_t>()[static_cast<size_t>(at[batch])], 0, n);
      if (at[time] < length) from[time] = length - 1 - at[time];
      copy_element(expected, flat(x.shape(), at), x, flat(x.shape(), from));
    });
    c.params = {static_cast<int32_t>(batch), static_cast<int32_t>(time)};
    c.input(x, {}, gap()), c.input(lengths), c.output(x.dtype(), x.shape(), {}, gap());
    expect_bytes(expected, c.run_everywhere());
  }
}

// Greedy selection written the other way round: cross out what a kept box suppresses.
TEST(NonMaxSuppression, KeepsTheBestOfOverlappingBoxes) {
  for (int round = 0; round < 60; ++round) {
    StepCase<NonMaxSuppressionParams> c;
    const int64_t images = random_int(1, 2), classes = random_int(1, 3), boxes = random_int(1, 20);
    const bool centered = chance(50);
    Tensor b(DType::f32, {images, boxes, 4}), s(DType::f32, {images, classes, boxes});
    // Eighths, so that every area is exact.
    for (float& v : b.data<float>()) v = static_cast<float>(random_int(0, 24)) / 8;
    for (float& v : s.data<float>()) v = static_cast<float>(random_int(0, 9)) / 8;
    const float limit = static_cast<float>(random_int(0, 8)) / 8, least = 0.25f;
    c.params = {random_int(0, 6), centered ? 1 : 0};
    const int64_t most = std::min(c.params.max_boxes, boxes);
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < images; ++i)
      for (int64_t k = 0; k < classes; ++k) {
        std::vector<bool> out(static_cast<size_t>(boxes));
        const auto score = [&](int64_t j) {
          return s.data<float>()[static_cast<size_t>((i * classes + k) * boxes + j)];
        };
        const auto corners = [&](int64_t j) {
          const float* p = &b.data<float>()[static_cast<size_t>((i * boxes + j) * 4)];
          if (centered) return std::array{p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2};
          return std::array{std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]),
                            std::max(p[1], p[3])};
        };
        for (int64_t kept = 0; kept < most;) {
          int64_t best = -1;
          for (int64_t j = 0; j < boxes; ++j)
            if (!out[static_cast<size_t>(j)] && score(j) > least && (best < 0 || score(j) > score(best)))
              best = j;
          if (best < 0) break;
          const auto a = corners(best);
          for (int64_t j = 0; j < boxes; ++j) {
            const auto d = corners(j);
            const float w = std::min(a[2], d[2]) - std::max(a[0], d[0]),
                        h = std::min(a[3], d[3]) - std::max(a[1], d[1]);
            const float both = (a[2] - a[0]) * (a[3] - a[1]) + (d[2] - d[0]) * (d[3] - d[1]) - w * h;
            if (w > 0 && h > 0 && w * h / both > limit) out[static_cast<size_t>(j)] = true;
          }
          out[static_cast<size_t>(best)] = true;
          rows.insert(rows.end(), {i, k, best});
          ++kept;
        }
      }
    const Shape dims{images * classes * most, 3};
    rows.resize(static_cast<size_t>(num_elements(dims)), -1);
    c.input(b, {}, gap()), c.input(s, {}, gap());
    c.constant(Tensor::from<float>({}, std::vector<float>{limit}));
    c.input(Tensor::from<float>({1}, std::vector<float>{least}));
    c.output(DType::i64, dims, {}, gap());
    expect_same<int64_t>(Tensor::from<int64_t>(dims, rows), c.run_everywhere(), "rows");
  }
}

TEST(HostileIndexing, RefusedOrHarmless) {
  attack<GatherElementsParams>("GatherElements", [] {
    auto c = simple<GatherElementsParams>({{DType::i16, {3, 4, 5}}, {DType::i32, {3, 7, 5}}}, DType::i16,
                                          {3, 7, 5});
    c.params.axis = 1;
    return c;
  });
  attack<GatherNdParams>("GatherND", [] {
    auto c =
        simple<GatherNdParams>({{DType::i16, {3, 4, 5}}, {DType::i64, {3, 2, 1}}}, DType::i16, {3, 2, 5});
    c.params.batch_dims = 1;
    return c;
  });
  attack<ScatterElementsParams>("ScatterElements", [] {
    auto c = simple<ScatterElementsParams>(
        {{DType::i16, {3, 4, 5}}, {DType::i32, {2, 3, 5}}, {DType::i16, {2, 3, 5}}}, DType::i16, {3, 4, 5});
    c.params = {static_cast<int32_t>(random_int(0, 2)), static_cast<ScatterReduction>(random_int(0, 4))};
    return c;
  });
  attack<ScatterNdParams>("ScatterND", [] {
    auto c = simple<ScatterNdParams>({{DType::f32, {3, 4, 5}}, {DType::i64, {2, 2}}, {DType::f32, {2, 5}}},
                                     DType::f32, {3, 4, 5});
    c.params.reduction = static_cast<ScatterReduction>(random_int(0, 4));
    return c;
  });
  attack<TopKParams>("TopK", [] {
    auto c = simple<TopKParams>({{DType::f32, {3, 9, 5}}}, DType::i64, {3, 4, 5});
    c.params.axis = 1;
    return c;
  });
  attack<ReverseSequenceParams>("ReverseSequence", [] {
    return simple<ReverseSequenceParams>({{DType::i16, {3, 4, 5}}, {DType::i64, {4}}}, DType::i16, {3, 4, 5});
  });
  attack<NonMaxSuppressionParams>("NonMaxSuppression", [] {
    auto c = simple<NonMaxSuppressionParams>(
        {{DType::f32, {2, 6, 4}}, {DType::f32, {2, 3, 6}}, {DType::f32, {}}, {DType::f32, {1}}}, DType::i64,
        {12, 3});
    c.params.max_boxes = 2;
    return c;
  });
}

}  // namespace
}  // namespace openhb::test
