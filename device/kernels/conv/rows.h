// SPDX-License-Identifier: Apache-2.0
// The kernel rows of Conv and Depthwise, from general to specialised.
#pragma once

#include <span>

#include "device/kernels/conv/finish_tile.h"
#include "device/kernels/conv/span.h"
#include "device/kernels/conv/strip.h"
#include "device/kernels/conv/tile.h"
#include "device/kernels/kernel.h"

namespace openhb::conv {

template <class T, class B>
struct ConvKernel {
  void (*run)(const ConvTile<T, B>&);
  int mr, nr;              // largest tile: output pixels, blocks of 16 output channels
  bool panels = false;     // takes any number of pixels and divides them into tiles itself; see ConvTile
  bool lines = panels;     // can find the inputs of lines by their distances
  bool symmetric = false;  // wants to know of weights that are -128
  bool finishes = false;   // int16: stores outputs itself where int32 holds the sums of products
  bool narrows = false;    // int8: is faster where no product exceeds 16 bits
};
template <class T, class B>
struct DepthwiseKernel {
  void (*run)(const DepthwiseTile<T, B>&);
  SpanKernel<T, B> span;   // used instead, if there is one, where it can be
  StripKernel strip = {};  // used instead, if there is one
};
using FinishKernel = void (*)(const FinishTile&);

std::span<const KernelRow<ConvKernel<int8_t, int32_t>>> conv_rows(int8_t);
std::span<const KernelRow<ConvKernel<float, float>>> conv_rows(float);
std::span<const KernelRow<ConvKernel<int16_t, int64_t>>> conv_rows(int16_t);
std::span<const KernelRow<DepthwiseKernel<int16_t, int64_t>>> depthwise_rows(int16_t);
std::span<const KernelRow<DepthwiseKernel<int8_t, int32_t>>> depthwise_rows(int8_t);
std::span<const KernelRow<DepthwiseKernel<float, float>>> depthwise_rows(float);
std::span<const KernelRow<FinishKernel>> finish_rows();

}  // namespace openhb::conv
