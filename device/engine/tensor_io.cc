// SPDX-License-Identifier: Apache-2.0
// Between dense tensors in ONNX axis order and tensors in storage. Both are walked by the same loop nest: the
// memory dimensions, each with a stride in storage and one in the dense tensor.
#include <algorithm>
#include <array>
#include <cstring>

#include "device/engine/model.h"

namespace openhb::engine {

// The loop nest. `dense` is the application's side; its rows may be apart.
struct TensorCopyLoops {
  using Dimension = TensorCopy::Dimension;
  // The direction. Addresses are bytes, so that neither side needs an alignment.
  struct ToStorage {
    static void bytes(std::byte* storage, std::byte* dense, size_t n) { std::memcpy(storage, dense, n); }
  };
  struct FromStorage {
    static void bytes(std::byte* storage, std::byte* dense, size_t n) { std::memcpy(dense, storage, n); }
  };

  // Two dimensions in tiles, so that both sides stay in the cache when one is the transpose of the other.
  template <class Way, int64_t kSize>
  static void plane(const Dimension& outer, const Dimension& inner, std::byte* storage, std::byte* dense) {
    constexpr int64_t kTile = 32;
    for (int64_t i0 = 0; i0 < outer.extent; i0 += kTile)
      for (int64_t j0 = 0; j0 < inner.extent; j0 += kTile) {
        const int64_t i1 = std::min(i0 + kTile, outer.extent), j1 = std::min(j0 + kTile, inner.extent);
        for (int64_t i = i0; i < i1; ++i)
          for (int64_t j = j0; j < j1; ++j)
            Way::bytes(storage + (i * outer.storage + j * inner.storage) * kSize,
                       dense + (i * outer.dense + j * inner.dense) * kSize, kSize);
      }
  }

  template <class Way, int64_t kSize>
  static void nest(const TensorCopy& copy, size_t d, std::byte* storage, std::byte* dense) {
    const Dimension& dim = copy.dims_[d];
    const size_t left = copy.rank_ - d;
    if (left == 1 && dim.storage == 1 && dim.dense == 1)
      return Way::bytes(storage, dense, static_cast<size_t>(dim.extent * kSize));
    if (left == 1) return plane<Way, kSize>({1, 0, 0}, dim, storage, dense);
    if (left == 2 && copy.dims_[d + 1].dense != 1)
      return plane<Way, kSize>(dim, copy.dims_[d + 1], storage, dense);
    for (int64_t i = 0; i < dim.extent; ++i)
      nest<Way, kSize>(copy, d + 1, storage + i * dim.storage * kSize, dense + i * dim.dense * kSize);
  }

  // The value of an element does not matter, its size does.
  template <class Way>
  static void run(const TensorCopy& copy, std::byte* storage, std::byte* dense) {
    if (copy.empty_) return;
    if (copy.element_size_ == 1) return nest<Way, 1>(copy, 0, storage, dense);
    if (copy.element_size_ == 2) return nest<Way, 2>(copy, 0, storage, dense);
    if (copy.element_size_ == 4) return nest<Way, 4>(copy, 0, storage, dense);
    nest<Way, 8>(copy, 0, storage, dense);
  }
};

TensorCopy::TensorCopy(const TensorDesc& desc, const Shape& extents, const Shape& strides)
    : element_size_(dtype_size(desc.dtype)) {
  const Shape storage = desc.strides();
  for (size_t k = 0; k < desc.rank(); ++k) {
    const size_t axis = desc.order[k];
    const Dimension d{std::min(desc.dims[k], extents[axis]), storage[k], strides[axis]};
    empty_ |= d.extent == 0;
    if (d.extent == 1) continue;
    // Neighbours that are contiguous on both sides are one dimension.
    if (rank_ > 0) {
      Dimension& outer = dims_[rank_ - 1];
      if (outer.storage == d.storage * d.extent && outer.dense == d.dense * d.extent) {
        outer = {outer.extent * d.extent, d.storage, d.dense};
        continue;
      }
    }
    dims_[rank_++] = d;
  }
  if (rank_ == 0) dims_[rank_++] = {1, 1, 1};
}

void TensorCopy::store(const std::byte* logical, std::byte* storage) const noexcept {
  // ToStorage only reads the dense side.
  TensorCopyLoops::run<TensorCopyLoops::ToStorage>(*this, storage, const_cast<std::byte*>(logical));
}

void TensorCopy::load(const std::byte* storage, std::byte* logical) const noexcept {
  TensorCopyLoops::run<TensorCopyLoops::FromStorage>(*this, const_cast<std::byte*>(storage), logical);
}

namespace {

TensorCopy dense_copy(const TensorDesc& desc, size_t bytes) {
  const size_t needed = static_cast<size_t>(desc.elements()) * dtype_size(desc.dtype);
  const Shape shape = desc.logical_shape();
  if (bytes != needed)
    fail(ErrorCode::data_bad_size, "tensor '{}' of shape {} and type {} has {} bytes, {} were given",
         desc.name, to_string(shape), dtype_name(desc.dtype), needed, bytes);
  return {desc, shape, dense_strides(shape)};
}

}  // namespace

void store_tensor(const TensorDesc& desc, std::span<const std::byte> logical, std::byte* storage) {
  dense_copy(desc, logical.size()).store(logical.data(), storage);
}

void load_tensor(const TensorDesc& desc, const std::byte* storage, std::span<std::byte> logical) {
  dense_copy(desc, logical.size()).load(storage, logical.data());
}

}  // namespace openhb::engine
