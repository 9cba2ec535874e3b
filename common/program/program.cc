// SPDX-License-Identifier: Apache-2.0
#include "common/program/program.h"

namespace openhb {

int64_t TensorDesc::byte_extent() const {
  const auto size = static_cast<int64_t>(dtype_size(dtype));
  int64_t rows = 1;
  for (size_t i = 0; i + 1 < dims.size(); ++i) rows = checked_mul(rows, dims[i]);
  const int64_t last = dims.empty() ? 1 : dims.back();
  if (rows == 0 || last == 0) return 0;
  const int64_t jump = dims.size() < 2 ? last : pitch;
  const int64_t before = checked_mul(rows - 1, jump);
  int64_t count = 0;
  if (__builtin_add_overflow(before, last, &count))
    fail(ErrorCode::model_bad_shape, "tensor '{}' is too large", name);
  return checked_mul(count, size);
}

Shape TensorDesc::logical_shape() const {
  if (order.size() != dims.size()) return dims;
  Shape shape(dims.size());
  for (size_t k = 0; k < dims.size(); ++k) shape[order[k]] = dims[k];
  return shape;
}

Shape valid_shape(const ProgramInput& input, const TensorDesc& desc) {
  const Shape shape = desc.logical_shape();
  if (input.kind != InputKind::nv12) return shape;
  return {shape[0], 3, shape[2] / 3 * 2, shape[3]};
}

}  // namespace openhb
