// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/roi.h"

#include "device/dnn/plane.h"

namespace openhb::dnn {
namespace {

constexpr int64_t kMaxLength = 4096;    // of a picture's and of a region's extents
constexpr int64_t kMaxStride = 131072;  // bytes
constexpr int64_t kMaxStep = 262143;    // just under 4 source pixels per target pixel

bool is_row_length(int64_t stride, int64_t width) {
  return stride >= width && stride >= 16 && stride <= kMaxStride && stride % 16 == 0;
}

}  // namespace

const char* check_roi(const Picture& source, const hbDNNRoi& roi, int32_t width, int32_t height) noexcept {
  if (source.y == nullptr) return "the picture has no memory";
  if (source.width < 1 || source.width > kMaxLength || source.height < 1 || source.height > kMaxLength)
    return "the picture's width and height must be 1 to 4096";
  if (!is_row_length(source.y_stride, source.width))
    return "the picture's row length must be a multiple of 16, at least its width and at most 131072 bytes";
  if (source.uv != nullptr) {
    if (source.width % 2 != 0 || source.height % 2 != 0)
      return "width and height of an NV12 picture must be even";
    if (!is_row_length(source.uv_stride, source.width))
      return "the row length of the picture's UV plane must be a multiple of 16, at least the picture's "
             "width "
             "and at most 131072 bytes";
    if (width % 2 != 0 || height % 2 != 0)
      return "the width and height to resize an NV12 picture to must be even";
  }
  if (width < 2 || height < 2) return "the width and height to resize to must be at least 2";
  const int64_t w = int64_t{roi.right} - roi.left + 1, h = int64_t{roi.bottom} - roi.top + 1;
  if (w < 2 || w > kMaxLength || h < 2 || h > kMaxLength)
    return "right - left + 1 and bottom - top + 1 of a region must be 2 to 4096";
  if (roi.left >= source.width || roi.top >= source.height || roi.right < 0 || roi.bottom < 0)
    return "the region lies outside of the picture";
  if (resize_step(w, width) > kMaxStep || resize_step(h, height) > kMaxStep)
    return "the region is too large: it may shrink to no less than about a quarter of its width and height";
  return nullptr;
}

void resize_roi(const Picture& source, const hbDNNRoi& roi, const Picture& target) noexcept {
  PlaneResize plane;
  plane.source = source.y;
  plane.source_stride = source.y_stride;
  plane.source_width = source.width;
  plane.source_height = source.height;
  plane.left = roi.left;
  plane.top = roi.top;
  plane.width = roi.right - roi.left + 1;
  plane.height = roi.bottom - roi.top + 1;
  plane.target = target.y;
  plane.target_stride = target.y_stride;
  plane.target_width = target.width;
  plane.target_height = target.height;
  resize_plane(plane, plane_loops());
  if (source.uv == nullptr || target.uv == nullptr) return;
  resize_plane(chroma_of(plane, source.uv, source.uv_stride, target.uv, target.uv_stride), plane_loops());
}

}  // namespace openhb::dnn
