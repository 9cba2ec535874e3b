// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/conv/rows.h"

namespace openhb::conv {
namespace {

constexpr KernelRow<ConvKernel<int8_t, int32_t>> kConvI8[] = {
    {"ref", 0, {conv_i8_ref, kConvI8RefMr, kConvI8RefNr}},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, {conv_i8_avx2, kConvI8Avx2Mr, kConvI8Avx2Nr, true}},
    {"avxvnni", kCpuAvx2 | kCpuAvxVnni, {avxvnni::conv_i8_256, kConvI8Vnni256Mr, kConvI8Vnni256Nr, true}},
    // For tests: no CPU has AVX512-VNNI without kCpuAvx512.
    {"vnni256",
     kCpuAvx2 | kCpuAvx512Vnni,
     {avx512vnni::conv_i8_256, kConvI8Vnni256Mr, kConvI8Vnni256Nr, true}},
    {"avx512vnni", kCpuAvx512 | kCpuAvx512Vnni, {conv_i8_avx512vnni, kConvI8VnniMr, kConvI8VnniNr, true}},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, {conv_i8_neon, kConvI8NeonMr, kConvI8NeonNr, true, false, true, false, true}},
    {"dotprod",
     kCpuNeon | kCpuDotProd,
     {conv_i8_dotprod, kConvI8DotprodMr, kConvI8DotprodNr, true, false, false, false, true}},
    {"i8mm",
     kCpuNeon | kCpuI8mm,
     {conv_i8_i8mm, kConvI8I8mmMr, kConvI8I8mmNr, true, false, false, false, true}},
#endif
};

constexpr KernelRow<ConvKernel<float, float>> kConvF32[] = {
    {"ref", 0, {conv_f32_ref, kConvF32RefMr, kConvF32RefNr}},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, {conv_f32_avx2, kConvF32Avx2Mr, kConvF32Avx2Nr, true}},
    {"avx512", kCpuAvx512, {conv_f32_avx512, kConvF32Avx512Mr, kConvF32Avx512Nr, true}},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, {conv_f32_neon, kConvF32NeonMr, kConvF32NeonNr, true, false}},
#endif
};

constexpr KernelRow<DepthwiseKernel<int8_t, int32_t>> kDepthwiseI8[] = {
    {"ref", 0, {depthwise_i8_ref, {}}},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, {depthwise_i8_ref, {.run = depthwise_span_i8_avx2, .group = 2}}},
    {"avx512vnni",
     kCpuAvx512 | kCpuAvx512Vnni,
     {depthwise_i8_ref, {.run = depthwise_span_i8_avx512vnni, .group = 4, .flips = true, .swizzles = true}}},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, {nullptr, {}, {depthwise_i8_neon, 1, 16}}},
    {"dotprod", kCpuNeon | kCpuDotProd, {nullptr, {}, {depthwise_i8_dotprod, 4, 32}}},
#endif
};

constexpr KernelRow<DepthwiseKernel<float, float>> kDepthwiseF32[] = {
    {"ref", 0, {depthwise_f32_ref, {}}},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, {depthwise_f32_ref, {.run = depthwise_span_f32_avx2, .group = 1}}},
    {"avx512", kCpuAvx512, {depthwise_f32_ref, {.run = depthwise_span_f32_avx512, .group = 1}}},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, {depthwise_f32_neon, {}}},
#endif
};

constexpr KernelRow<ConvKernel<int16_t, int64_t>> kConvI16[] = {
    {"ref", 0, {conv_i16_ref, kConvI16RefMr, kConvI16RefNr}},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, {conv_i16_avx2, kConvI16Avx2Mr, kConvI16Avx2Nr, true}},
    {"avx512vnni",
     kCpuAvx512 | kCpuAvx512Vnni,
     {.run = conv_i16_avx512vnni,
      .mr = kConvI16VnniMr,
      .nr = kConvI16VnniNr,
      .panels = true,
      .finishes = true}},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, {conv_i16_neon, kConvI16NeonMr, kConvI16NeonNr, true, false}},
#endif
};

constexpr KernelRow<DepthwiseKernel<int16_t, int64_t>> kDepthwiseI16[] = {
    {"ref", 0, {ref::depthwise_i16, {}}},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, {avx2::depthwise_i16, {.run = depthwise_span_i16_avx2, .group = 2}}},
    {"avx512",
     kCpuAvx2 | kCpuAvx512,
     {avx512::depthwise_i16, {.run = avx512::depthwise_span_i16, .group = 2}}},
    {"avx512vnni",
     kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
     {avx512::depthwise_i16, {.run = avx512vnni::depthwise_span_i16, .group = 2}}},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, {neon::depthwise_i16, {}}},
#endif
};

constexpr KernelRow<FinishKernel> kFinish[] = {
    {"ref", 0, ref::finish},
#if defined(__x86_64__)
    {"avx2", kCpuAvx2, avx2::finish},
    {"avx512", kCpuAvx2 | kCpuAvx512, avx512::finish},
#elif defined(__aarch64__)
    {"neon", kCpuNeon, neon::finish},
#endif
};

}  // namespace

std::span<const KernelRow<FinishKernel>> finish_rows() { return kFinish; }
std::span<const KernelRow<ConvKernel<int16_t, int64_t>>> conv_rows(int16_t) { return kConvI16; }
std::span<const KernelRow<DepthwiseKernel<int16_t, int64_t>>> depthwise_rows(int16_t) {
  return kDepthwiseI16;
}
std::span<const KernelRow<ConvKernel<int8_t, int32_t>>> conv_rows(int8_t) { return kConvI8; }
std::span<const KernelRow<ConvKernel<float, float>>> conv_rows(float) { return kConvF32; }
std::span<const KernelRow<DepthwiseKernel<int8_t, int32_t>>> depthwise_rows(int8_t) { return kDepthwiseI8; }
std::span<const KernelRow<DepthwiseKernel<float, float>>> depthwise_rows(float) { return kDepthwiseF32; }

}  // namespace openhb::conv
