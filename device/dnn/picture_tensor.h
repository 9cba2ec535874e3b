// SPDX-License-Identifier: Apache-2.0
// How a picture lies in the memory of a tensor.
#pragma once

#include <cstdint>

#include "dnn/hb_dnn.h"

namespace openhb::dnn {

// One of HB_DNN_IMG_TYPE_*.
struct PictureType {
  int32_t type;
  const char* name;
  int32_t channels;  // of validShape
  bool halved;       // a plane of U, V of half extents follows
};
// Null when `type` is no picture.
const PictureType* find_picture_type(int32_t type) noexcept;

// Planes in the order of the channels. Those of NV12: Y, then U and V interleaved.
struct PictureTensor {
  struct Plane {
    int32_t memory;    // index into sysMem
    int64_t offset;    // bytes
    int64_t stride;    // bytes
    int32_t channels;  // bytes of a pixel
  };
  const PictureType* type = nullptr;
  int32_t width = 0, height = 0;  // pixels
  int32_t row_length = 0;         // pixels, from alignedShape
  Plane planes[3] = {};
  int32_t count = 0;
  int64_t bytes[2] = {};  // needed in each sysMem; 0: unused
};

// From the properties and the memory, after checking them. Throws Refusal(HB_DNN_INVALID_ARGUMENT) that says
// what is wrong with "the `what`".
PictureTensor read_picture(const hbDNNTensor& tensor, const char* what);

}  // namespace openhb::dnn
