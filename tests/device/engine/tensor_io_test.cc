// SPDX-License-Identifier: Apache-2.0
// store_tensor and load_tensor against the definition of TensorDesc, element by element.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "common/shape.h"
#include "device/engine/model.h"

namespace openhb::engine {
namespace {

TensorDesc random_desc(std::mt19937& random) {
  TensorDesc t;
  constexpr DType types[] = {DType::i8, DType::i16, DType::f32, DType::i64};
  t.dtype = types[random() % 4];
  const size_t rank = random() % 6;
  for (size_t k = 0; k < rank; ++k) {
    t.dims.push_back(random() % 20 == 0  ? 0
                     : random() % 4 == 0 ? 1 + static_cast<int64_t>(random() % 50)
                                         : 1 + static_cast<int64_t>(random() % 5));
    t.order.push_back(static_cast<uint8_t>(k));
  }
  if (random() % 3 != 0) std::shuffle(t.order.begin(), t.order.end(), random);
  t.pitch = (rank == 0 ? 1 : t.dims.back()) + static_cast<int64_t>(random() % 2 * (random() % 4));
  return t;
}

// Storage offset (elements) of every element in ONNX order.
std::vector<int64_t> offsets(const TensorDesc& t) {
  const Shape shape = t.logical_shape(), strides = t.strides();
  std::vector<int64_t> result(static_cast<size_t>(num_elements(shape)));
  for (size_t i = 0; i < result.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    Shape index(shape.size());
    for (size_t a = shape.size(); a-- > 0; rest /= shape[a]) index[a] = rest % shape[a];
    for (size_t k = 0; k < t.rank(); ++k) result[i] += index[t.order[k]] * strides[k];
  }
  return result;
}

TEST(TensorIo, FollowsOrderAndPitch) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const TensorDesc t = random_desc(random);
    SCOPED_TRACE(fmt::format("dims {} order {} pitch {} {}", to_string(t.dims), fmt::join(t.order, ","),
                             t.pitch, dtype_name(t.dtype)));
    const size_t size = dtype_size(t.dtype), bytes = static_cast<size_t>(t.byte_extent());
    const std::vector<int64_t> where = offsets(t);
    // Odd addresses on both sides, exact sizes.
    std::vector<std::byte> logical(where.size() * size + 1), storage(bytes + 1, std::byte{0xcd}),
        back(logical.size());
    for (auto& b : logical) b = static_cast<std::byte>(random());
    auto expected = storage;
    for (size_t i = 0; i < where.size(); ++i)
      std::memcpy(expected.data() + 1 + static_cast<size_t>(where[i]) * size, logical.data() + 1 + i * size,
                  size);
    store_tensor(t, std::span(logical).subspan(1), storage.data() + 1);
    ASSERT_EQ(storage, expected);  // the padding is untouched: it may belong to another tensor
    load_tensor(t, storage.data() + 1, std::span(back).subspan(1));
    back[0] = logical[0];
    ASSERT_EQ(back, logical);
  }
}

TEST(TensorIo, WrongSizeNamesBoth) {
  TensorDesc t;
  t.dims = {2, 3};
  t.order = {1, 0};
  t.pitch = 3;
  std::vector<std::byte> storage(24), logical(20);
  try {
    store_tensor(t, logical, storage.data());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::data_bad_size);
    EXPECT_NE(std::string(e.what()).find("24 bytes, 20"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace openhb::engine
