// SPDX-License-Identifier: Apache-2.0
// What hbDNNResize does to pixels. Results: docs/numerics.md, "Regions".
#pragma once

#include <cstdint>

#include "device/dnn/plane.h"
#include "dnn/hb_dnn.h"

namespace openhb::dnn {

struct ResizeJob {
  PlaneResize planes[3];
  int32_t count = 0;
};

// Checks everything and fills `job`; nothing of the arguments but the pixels is needed afterwards. roi null:
// the whole picture. HB_DNN_INVALID_ARGUMENT (reported, `job` unchanged): what docs/numerics.md or the
// headers do not allow.
int32_t prepare_resize(const hbDNNTensor& output, const hbDNNTensor& input, const hbDNNRoi* roi,
                       ResizeJob& job) noexcept;

// Bytes of the output behind the extents of validShape stay as they are.
void run_resize(const ResizeJob& job) noexcept;

}  // namespace openhb::dnn
