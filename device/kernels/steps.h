// SPDX-License-Identifier: Apache-2.0
// Every step's implementation: Kernel<P> for each alternative P of StepParams.
#pragma once

#include <variant>

#include "device/kernels/conv/conv.h"
#include "device/kernels/custom/custom.h"
#include "device/kernels/detection/detection_output.h"
#include "device/kernels/detection/ps_roi_pool.h"
#include "device/kernels/elementwise/binary.h"
#include "device/kernels/elementwise/cast.h"
#include "device/kernels/elementwise/image.h"
#include "device/kernels/elementwise/lut.h"
#include "device/kernels/elementwise/nv12.h"
#include "device/kernels/elementwise/quantize.h"
#include "device/kernels/elementwise/unary.h"
#include "device/kernels/elementwise/where.h"
#include "device/kernels/indexing/indexing.h"
#include "device/kernels/movement/copy.h"
#include "device/kernels/movement/fill.h"
#include "device/kernels/movement/gather.h"
#include "device/kernels/recurrent/recurrent.h"
#include "device/kernels/reduction/arg.h"
#include "device/kernels/reduction/cumulate.h"
#include "device/kernels/reduction/matmul.h"
#include "device/kernels/reduction/reduce.h"
#include "device/kernels/reduction/softmax.h"
#include "device/kernels/sampling/sampling.h"
#include "device/kernels/spatial/pool.h"
#include "device/kernels/spatial/resize.h"

namespace openhb {

template <class Variant>
inline constexpr bool kAllHaveKernels = false;
template <class... P>
inline constexpr bool kAllHaveKernels<std::variant<P...>> = (StepKernel<P> && ...);
static_assert(kAllHaveKernels<StepParams>, "a step has no kernel");

}  // namespace openhb
