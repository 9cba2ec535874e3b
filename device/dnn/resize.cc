// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/resize.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "device/dnn/log.h"
#include "device/dnn/memory.h"
#include "device/dnn/picture_tensor.h"
#include "device/dnn/refusal.h"

namespace openhb::dnn {
namespace {

constexpr int32_t kMaxLength = 4080;  // of the input's width and row length, and of the output's extents
constexpr int64_t kShrink = 185, kEnlarge = 256;  // 1 / kShrink <= output / region < kEnlarge

// The vendor's simulator must be told the platform; here all have the same limits.
void check_platform() {
  const char* set = std::getenv("HB_DNN_SIM_PLATFORM");
  if (set == nullptr || *set == '\0') return;
  for (const std::string_view known : {"BERNOULLI", "BERNOULLI2", "BAYES"})
    if (known == set) return;
  refuse(HB_DNN_INVALID_ARGUMENT,
         "HB_DNN_SIM_PLATFORM is '{}'; it can be BERNOULLI, BERNOULLI2 or BAYES, or be left out", set);
}

void check_ratio(int64_t output, int64_t region, const char* what) {
  if (output * kShrink < region || output >= region * kEnlarge)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "hbDNNResize cannot bring {} {} to {}: output / region must be at least 1/{} and less than {}",
           what, region, output, kShrink, kEnlarge);
}

void check_extents(const PictureTensor& in, const PictureTensor& out) {
  if (in.width > kMaxLength || in.row_length > kMaxLength)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "the input of hbDNNResize has width {} in rows of {}; both must be at most {}", in.width,
           in.row_length, kMaxLength);
  const bool rows_of_16 = in.type->halved || in.type->type == HB_DNN_IMG_TYPE_Y;
  if (rows_of_16 && in.row_length % 16 != 0)
    refuse(
        HB_DNN_INVALID_ARGUMENT,
        "the input of hbDNNResize has rows of {} bytes; for {} the width of alignedShape must be a multiple "
        "of "
        "16",
        in.row_length, in.type->name);
  if (out.width > kMaxLength || out.height > kMaxLength)
    refuse(HB_DNN_INVALID_ARGUMENT,
           "the output of hbDNNResize has width {} and height {}; both must be at most {}", out.width,
           out.height, kMaxLength);
}

hbDNNRoi region_of(const hbDNNRoi* roi, const PictureTensor& in) {
  if (roi == nullptr) return {0, 0, in.width - 1, in.height - 1};
  if (roi->left < 0 || roi->top < 0 || roi->right < roi->left || roi->bottom < roi->top ||
      roi->right >= in.width || roi->bottom >= in.height)
    refuse(
        HB_DNN_INVALID_ARGUMENT,
        "region left {}, top {}, right {}, bottom {} (all inclusive) does not lie inside the picture of {} "
        "x {}",
        roi->left, roi->top, roi->right, roi->bottom, in.width, in.height);
  return *roi;
}

void check_apart(const hbDNNTensor& output, const PictureTensor& out, const hbDNNTensor& input,
                 const PictureTensor& in) {
  for (int o = 0; o < 2; ++o)
    for (int i = 0; i < 2; ++i) {
      const auto to = reinterpret_cast<uintptr_t>(output.sysMem[o].virAddr);
      const auto from = reinterpret_cast<uintptr_t>(input.sysMem[i].virAddr);
      if (to < from + static_cast<uint64_t>(in.bytes[i]) && from < to + static_cast<uint64_t>(out.bytes[o]) &&
          in.bytes[i] != 0 && out.bytes[o] != 0)
        refuse(HB_DNN_INVALID_ARGUMENT, "input and output of hbDNNResize overlap in memory");
    }
}

ResizeJob make_job(const hbDNNTensor& output, const hbDNNTensor& input, const hbDNNRoi* roi) {
  check_platform();
  const PictureTensor in = read_picture(input, "input of hbDNNResize");
  const PictureTensor out = read_picture(output, "output of hbDNNResize");
  if (in.type != out.type)
    refuse(HB_DNN_INVALID_ARGUMENT, "hbDNNResize cannot turn {} into {}: the types must be the same",
           in.type->name, out.type->name);
  if (in.count != out.count)
    refuse(HB_DNN_INVALID_ARGUMENT, "input and output of hbDNNResize have different values of tensorLayout");
  check_extents(in, out);
  const hbDNNRoi region = region_of(roi, in);
  const int32_t width = region.right - region.left + 1, height = region.bottom - region.top + 1;
  check_ratio(out.width, width, "width");
  check_ratio(out.height, height, "height");
  check_apart(output, out, input, in);
  for (int i = 0; i < 2; ++i)
    if (in.bytes[i] != 0)
      check_cleaned(input.sysMem[i], static_cast<uint64_t>(in.bytes[i]), "input of hbDNNResize");

  ResizeJob job;
  job.count = in.count;
  for (int32_t k = 0; k < job.count; ++k) {
    const PictureTensor::Plane &from = in.planes[k], &to = out.planes[k];
    const auto* source =
        reinterpret_cast<const uint8_t*>(device_view(input.sysMem[from.memory])) + from.offset;
    auto* target = reinterpret_cast<uint8_t*>(device_view(output.sysMem[to.memory])) + to.offset;
    job.planes[k] = k == 1 && in.type->halved
                        ? chroma_of(job.planes[0], source, from.stride, target, to.stride)
                        : PlaneResize{.source = source,
                                      .source_stride = from.stride,
                                      .source_width = in.width,
                                      .source_height = in.height,
                                      .left = region.left,
                                      .top = region.top,
                                      .width = width,
                                      .height = height,
                                      .target = target,
                                      .target_stride = to.stride,
                                      .target_width = out.width,
                                      .target_height = out.height,
                                      .channels = from.channels};
  }
  return job;
}

}  // namespace

int32_t prepare_resize(const hbDNNTensor& output, const hbDNNTensor& input, const hbDNNRoi* roi,
                       ResizeJob& job) noexcept {
  return guarded("Resize", [&] {
    job = make_job(output, input, roi);
    return HB_DNN_SUCCESS;
  });
}

void run_resize(const ResizeJob& job) noexcept {
  for (int32_t k = 0; k < job.count; ++k) resize_plane(job.planes[k], plane_loops());
}

}  // namespace openhb::dnn
