// SPDX-License-Identifier: Apache-2.0
// The marches' limits, operator family by operator family: data only. Sources: the published lists of
// supported operators of the RDK Ultra (bayes) and RDK X3 (bernoulli2).
//
// Operators that the lists do not have, or only on the CPU, but that the integer engine takes, keep the
// limits of their family on bayes, whose later releases took many of them. bernoulli2 is final: what its list
// denies is denied here.
#pragma once

#include "host/march/measure.h"

namespace openhb::march {

inline constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// For every operator.
inline constexpr Limit kGeneral[] = {
    {kBayes, "batch (dimension 0)", batch, 1, 4096, "", "use a smaller batch"},
    {kBernoulli2, "batch (dimension 0)", batch, 1, 128, "", "use a smaller batch"},
    {kEvery, "largest dimension", extent, 1, 65536, "", "split the tensor or reshape it"},
    {kEvery, "size in bytes", bytes, 1, kGiB, "1 GiB at most", "use a smaller input or batch"},
};

inline constexpr std::string_view kToFour =
    "put Reshape or Unsqueeze around it, so that it works on 4 dimensions (N, C, H, W)";

// For an operator that names no limits of its own.
inline constexpr Limit kFourDimensions[] = {{kEvery, "rank", rank, 4, 4, "", kToFour}};

// For operators that move or view data in any form.
inline constexpr Limit kAnyRank[] = {{kEvery, "rank", rank, 1, 10}};

// Movement to computed positions.
inline constexpr Limit kPlain[] = {
    {kBayes, "rank", rank, 1, 10},
    absent(kBernoulli2, "compute it outside of the network"),
};

// Reshape and its kin, Transpose.
inline constexpr Limit kView[] = {
    {kBayes, "rank", rank, 1, 10},
    absent(kBernoulli2, "export the network so that convolutions follow each other without it"),
};

// ---- functions of one operand ----

inline constexpr Limit kElementwise[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
};
inline constexpr Limit kElementwiseBayes[] = {
    {kBayes, "rank", rank, 1, 10},
    absent(kBernoulli2, "use another activation function (Relu, LeakyRelu, Sigmoid) or compute it outside"),
};
inline constexpr Limit kElementwiseSmall[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
    {kBernoulli2, "channels x height x width", volume, 1, 8192, "", "use it behind a smaller feature map"},
};
inline constexpr Limit kSigmoid[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
    {kBernoulli2, "aligned channels x height x width", aligned_volume, 1, 8192, "",
     "use it behind a smaller feature map, or replace it by Relu or HardSigmoid"},
};

// ---- two operands ----

inline constexpr Limit kBinaryBayes[] = {
    {kBayes, "rank", computed_rank, 2, 5, "", "reshape the operands to 4 dimensions"},
    {kBayes, "constant operands", constant_operands, 0, 1, "", "compute it when exporting"},
    {kBayes, "broadcast of dimension 0", batch_broadcast, 0, 0, "none", "expand the smaller operand first"},
    {kBayes, "merge of 5 dimensions to 4", mergeable, 1, 1, "two neighbours without broadcast",
     "reshape the operands to 4 dimensions"},
};
inline constexpr Limit kBinaryX3[] = {
    {kBernoulli2, "rank", computed_rank, 4, 4, "", kToFour},
    {kBernoulli2, "channels", channels, 1, 2048, "", "split the channels"},
};
inline constexpr Limit kAddX3[] = {
    {kBernoulli2, "operands", equal_or_per_channel, 1, 1, "equal shapes, or one value per channel",
     "expand the smaller operand first"},
};
inline constexpr Limit kSubX3[] = {
    absent(kBernoulli2, "negate the weights of the operand's convolution and use Add"),
};
inline constexpr Limit kMulX3[] = {
    {kBernoulli2, "operands", equal_per_channel_or_one, 1, 1,
     "equal shapes, one value per channel, or one number", "expand the smaller operand first"},
    {kBernoulli2, "constant operand", zero_operand, 0, 0, "no zero in it",
     "leave out the channels that are multiplied by 0"},
};
inline constexpr Limit kDiv[] = {
    {kEvery, "constant operands", constant_operands, 0, 0, "none", "multiply by the reciprocal instead"},
    {kBayes, "rank", computed_rank, 2, 5, "", "reshape the operands to 4 dimensions"},
    {kBayes, "broadcast of dimension 0", batch_broadcast, 0, 0, "none", "expand the smaller operand first"},
    {kBayes, "merge of 5 dimensions to 4", mergeable, 1, 1, "two neighbours without broadcast",
     "reshape the operands to 4 dimensions"},
    {kBernoulli2, "rank", computed_rank, 4, 4, "", kToFour},
    {kBernoulli2, "channels", channels, 1, 2048, "", "split the channels"},
    {kBernoulli2, "operands", equal_per_channel_or_one, 1, 1,
     "equal shapes, one value per channel, or one number", "expand the smaller operand first"},
};
inline constexpr auto kAdd = together(kBinaryBayes, kBinaryX3, kAddX3);
inline constexpr auto kSub = together(kBinaryBayes, kSubX3);
inline constexpr auto kMul = together(kBinaryBayes, kBinaryX3, kMulX3);
inline constexpr Limit kPow[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBayes, "elements of the exponent", exponent_elements, 1, 1, "", "use one number as exponent"},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
};
// Equal, Greater, Less, Max, Min.
inline constexpr Limit kCompare[] = {
    {kEvery, "rank", computed_rank, 2, 5, "", "reshape the operands to 4 dimensions"},
    {kEvery, "broadcast of both operands", mutual_broadcast, 0, 0, "one operand only",
     "expand one operand first"},
    {kEvery, "merge of 5 dimensions to 4", mergeable_with_batch, 1, 1, "two neighbours without broadcast",
     "reshape the operands to 4 dimensions"},
};

// ---- sums of products ----

inline constexpr Limit kConv[] = {
    {kBayes, "rank", rank, 4, 5, "", kToFour},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "kernel height", kernel<1>, 1, 31, "", "use smaller kernels in a row"},
    {kBayes, "kernel width", kernel<0>, 1, 31, "", "use smaller kernels in a row"},
    {kBernoulli2, "kernel height", kernel<1>, 1, 7, "", "use smaller kernels in a row"},
    {kBernoulli2, "kernel width", kernel<0>, 1, 7, "", "use smaller kernels in a row"},
    {kBayes, "kernel channels x height x width", planar_kernel_size, 1, 65535, "",
     "split the input channels and add the parts"},
    {kBernoulli2, "kernel channels x height x width", planar_kernel_size, 1, 32768, "",
     "split the input channels and add the parts"},
    {kBayes, "input channels of one group", planar_inputs, 1, 8192, "",
     "split the input channels and add the parts"},
    {kBayes, "output channels", inner_outputs, 1, 8192, "", "split the output channels and concatenate"},
    {kBayes, "output channels of the last operator", last_outputs, 1, 65536, "", "split the output channels"},
    {kBernoulli2, "channels", single_group_channels, 1, 4096, "", "split the channels"},
    {kBernoulli2, "channels of one group", many_group_channels, 1, 2048, "", "use more groups"},
    {kBayes, "stride height", planar_stride<1>, 1, 256, "", "use a smaller stride"},
    {kBayes, "stride width", planar_stride<0>, 1, 256, "", "use a smaller stride"},
    {kBayes, "stride before the sum with another result", stride_before_sum, 1, 2, "",
     "use a stride of 1 or 2"},
    {kBayes, "stride beside a dilation", stride_with_dilation, 1, 1, "", "use a stride of 1"},
    {kBayes, "dilation height", planar_dilation<1>, 1, 16, "", "use a smaller dilation"},
    {kBayes, "dilation width", planar_dilation<0>, 1, 16, "", "use a smaller dilation"},
    {kBayes, "input height or width modulo dilation", dilation_remainder, 0, 0, "",
     "pad the input to a multiple of the dilation"},
    // The list wants multiples of the stride, as dilation beside a stride of 1 is what networks have.
    {kBernoulli2, "dilation", dilation_power, 1, 1, "a power of two", "use a dilation of 2 or 4"},
    {kBernoulli2, "dilation modulo stride", dilation_of_stride, 0, 0, "", "use a stride of 1"},
    {kBernoulli2, "dilation height beyond its width", taller_dilation, 0, 0, "no larger than its width",
     "use the same dilation for both"},
    {kBayes, "padding", planar_padding, 0, 256, "", "pad less"},
    // Three-dimensional.
    {kBayes, "batch of a 3-D convolution", volume_batch, 1, 128, "", "use a smaller batch"},
    {kBayes, "kernel depth", kernel<2>, 1, 8191, "", "use a smaller kernel"},
    {kBayes, "stride of a 3-D convolution", volume_stride, 1, 2, "1 or 2, equal in height and width",
     "use a stride of 1 or 2"},
    {kBayes, "groups of a 3-D convolution", volume_groups, 1, 1, "", "use one group"},
    {kBayes, "dilation of a 3-D convolution", volume_dilation, 1, 1, "", "use a dilation of 1"},
    {kBayes, "padding of a 3-D convolution", volume_padding, 0, 256, "", "pad less"},
    {kBayes, "padding of the depth beyond half the kernel", volume_depth_padding, 0, 0, "none", "pad less"},
    {kBayes, "kernel depth x input channels", depth_channels, 1, 8192, "", "use fewer channels"},
};

inline constexpr Limit kConvTranspose[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "batch", batch, 1, 128, "", "use a smaller batch"},
    {kEvery, "channels", transposed_channels, 1, 2048, "", "split the channels"},
    {kBayes, "kernel height", kernel<1>, 1, 14, "", "use Resize and a Conv instead"},
    {kBayes, "kernel width", kernel<0>, 1, 14, "", "use Resize and a Conv instead"},
    {kBernoulli2, "kernel height", kernel<1>, 2, 14, "", "use Resize and a Conv instead"},
    {kBernoulli2, "kernel width", kernel<0>, 2, 14, "", "use Resize and a Conv instead"},
    {kBayes, "larger side of the kernel", larger_kernel, 2, 14, "", "use a Conv instead"},
    {kBayes, "elements of the weights", weight_elements, 1, 65535, "", "split the output channels"},
    {kBayes, "stride height", planar_stride<1>, 1, 14, "", "use Resize and a Conv instead"},
    {kBayes, "stride width", planar_stride<0>, 1, 14, "", "use Resize and a Conv instead"},
    {kBayes, "larger stride", larger_stride, 2, 14, "", "use a Conv instead"},
    {kBernoulli2, "stride", stride_two_or_four, 1, 1, "2 or 4", "use Resize and a Conv instead"},
    {kBernoulli2, "stride height beyond its width", taller_stride, 0, 0, "no larger than its width",
     "use the same stride for both"},
    {kEvery, "dilation height", planar_dilation<1>, 1, 1, "", "use Resize and a Conv instead"},
    {kEvery, "dilation width", planar_dilation<0>, 1, 1, "", "use Resize and a Conv instead"},
    {kBayes, "padding beyond kernel / stride", padding_beyond_ratio, 0, 0, "none",
     "pad less and crop behind it"},
    {kBernoulli2, "padding beyond (kernel - 1) / 2", padding_beyond_half, 0, 0, "none",
     "pad less and crop behind it"},
    {kEvery, "output padding", output_padding, 0, 1, "", "pad behind it"},
};

// A Gemm becomes a 1x1 convolution.
inline constexpr Limit kGemm[] = {
    {kBayes, "input columns", gemm_depth, 1, 8192, "", "split the columns and add the parts"},
    {kBayes, "output columns", inner_outputs, 1, 8192, "", "split the output columns and concatenate"},
    {kBayes, "output columns of the last operator", last_outputs, 1, 65536, "", "split the output columns"},
    {kBernoulli2, "input columns", gemm_depth, 1, 16384, "", "split the columns and add the parts"},
    {kBernoulli2, "output columns", inner_outputs, 1, 4096, "", "split the output columns"},
    {kBernoulli2, "output columns of the last operator", last_outputs, 1, 8188, "",
     "split the output columns"},
};

inline constexpr Limit kMatMul[] = {
    {kEvery, "rank", computed_rank, 2, 10, "", "put Unsqueeze before it"},
    {kEvery, "ranks of the operands", rank_difference, 0, 0, "equal", "put Unsqueeze before the smaller one"},
    {kEvery, "rows or columns (M, K, N)", matrix_extents, 1, 8192, "", "split the matrices"},
    {kEvery, "dimension beside the matrices", matrix_batches, 1, 4096, "", "split the operands"},
    {kEvery, "broadcast", matrix_broadcast, 1, 1,
     "of whole operands, or of the lower dimensions of the second one", "expand the smaller operand first"},
};

// ---- pooling ----

inline constexpr Limit kMaxPool[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "kernel", largest_kernel, 1, 256, "", "use smaller kernels in a row"},
    {kBernoulli2, "kernel", largest_kernel, 1, 64, "", "use smaller kernels in a row"},
    {kBayes, "stride", largest_stride, 1, 256, "", "use a smaller stride"},
    {kBernoulli2, "stride", largest_stride, 1, 185, "", "use a smaller stride"},
    {kBayes, "padding", planar_padding, 0, 256, "", "pad less"},
    {kEvery, "dilation height", planar_dilation<1>, 1, 1, "", "use a dilation of 1"},
    {kEvery, "dilation width", planar_dilation<0>, 1, 1, "", "use a dilation of 1"},
};
inline constexpr Limit kAveragePool[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "kernel", largest_kernel, 1, 256, "", "use smaller kernels in a row, or GlobalAveragePool"},
    {kBernoulli2, "kernel", largest_kernel, 1, 7, "", "use smaller kernels in a row, or GlobalAveragePool"},
    {kBayes, "stride", largest_stride, 1, 256, "", "use a smaller stride"},
    {kBernoulli2, "stride", largest_stride, 1, 185, "", "use a smaller stride"},
    {kBayes, "padding", planar_padding, 0, 256, "", "pad less"},
};
inline constexpr Limit kGlobalAveragePool[] = {
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
    {kBernoulli2, "height x width", plane, 1, 8192, "", "use AveragePool before it"},
};
inline constexpr Limit kGlobalMaxPool[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "height", input_extent<1>, 1, 256, "", "use MaxPool before it"},
    {kBayes, "width", input_extent<0>, 1, 256, "", "use MaxPool before it"},
};

// ---- reductions and searches ----

inline constexpr Limit kReduceMean[] = {
    {kBayes, "rank", rank_of_input, 2, 5, "", "reshape to at most 5 dimensions"},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "axes", one_axis_or_plane, 1, 1, "one, or height and width", "reduce one axis after the other"},
    {kBernoulli2, "axes", plane_axes, 1, 1, "height and width", "use GlobalAveragePool"},
    {kEvery, "keepdims", keepdims, 1, 1, "", "keep the axes (keepdims = 1) and use Squeeze behind it"},
};
inline constexpr Limit kReduceMax[] = {
    {kBayes, "rank", rank_of_input, 2, 5, "", "reshape to at most 5 dimensions"},
    {kBayes, "number of axes", axis_count, 1, 1, "", "reduce one axis after the other"},
    {kBayes, "extent of the axis", reduced_extent, 1, 8192, "", "reduce it in parts"},
    {kBayes, "keepdims", keepdims, 1, 1, "", "keep the axis (keepdims = 1) and use Squeeze behind it"},
    absent(kBernoulli2, "use MaxPool or GlobalMaxPool where it goes over height and width"),
};
inline constexpr Limit kReduceSum[] = {
    {kBayes, "rank", rank_of_input, 2, 5, "", "reshape to at most 5 dimensions"},
    {kBayes, "number of axes", axis_count, 1, 1, "", "reduce one axis after the other"},
    absent(kBernoulli2, "use GlobalAveragePool and a factor where it goes over height and width"),
};
inline constexpr Limit kArgSearch[] = {
    {kEvery, "rank", rank_of_input, 4, 4, "", kToFour},
    {kEvery, "axis", axis<0>, 1, 1, "", "put Transpose before it, so that it searches the channels"},
    {kEvery, "channels", searched_extent, 1, 64, "", "search in parts"},
};
inline constexpr Limit kTopK[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBayes, "sorted", sorted, 1, 1, "", "set sorted to 1"},
    absent(kBernoulli2, "compute it outside of the network"),
};
inline constexpr Limit kSoftmax[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "axis", axis<-1>, 1, 3, "", "reshape, so that it does not go over the batch"},
    {kBernoulli2, "axis", axis<-1>, 1, 1, "", "put Transpose before it, so that it goes over the channels"},
};

// ---- movement ----

inline constexpr Limit kConcat[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kEvery, "axis", axis<0>, 1, 9, "1 or more", "reshape, so that it does not join batches"},
};
inline constexpr Limit kSplit[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBernoulli2, "rank", rank, 4, 4, "", kToFour},
    {kEvery, "axis", axis<0>, 1, 9, "1 or more", "reshape, so that it does not part batches"},
    {kEvery, "different sizes", split_sizes, 1, 1, "", "use Slice for parts of different sizes"},
};
inline constexpr Limit kGather[] = {
    {kEvery, "rank of data, indices and result", gather_rank, 0, 4, "", "reshape to at most 4 dimensions"},
};
inline constexpr Limit kPad[] = {
    {kEvery, "rank", rank, 1, 10},
    {kEvery, "mode", pad_mode, 1, 1, "constant", "pad with zeros, or outside of the network"},
};
// Expand and Tile.
inline constexpr Limit kExpand[] = {
    {kBayes, "rank", rank, 1, 10},
    {kBayes, "number of dimensions that change", changed_extents, 0, 1, "", "use one after the other"},
    absent(kBernoulli2, "use operators that broadcast by themselves"),
};
inline constexpr Limit kBlocks[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kEvery, "blocksize", block_size, 2, 2, "", "use several in a row"},
};
inline constexpr Limit kResize[] = {
    {kEvery, "rank", rank, 4, 4, "", kToFour},
    {kEvery, "axes besides height and width", other_resized_axes, 0, 0, "none",
     "resize height and width only"},
    {kEvery, "mode", resize_mode, 1, 1, "nearest or linear", "use linear"},
    {kEvery, "factor of nearest", nearest_power, 1, 1, "a power of two", "use linear, or a factor of 2 or 4"},
    {kEvery, "height factor / width factor of nearest", nearest_ratio, 0, 1, "",
     "enlarge the height no more than the width"},
    {kEvery, "coordinate_transformation_mode", resize_coordinates, 1, 1,
     "half_pixel, pytorch_half_pixel, asymmetric, align_corners or tf_crop_and_resize",
     "export with half_pixel"},
};
inline constexpr Limit kGridSample[] = {
    {kBayes, "rank", rank, 4, 4, "", kToFour},
    {kBayes, "height", input_extent<1>, 1, 1024, "", "sample a smaller picture"},
    {kBayes, "width", input_extent<0>, 1, 1024, "", "sample a smaller picture"},
    {kBayes, "height x width", plane, 1, 720.0 * 1024, "", "sample a smaller picture"},
    {kBayes, "mode", grid_mode, 1, 1, "linear or nearest", "use linear"},
    {kBayes, "padding_mode", grid_padding, 1, 1, "zeros or border", "use zeros or border"},
    absent(kBernoulli2, "compute it outside of the network"),
};
}  // namespace openhb::march
