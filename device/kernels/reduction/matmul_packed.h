// SPDX-License-Identifier: Apache-2.0
// MatMul on the kernels of Conv: the rows of a are its pixels, panels of b its weights.
#pragma once

#include "device/kernels/elementwise/walk.h"
#include "device/kernels/kernel.h"

namespace openhb::kernels {

constexpr int64_t blocks_of(int64_t extent, int64_t block) { return (extent + block - 1) / block; }
inline int64_t rows_of(const TensorDesc& t) { return t.dims[t.rank() - 2]; }
inline int64_t columns_of(const TensorDesc& t) { return t.dims[t.rank() - 1]; }

// Stored with its last two dimensions exchanged, as TensorDesc::order says.
inline bool is_transposed(const TensorDesc& t) {
  return t.order.size() == t.rank() && t.rank() >= 2 && t.order[t.rank() - 1] + 2u == t.rank();
}
inline constexpr int64_t kMaxPackedDepth = 65536;  // of float; bounds the scratch memory

// Over the matrices a, b, y of the batch; its innermost dimension counts the blocks of y's columns times
// those of its rows.
RowWalk<3> matmul_walk(const StepView& view, int64_t block_rows, int64_t block_columns);

// Of float32 and int8; others, and float32 where packing b would not pay, have another runner.
bool packs_matmul(const StepView& view);
// nullptr unless packs_matmul().
std::unique_ptr<Runner> bind_packed_matmul(const StepView& view, const Binding& binding);

}  // namespace openhb::kernels
