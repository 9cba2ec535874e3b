// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/picture_tensor.h"

#include "device/dnn/memory.h"
#include "device/dnn/refusal.h"

namespace openhb::dnn {
namespace {

constexpr PictureType kTypes[] = {{HB_DNN_IMG_TYPE_Y, "HB_DNN_IMG_TYPE_Y", 1, false},
                                  {HB_DNN_IMG_TYPE_NV12, "HB_DNN_IMG_TYPE_NV12", 3, true},
                                  {HB_DNN_IMG_TYPE_NV12_SEPARATE, "HB_DNN_IMG_TYPE_NV12_SEPARATE", 3, true},
                                  {HB_DNN_IMG_TYPE_YUV444, "HB_DNN_IMG_TYPE_YUV444", 3, false},
                                  {HB_DNN_IMG_TYPE_RGB, "HB_DNN_IMG_TYPE_RGB", 3, false},
                                  {HB_DNN_IMG_TYPE_BGR, "HB_DNN_IMG_TYPE_BGR", 3, false}};

constexpr int32_t kMaxExtent = 1 << 20;  // so that no product overflows

struct Extents {
  int32_t channels, height, width;
};

Extents extents_of(const hbDNNTensorShape& shape, bool nhwc, const char* field, const char* what) {
  if (shape.numDimensions != 4)
    refuse(HB_DNN_INVALID_ARGUMENT, "{} of the {} has {} dimensions; a picture has 4", field, what,
           shape.numDimensions);
  const int32_t* d = shape.dimensionSize;
  if (d[0] != 1)
    refuse(HB_DNN_INVALID_ARGUMENT, "{} of the {} starts with {}: one picture at a time", field, what, d[0]);
  const Extents e = nhwc ? Extents{d[3], d[1], d[2]} : Extents{d[1], d[2], d[3]};
  if (e.height < 1 || e.height > kMaxExtent || e.width < 1 || e.width > kMaxExtent)
    refuse(HB_DNN_INVALID_ARGUMENT, "{} of the {} has width {} and height {}; they must be 1 to {}", field,
           what, e.width, e.height, kMaxExtent);
  return e;
}

void set_planes(PictureTensor& p, int64_t rows, bool nhwc) {
  const int64_t row = p.row_length;
  if (p.type->halved) {
    const bool separate = p.type->type == HB_DNN_IMG_TYPE_NV12_SEPARATE;
    p.count = 2;
    p.planes[0] = {0, 0, row, 1};
    p.planes[1] = {separate ? 1 : 0, separate ? 0 : row * rows, row, 2};
    p.bytes[0] = row * rows;
    p.bytes[separate ? 1 : 0] += row * (p.height / 2);
  } else if (nhwc) {
    p.count = 1;
    p.planes[0] = {0, 0, row * p.type->channels, p.type->channels};
    p.bytes[0] = row * p.type->channels * rows;
  } else {
    p.count = p.type->channels;
    for (int32_t c = 0; c < p.count; ++c) p.planes[c] = {0, row * rows * c, row, 1};
    p.bytes[0] = row * rows * p.count;
  }
}

}  // namespace

const PictureType* find_picture_type(int32_t type) noexcept {
  for (const PictureType& row : kTypes)
    if (row.type == type) return &row;
  return nullptr;
}

PictureTensor read_picture(const hbDNNTensor& tensor, const char* what) {
  const hbDNNTensorProperties& properties = tensor.properties;
  PictureTensor p;
  p.type = find_picture_type(properties.tensorType);
  if (p.type == nullptr)
    refuse(HB_DNN_INVALID_ARGUMENT, "tensorType {} of the {} is no picture (HB_DNN_IMG_TYPE_*)",
           properties.tensorType, what);
  const bool nhwc = properties.tensorLayout == HB_DNN_LAYOUT_NHWC;
  if (!nhwc && properties.tensorLayout != HB_DNN_LAYOUT_NCHW)
    refuse(HB_DNN_INVALID_ARGUMENT, "tensorLayout {} of the {} is neither NHWC nor NCHW",
           properties.tensorLayout, what);

  const Extents valid = extents_of(properties.validShape, nhwc, "validShape", what);
  const Extents aligned = extents_of(properties.alignedShape, nhwc, "alignedShape", what);
  if (valid.channels != p.type->channels)
    refuse(HB_DNN_INVALID_ARGUMENT, "validShape of the {} has {} channels; {} has {}", what, valid.channels,
           p.type->name, p.type->channels);
  // The channels of NV12's alignedShape say nothing about memory, and boards give various numbers.
  if (aligned.width < valid.width || aligned.height < valid.height ||
      (!p.type->halved && aligned.channels != valid.channels))
    refuse(HB_DNN_INVALID_ARGUMENT,
           "alignedShape of the {} ({} x {} x {}, height x width x channels) does not hold its validShape "
           "({} x {} x {})",
           what, aligned.height, aligned.width, aligned.channels, valid.height, valid.width, valid.channels);
  if (p.type->halved && (valid.width % 2 != 0 || valid.height % 2 != 0))
    refuse(HB_DNN_INVALID_ARGUMENT, "the {} has width {} and height {}; those of {} must be even", what,
           valid.width, valid.height, p.type->name);
  if (p.type->halved && aligned.width % 2 != 0)
    refuse(HB_DNN_INVALID_ARGUMENT, "alignedShape of the {} has width {}; that of {} must be even", what,
           aligned.width, p.type->name);
  p.width = valid.width;
  p.height = valid.height;
  p.row_length = aligned.width;
  set_planes(p, aligned.height, nhwc);

  for (int i = 0; i < 2; ++i) {
    const hbSysMem& memory = tensor.sysMem[i];
    if (p.bytes[i] == 0) continue;
    if (memory.virAddr == nullptr)
      refuse(HB_DNN_INVALID_ARGUMENT, "sysMem[{}] of the {} has no memory (virAddr is null)", i, what);
    if (memory.memSize < p.bytes[i])
      refuse(HB_DNN_INVALID_ARGUMENT, "sysMem[{}] of the {} has {} bytes; {} with this alignedShape needs {}",
             i, what, memory.memSize, p.type->name, p.bytes[i]);
    if (!is_within_block(memory))
      refuse(HB_DNN_INVALID_ARGUMENT, "memSize of sysMem[{}] of the {} goes beyond the end of its memory", i,
             what);
  }
  return p;
}

}  // namespace openhb::dnn
