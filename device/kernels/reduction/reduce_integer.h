// SPDX-License-Identifier: Apache-2.0
// Reduce of integers and of int8 and int16 codes. Internal to Reduce.
#pragma once

#include "device/kernels/kernel.h"

namespace openhb::kernels {

// Fewer codes than this sum up exactly in int32, zero points included.
inline constexpr int64_t kMaxCodes = int64_t{1} << 23;

bool reduces_integers(DType from, ReduceFunction function, DType to);
std::unique_ptr<Runner> bind_integer_reduce(const StepView& view, const ReduceParams& params,
                                            const Binding& binding);

}  // namespace openhb::kernels
