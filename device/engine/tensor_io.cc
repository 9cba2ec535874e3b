// SPDX-License-Identifier: Apache-2.0
// Between dense tensors in ONNX axis order and tensors in storage. Both are walked by the same loop nest: the
// memory dimensions, each with a stride in storage and one in the dense tensor.
#include <algorithm>
#include <array>
#include <cstring>

#include "device/engine/model.h"

namespace openhb::engine {
namespace {

struct Dimension {
  int64_t extent, storage, dense;  // strides in elements
};

struct Nest {
  std::array<Dimension, kMaxRank> dims;  // outermost first
  size_t rank = 0;
  bool empty = false;
};

Nest make_nest(const TensorDesc& desc) {
  const Shape storage = desc.strides();
  const Shape dense = dense_strides(desc.logical_shape());
  Nest nest;
  for (size_t k = 0; k < desc.rank(); ++k) {
    const Dimension d{desc.dims[k], storage[k], dense[desc.order[k]]};
    nest.empty |= d.extent == 0;
    if (d.extent == 1) continue;
    // Neighbours that are contiguous on both sides are one dimension.
    if (nest.rank > 0) {
      Dimension& outer = nest.dims[nest.rank - 1];
      if (outer.storage == d.storage * d.extent && outer.dense == d.dense * d.extent) {
        outer = {outer.extent * d.extent, d.storage, d.dense};
        continue;
      }
    }
    nest.dims[nest.rank++] = d;
  }
  if (nest.rank == 0) nest.dims[nest.rank++] = {1, 1, 1};
  return nest;
}

// The direction. Addresses are bytes, so that neither side needs an alignment.
struct ToStorage {
  static void bytes(std::byte* storage, std::byte* dense, size_t n) { std::memcpy(storage, dense, n); }
};
struct FromStorage {
  static void bytes(std::byte* storage, std::byte* dense, size_t n) { std::memcpy(dense, storage, n); }
};

// Two dimensions in tiles, so that both sides stay in the cache when one is the transpose of the other.
template <class Way, int64_t kSize>
void copy_plane(const Dimension& outer, const Dimension& inner, std::byte* storage, std::byte* dense) {
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
void copy_nest(const Nest& nest, size_t d, std::byte* storage, std::byte* dense) {
  const Dimension& dim = nest.dims[d];
  const size_t left = nest.rank - d;
  if (left == 1 && dim.storage == 1 && dim.dense == 1)
    return Way::bytes(storage, dense, static_cast<size_t>(dim.extent * kSize));
  if (left == 1) return copy_plane<Way, kSize>({1, 0, 0}, dim, storage, dense);
  if (left == 2 && nest.dims[d + 1].dense != 1)
    return copy_plane<Way, kSize>(dim, nest.dims[d + 1], storage, dense);
  for (int64_t i = 0; i < dim.extent; ++i)
    copy_nest<Way, kSize>(nest, d + 1, storage + i * dim.storage * kSize, dense + i * dim.dense * kSize);
}

// The value of an element does not matter, its size does.
template <class Way>
void copy(const TensorDesc& desc, std::byte* storage, std::byte* dense, size_t dense_size) {
  const size_t size = dtype_size(desc.dtype);
  if (dense_size != static_cast<size_t>(desc.elements()) * size)
    fail(ErrorCode::data_bad_size, "tensor '{}' of shape {} and type {} has {} bytes, {} were given",
         desc.name, to_string(desc.logical_shape()), dtype_name(desc.dtype),
         static_cast<size_t>(desc.elements()) * size, dense_size);
  const Nest nest = make_nest(desc);
  if (nest.empty) return;
  if (size == 1) return copy_nest<Way, 1>(nest, 0, storage, dense);
  if (size == 2) return copy_nest<Way, 2>(nest, 0, storage, dense);
  if (size == 4) return copy_nest<Way, 4>(nest, 0, storage, dense);
  copy_nest<Way, 8>(nest, 0, storage, dense);
}

}  // namespace

void store_tensor(const TensorDesc& desc, std::span<const std::byte> logical, std::byte* storage) {
  // ToStorage only reads the dense side.
  copy<ToStorage>(desc, storage, const_cast<std::byte*>(logical.data()), logical.size());
}

void load_tensor(const TensorDesc& desc, const std::byte* storage, std::span<std::byte> logical) {
  copy<FromStorage>(desc, const_cast<std::byte*>(storage), logical.data(), logical.size());
}

}  // namespace openhb::engine
