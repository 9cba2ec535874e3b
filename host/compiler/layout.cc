// SPDX-License-Identifier: Apache-2.0
// The part of Lowering that views, reorders and copies tensors.
#include <algorithm>
#include <numeric>

#include "host/compiler/lowering.h"

namespace openhb::compiler {

Order identity_order(size_t rank) {
  Order order(rank);
  std::iota(order.begin(), order.end(), uint8_t{0});
  return order;
}

Order channels_last(size_t rank) {
  Order order = identity_order(rank);
  if (rank >= 3) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

Shape dims_in_order(const Shape& logical, const Order& order) {
  Shape dims;
  for (uint8_t axis : order) dims.push_back(logical[axis]);
  return dims;
}

size_t memory_dim(const TensorDesc& desc, int64_t axis) {
  return static_cast<size_t>(std::find(desc.order.begin(), desc.order.end(), static_cast<uint8_t>(axis)) -
                             desc.order.begin());
}

TensorId Lowering::add_tensor(TensorDesc desc) {
  if (desc.order.size() != desc.dims.size()) desc.order = identity_order(desc.dims.size());
  desc.pitch = desc.dims.empty() ? 1 : std::max<int64_t>(desc.pitch, std::max<int64_t>(desc.dims.back(), 1));
  const auto id = static_cast<TensorId>(program_.tensors.size());
  program_.tensors.push_back(std::move(desc));
  alias_.push_back({id, 0});
  writer_.push_back(-1);
  return id;
}

TensorId Lowering::alias(TensorId of, TensorDesc desc, uint64_t byte_offset) {
  const Draft::Place parent = alias_[of];
  desc.storage = program_.tensors[of].storage;
  desc.name.clear();
  const TensorId id = add_tensor(std::move(desc));
  alias_[id] = {parent.root, parent.offset + byte_offset};
  return id;
}

TensorId Lowering::scratch(DType dtype, const Shape& dims, const Order& order, const QuantParams& quant) {
  TensorDesc d;
  d.dtype = dtype;
  d.dims = dims;
  d.order = order;
  d.quant = quant;
  return add_tensor(std::move(d));
}

TensorId Lowering::relabel(TensorId id, const Order& order) {
  TensorDesc d = desc(id);
  d.order = order;
  return alias(id, std::move(d));
}

TensorId Lowering::reinterpret(TensorId id, DType dtype) {
  TensorDesc d = desc(id);
  d.dtype = dtype;
  d.quant = {};
  return alias(id, std::move(d));
}

TensorId Lowering::dense(TensorId id) {
  if (desc(id).dense()) return id;
  const TensorDesc d = desc(id);
  const TensorId copy = scratch(d.dtype, d.dims, d.order, d.quant);
  emit_copy(id, copy);
  return copy;
}

TensorId Lowering::view(TensorId id, const Shape& dims) {
  return view(id, dims, identity_order(dims.size()));
}

TensorId Lowering::view(TensorId id, const Shape& dims, const Order& order) {
  if (num_elements(dims) != desc(id).elements())
    fail(ErrorCode::internal, "a view of {} as {} changes the size", to_string(desc(id).dims),
         to_string(dims));
  const int64_t last = dims.empty() ? 1 : dims.back();
  const bool same_rows = !desc(id).dims.empty() && desc(id).dims.back() == last && dims.size() > 1;
  TensorDesc d = desc(id);
  const bool dense_rows = d.dense() || d.elements() == 0;  // an empty tensor has no distance between rows
  if (!dense_rows && !same_rows) return view(dense(id), dims, order);
  if (dense_rows) d.pitch = std::max<int64_t>(last, 1);
  d.dims = dims;
  d.order = order;
  if (d.quant.axis >= 0)
    d.quant.axis = static_cast<int32_t>(dims.size()) - 1;  // per-channel scales are innermost
  return alias(id, std::move(d));
}

TensorId Lowering::in_order(TensorId id, const Order& order, int64_t pitch_multiple) {
  const TensorDesc from = desc(id);
  if (from.order == order) return id;
  if (const auto it = reordered_.find({id, order}); it != reordered_.end()) return it->second;
  const Shape dims = dims_in_order(from.logical_shape(), order);
  // Extents of 1 can stand anywhere: compare the others.
  auto wide = [&](const Order& o) {
    Order axes;
    const Shape logical = from.logical_shape();
    for (uint8_t a : o)
      if (logical[a] != 1) axes.push_back(a);
    return axes;
  };
  TensorId result = 0;
  if (wide(from.order) == wide(order) && (from.dense() || from.dims.back() == dims.back())) {
    result = view(id, dims, order);
  } else {
    result = scratch(from.dtype, dims, order, from.quant);
    if (const auto it = constants_.find(alias_[id].root);
        it != constants_.end()) {  // reorder at compile time
      const Tensor source = it->second;
      TensorDesc d = desc(result);
      d.storage = Storage::weights;
      Tensor moved(source.dtype(), dims);
      const size_t size = dtype_size(source.dtype());
      const Shape out = dense_strides(dims), in = from.strides();
      Shape index(dims.size(), 0);
      for (int64_t n = num_elements(dims), i = 0; i < n; ++i) {
        int64_t at = 0, rest = i;
        for (size_t k = 0; k < dims.size(); ++k) {
          at += rest / out[k] * in[memory_dim(from, order[k])];
          rest %= out[k];
        }
        std::memcpy(moved.bytes().data() + static_cast<size_t>(i) * size,
                    source.bytes().data() + static_cast<size_t>(at) * size, size);
      }
      program_.tensors[result] = d;
      constants_[result] = std::move(moved);
    } else {
      int64_t& pitch = program_.tensors[result].pitch;
      pitch = (pitch + pitch_multiple - 1) / pitch_multiple * pitch_multiple;
      emit_copy(id, result);
    }
  }
  reordered_[{id, order}] = result;
  return result;
}

bool Lowering::can_slice(TensorId id, size_t dim) const {
  const TensorDesc& d = desc(id);
  if (dim + 1 == d.rank()) return true;
  return std::all_of(d.dims.begin(), d.dims.begin() + static_cast<std::ptrdiff_t>(dim),
                     [](int64_t n) { return n == 1; });
}

TensorId Lowering::slice(TensorId id, size_t dim, int64_t first, int64_t extent) {
  TensorDesc d = desc(id);
  const int64_t offset = first * d.strides()[dim] * static_cast<int64_t>(dtype_size(d.dtype));
  d.dims[dim] = extent;
  if (d.rank() == 1) d.pitch = extent;
  const auto root = constants_.find(alias_[id].root);
  if (root == constants_.end()) return alias(id, std::move(d), static_cast<uint64_t>(offset));
  // Weights are aligned: a part of them is a tensor of its own.
  Tensor part(d.dtype, d.dims);
  const auto row = static_cast<size_t>(d.dims.back()) * dtype_size(d.dtype);
  const auto step = static_cast<size_t>(d.pitch) * dtype_size(d.dtype);
  const size_t origin = alias_[id].offset + static_cast<size_t>(offset);
  for (size_t r = 0; row > 0 && r * row < part.bytes().size(); ++r)
    std::memcpy(part.bytes().data() + r * row, root->second.bytes().data() + origin + r * step, row);
  const TensorId copy = constant(part);
  program_.tensors[copy].order = d.order;
  program_.tensors[copy].quant = d.quant;
  return copy;
}

void Lowering::emit_copy(TensorId from, TensorId to) {
  const TensorDesc a = desc(from), b = desc(to);
  if (b.elements() == 0) return;
  CopyParams copy{.extent = b.dims, .in_strides = Shape(b.rank()), .out_strides = b.strides()};
  const Shape strides = a.strides();
  for (size_t k = 0; k < b.rank(); ++k) copy.in_strides[k] = strides[memory_dim(a, b.order[k])];
  emit(std::move(copy), {from}, {to});
}

void Lowering::emit_table(TensorId from, TensorId to, const Table& table) {
  const TensorId source = in_order(from, desc(to).order);
  emit(LutParams{}, {source, constant<int8_t>({256}, std::vector<int8_t>(table.begin(), table.end()))}, {to});
}

void Lowering::place(TensorId from, TensorId to, size_t dim, int64_t first, const Table* table) {
  const Order order = desc(to).order;
  TensorId part = in_order(from, order);
  const int64_t extent = desc(part).dims[dim];
  const bool requantize =
      !table && (desc(from).dtype != desc(to).dtype || desc(from).quant != desc(to).quant);
  if (can_slice(to, dim)) {
    const TensorId target = slice(to, dim, first, extent);
    if (requantize) return emit(QuantizeParams{}, {part}, {target});
    return table ? emit_table(part, target, *table) : emit_copy(part, target);
  }
  if (table || requantize) {
    const TensorId codes = scratch(desc(to).dtype, desc(part).dims, order, desc(to).quant);
    if (table)
      emit_table(part, codes, *table);
    else
      emit(QuantizeParams{}, {part}, {codes});
    part = codes;
  }
  const TensorDesc a = desc(part), b = desc(to);
  emit(CopyParams{a.dims, a.strides(), b.strides(), 0, first * b.strides()[dim]}, {part}, {to});
}

}  // namespace openhb::compiler
