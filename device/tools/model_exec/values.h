// SPDX-License-Identifier: Apache-2.0
// Dense tensors to and from the memory of the C API.
#pragma once

#include "common/tensor.h"
#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

// Shape and type of a tensor's valid elements, dense: that of its validShape; rows of luma above rows of
// chroma, [N, 1, H + H/2, W], for nv12.
Shape dense_shape(const hbDNNTensorProperties& properties);

// Puts the valid elements into the tensor's memory, whose rows may be padded.
void store(const Tensor& dense, hbDNNTensor& tensor);

// Valid elements of an output of `samples` samples (those of validShape, or as many as a region inference
// made).
Tensor load(const hbDNNTensor& tensor);

// Everything in an output's memory, padding included; shape: alignedShape.
Tensor load_aligned(const hbDNNTensor& tensor);

// Scales; the axis is one of validShape.
QuantParams quant_of(const hbDNNTensorProperties& properties);

}  // namespace openhb::model_exec
