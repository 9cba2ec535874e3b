// SPDX-License-Identifier: Apache-2.0
#include "host/passes/channel_affine.h"

#include <cmath>

#include "host/passes/rewrite.h"

namespace openhb::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

int64_t group_count(const Node& node) { return node.attr_int("group", 1); }

// Weight element to output channel. Conv [M, C/g, k...]; ConvTranspose [C, M/g, k...]; Gemm [K, N] or [N, K].
class ChannelOf {
 public:
  ChannelOf(const Node& node, const Shape& w) {
    const int64_t size = num_elements(w);
    if (is_op(node, "ConvTranspose")) {
      rows_per_group_ = w[0] / group_count(node);
      columns_ = w[1];
      inner_ = size / (w[0] * w[1]);
    } else if (is_op(node, "Gemm") && node.attr_int("transB", 0) == 0) {
      rows_per_group_ = w[0];
      columns_ = w[1];
    } else {
      rows_per_group_ = 1;
      columns_ = 1;
      inner_ = size / w[0];
    }
  }
  size_t operator()(size_t element) const {
    const int64_t i = static_cast<int64_t>(element) / inner_;
    return static_cast<size_t>(i / columns_ / rows_per_group_ * columns_ + i % columns_);
  }

 private:
  int64_t rows_per_group_, columns_, inner_ = 1;
};

// Replaces a constant input. A value that only this node reads keeps its name.
void set_constant(Graph& graph, Node& node, size_t index, Tensor tensor, const std::string& fallback_name) {
  Value* old = node.input(index);
  if (old && use_count(graph, old) == 1) {
    old->shape = tensor.shape();
    old->constant = std::make_shared<const Tensor>(std::move(tensor));
    return;
  }
  if (node.inputs.size() <= index) node.inputs.resize(index + 1);
  node.inputs[index] = graph.add_constant(old ? old->name : fallback_name, std::move(tensor));
}

}  // namespace

std::optional<ChannelOutput> channel_output(const Node& node) {
  const Tensor* w = constant_floats(node.input(1));
  if (!w || w->size() == 0) return std::nullopt;
  int64_t channels = 0;
  size_t rank = w->rank();
  if (is_op(node, "Conv") && rank >= 3) {
    channels = w->shape()[0];
  } else if (is_op(node, "ConvTranspose") && rank >= 3) {
    const int64_t groups = group_count(node);
    if (groups < 1 || w->shape()[0] % groups != 0) return std::nullopt;
    channels = checked_mul(w->shape()[1], groups);
  } else if (is_op(node, "Gemm") && rank == 2) {
    channels = w->shape()[node.attr_int("transB", 0) != 0 ? 0 : 1];
  } else {
    return std::nullopt;
  }
  if (const Value* bias = node.input(2)) {
    const Tensor* b = constant_floats(bias);
    if (!b) return std::nullopt;
    // Gemm's bias may broadcast from a scalar or from one row; a column per batch row may not.
    const bool row =
        b->size() == static_cast<size_t>(channels) && !b->shape().empty() && b->shape().back() == channels;
    if (!row && !(is_op(node, "Gemm") && b->size() == 1)) return std::nullopt;
  }
  return ChannelOutput{rank, channels};
}

bool apply_channel_affine(Graph& graph, Node& node, std::span<const double> scale,
                          std::span<const double> shift) {
  const auto output = channel_output(node);
  const auto channels = static_cast<size_t>(output ? output->channels : 0);
  if (!output || scale.size() != channels || shift.size() != channels)
    fail(ErrorCode::internal, "{}: cannot scale its {} channels", node.describe(), channels);

  const Tensor& old_weights = *constant_floats(node.input(1));
  Tensor weights(DType::f32, old_weights.shape());
  const ChannelOf channel_of(node, weights.shape());
  bool finite = true;
  const auto round = [&](double value) {
    const auto result = static_cast<float>(value);
    finite = finite && std::isfinite(result);
    return result;
  };
  for (size_t i = 0; i < weights.size(); ++i)
    weights.data<float>()[i] = round(old_weights.data<float>()[i] * scale[channel_of(i)]);

  const bool gemm = is_op(node, "Gemm");
  const double beta = gemm ? double{node.attr_float("beta", 1.0f)} : 1.0;
  const Tensor* old_bias = constant_floats(node.input(2));
  Tensor bias(DType::f32, {output->channels});
  for (size_t c = 0; c < channels; ++c) {
    const double b = old_bias ? old_bias->data<float>()[old_bias->size() == 1 ? 0 : c] * beta : 0.0;
    bias.data<float>()[c] = round(b * scale[c] + shift[c]);
  }
  if (!finite) return false;
  set_constant(graph, node, 1, std::move(weights), node.name + "_weight");
  set_constant(graph, node, 2, std::move(bias), node.name + "_bias");
  if (gemm) node.attributes.erase("beta");
  return true;
}

}  // namespace openhb::passes
