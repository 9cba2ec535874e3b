// SPDX-License-Identifier: Apache-2.0
// Operators of our own for Caffe layers that ONNX has no operators for: caffe_ops.cc.
#pragma once

#include "host/ops/operator.h"

namespace openhb::ops {

// Inputs: locations [N, P*L*4], scores [N, P*num_classes], prior boxes [1 or N, 2, P*4]. Attributes as the
// fields of Caffe's DetectionOutputParameter; -1 for no limit.
struct DetectionOutput {
  static constexpr OpInfo info{"DetectionOutput", 3, 3, "horizon"};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

// Inputs: x [N, output_dim * group_size^2, H, W], regions [R, 5].
struct PsRoiPooling {
  static constexpr OpInfo info{"PSROIPooling", 2, 2, "horizon"};
  static void infer(InferContext& context);
  static QuantRule quant(const Node& node);
  static void lower(compiler::Lowering& lowering, const Node& node);
};

using CaffeOps = OpList<DetectionOutput, PsRoiPooling>;

}  // namespace openhb::ops
