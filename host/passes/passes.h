// SPDX-License-Identifier: Apache-2.0
// Rewrites of the float graph that keep what it computes. Each runs until it finds nothing more and expects
// inferred shapes (an inner value with an empty shape counts as unknown). A folded chain keeps the name of
// its last value and of the node that computes, so that tensors keep their names; inner values of the chain
// disappear.
#pragma once

#include "host/graph/graph.h"

namespace openhb::passes {

// Removes nodes that return their input: Identity, and Cast, Reshape, Transpose, Pad, Slice and the
// like where shapes and constants prove it. One that links a graph input to a graph output stays.
void eliminate_identity(graph::Graph& graph);

// BatchNormalization (inference) into the weights and bias of the Conv, ConvTranspose or Gemm before it;
// elsewhere it becomes a depthwise 1x1 Conv, or Mul and Add for rank 2.
void fold_batch_norm(graph::Graph& graph);

// Mul, Add, Sub and Div by a scalar or per-channel constant into the Conv, ConvTranspose or Gemm before them,
// and MatMul + Add of rank 2 into Gemm.
void fold_affine(graph::Graph& graph);

// Zero Pad of the spatial axes into the pads of the Conv, AveragePool or MaxPool that reads it, where exact.
void fuse_pad(graph::Graph& graph);

// Transpose of Transpose, Reshape of Reshape; Squeeze, Unsqueeze, Flatten and computed Reshapes of known
// shape become Reshape with a constant.
void merge_movement(graph::Graph& graph);

// Chains of Relu and Clip into one; Clip without an upper bound from 0 becomes Relu, without bounds nothing.
void merge_clip(graph::Graph& graph);

}  // namespace openhb::passes
