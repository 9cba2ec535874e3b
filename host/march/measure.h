// SPDX-License-Identifier: Apache-2.0
// Quantities of a node that a march limits. Each expects a node with inferred shapes, and gives nothing where
// it does not apply: of a 3-D convolution, `planar_stride` does not.
#pragma once

#include "host/march/march.h"

namespace openhb::march {

using Values = std::vector<Observed>;

// ---- tensors: the inputs that are computed at run time, and the outputs (tensor.cc) ----
Values rank(const Site& site);
Values rank_of_input(const Site& site);   // input 0
Values computed_rank(const Site& site);   // of inputs that are not constants
Values batch(const Site& site);           // dimension 0 of tensors with more than one
Values extent(const Site& site);          // the largest of all dimensions
Values bytes(const Site& site);           // of the largest tensor, as int8
Values channels(const Site& site);        // dimension 1 of tensors with four
Values volume(const Site& site);          // channels x height x width of input 0, of four dimensions
Values aligned_volume(const Site& site);  // the same in the smaller one of an X3's two layouts
Values plane(const Site& site);           // height x width of input 0
Values input_extent_at(const Site& site, size_t from_end);
template <size_t kFromEnd>
Values input_extent(const Site& site) {
  return input_extent_at(site, kFromEnd);
}
Values changed_extents(const Site& site);  // number of dimensions in which output 0 differs from input 0
Values gather_rank(const Site& site);      // the largest of data, indices and result

// ---- sliding windows (window.cc); template arguments: 0 is the width, 1 the height, 2 the depth ----
Values kernel_at(const Site& site, size_t from_end);
template <size_t kFromEnd>
Values kernel(const Site& site) {
  return kernel_at(site, kFromEnd);
}
Values planar_attribute(const Site& site, std::string_view name, size_t from_end);
template <size_t kFromEnd>
Values planar_stride(const Site& site) {
  return planar_attribute(site, "strides", kFromEnd);
}
template <size_t kFromEnd>
Values planar_dilation(const Site& site) {
  return planar_attribute(site, "dilations", kFromEnd);
}
Values planar_padding(const Site& site);         // of each side
Values planar_kernel_size(const Site& site);     // channels of one group x height x width
Values planar_inputs(const Site& site);          // channels of one group
Values inner_outputs(const Site& site);          // output channels, where integer operators read them
Values last_outputs(const Site& site);           // output channels elsewhere
Values single_group_channels(const Site& site);  // input and output, of a node with one group
Values many_group_channels(const Site& site);    // of one of several groups
Values stride_before_sum(const Site& site);      // where the only reader adds another result
Values stride_with_dilation(const Site& site);   // where a dilation is larger than 1
Values dilation_remainder(const Site& site);     // input height and width modulo their dilation
Values dilation_power(const Site& site);         // 1 where each is a power of two
Values dilation_of_stride(const Site& site);     // modulo the stride, where it is larger than 1
Values taller_dilation(const Site& site);        // height minus width, 0 where that is negative
Values taller_stride(const Site& site);
Values largest_kernel(const Site& site);
Values largest_stride(const Site& site);
Values larger_kernel(const Site& site);  // of height and width
Values larger_stride(const Site& site);
Values stride_two_or_four(const Site& site);   // 1 where both are
Values transposed_channels(const Site& site);  // input and output
Values weight_elements(const Site& site);
Values padding_beyond_ratio(const Site& site);  // beyond kernel / stride (odd strides: less than that)
Values padding_beyond_half(const Site& site);   // beyond (kernel - 1) / 2
Values output_padding(const Site& site);
// Of three-dimensional windows:
Values volume_batch(const Site& site);
Values volume_stride(const Site& site);
Values volume_groups(const Site& site);
Values volume_dilation(const Site& site);
Values volume_padding(const Site& site);        // of height and width
Values volume_depth_padding(const Site& site);  // beyond half the kernel
Values depth_channels(const Site& site);        // kernel depth x channels

// ---- operands (operand.cc) ----
Values constant_operands(const Site& site);     // how many
Values batch_broadcast(const Site& site);       // 1 where dimension 0 of a computed operand is broadcast
Values mutual_broadcast(const Site& site);      // 1 where each operand is
Values mergeable(const Site& site);             // 1 where 5 dimensions are 4 in truth, the batch apart
Values mergeable_with_batch(const Site& site);  // the same, the batch included
Values equal_or_per_channel(const Site& site);  // 1 where operands are equal in shape or N, C, 1, 1
Values equal_per_channel_or_one(const Site& site);
Values zero_operand(const Site& site);  // 1 where a constant contains 0
Values exponent_elements(const Site& site);
Values gemm_depth(const Site& site);        // columns of the first matrix
Values matrix_extents(const Site& site);    // rows and columns of both matrices
Values matrix_batches(const Site& site);    // their other dimensions
Values rank_difference(const Site& site);   // of two computed operands
Values matrix_broadcast(const Site& site);  // 1 where the published list allows it

// ---- attributes (attribute.cc) ----
Values axis_or(const Site& site, int64_t fallback);
template <int64_t kDefault>
Values axis(const Site& site) {  // counted from the front
  return axis_or(site, kDefault);
}
Values searched_extent(const Site& site);  // of the axis of ArgMax
Values axis_count(const Site& site);       // reduced axes
Values reduced_extent(const Site& site);
Values one_axis_or_plane(const Site& site);  // 1 where one axis, or height and width, are reduced
Values plane_axes(const Site& site);         // 1 where height and width are
Values keepdims(const Site& site);
Values sorted(const Site& site);
Values split_sizes(const Site& site);  // how many different ones
Values block_size(const Site& site);
Values pad_mode(const Site& site);
Values other_resized_axes(const Site& site);
Values resize_mode(const Site& site);
Values nearest_power(const Site& site);  // 1 where each factor is a power of two
Values nearest_ratio(const Site& site);  // height factor / width factor
Values resize_coordinates(const Site& site);
Values grid_mode(const Site& site);
Values grid_padding(const Site& site);

}  // namespace openhb::march
