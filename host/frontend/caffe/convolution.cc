// SPDX-License-Identifier: Apache-2.0
// Sums of products with weights.
#include "host/frontend/caffe/layer.h"

namespace openhb::caffe_frontend {
namespace {

constexpr int64_t kLargest = 1 << 16;

struct Geometry {
  int64_t outputs = 0, group = 1;
  std::vector<int64_t> kernel, stride, dilation, pad;  // per spatial axis
};

// One value for all axes, one per axis, or the pair of _h and _w fields.
template <class Repeated>
std::vector<int64_t> spatial(const Layer& l, std::string_view field, const Repeated& list, bool has_h,
                             bool has_w, uint32_t h, uint32_t w, size_t axes, int64_t fallback,
                             int64_t least) {
  std::vector<int64_t> result;
  if (has_h || has_w) {
    l.require(axes == 2, "{}_h and {}_w are for two spatial axes, the bottom has {}", field, field, axes);
    l.require(list.empty(), "give {} or {}_h and {}_w, not both", field, field, field);
    result = {has_h ? int64_t{h} : fallback, has_w ? int64_t{w} : fallback};
  } else if (list.empty()) {
    result.assign(axes, fallback);
  } else {
    l.require(list.size() == 1 || static_cast<size_t>(list.size()) == axes,
              "{} has {} values, expected 1 or {}", field, list.size(), axes);
    for (size_t i = 0; i < axes; ++i)
      result.push_back(list.size() == 1 ? list.Get(0) : list.Get(static_cast<int>(i)));
  }
  for (const int64_t v : result)
    l.require(v >= least && v <= kLargest, "{} holds {}, expected {} to {}", field, v, least, kLargest);
  return result;
}

Geometry geometry(const Layer& l) {
  l.require(l.param.has_convolution_param(), "it has no convolution_param");
  const auto& p = l.param.convolution_param();
  l.require_shape(l.shape().size() >= 3 && l.shape().size() <= 5, "it needs 1 to 3 spatial axes");
  const size_t axes = l.shape().size() - 2;
  l.require(p.axis() == 1 || p.axis() == 1 - static_cast<int32_t>(l.shape().size()),
            "axis is {}; only the channels at axis 1 are supported", p.axis());
  Geometry g;
  g.outputs = p.num_output();
  g.group = p.group();
  l.require(g.outputs >= 1 && g.outputs <= (1 << 24), "num_output is {}", g.outputs);
  g.kernel = spatial(l, "kernel_size", p.kernel_size(), p.has_kernel_h(), p.has_kernel_w(), p.kernel_h(),
                     p.kernel_w(), axes, 0, 1);
  g.stride = spatial(l, "stride", p.stride(), p.has_stride_h(), p.has_stride_w(), p.stride_h(), p.stride_w(),
                     axes, 1, 1);
  g.pad = spatial(l, "pad", p.pad(), p.has_pad_h(), p.has_pad_w(), p.pad_h(), p.pad_w(), axes, 0, 0);
  g.dilation = spatial(l, "dilation", p.dilation(), false, false, 0, 0, axes, 1, 1);
  // Forks' depthwise layers say nothing about groups.
  if (l.param.type() != "Convolution" && l.param.type() != "Deconvolution") g.group = l.shape()[1];
  l.require(g.group >= 1 && g.outputs % g.group == 0 && l.shape()[1] % g.group == 0,
            "group is {}, which does not divide {} inputs and {} outputs", g.group, l.shape()[1], g.outputs);
  return g;
}

Attributes attributes(const Geometry& g) {
  std::vector<int64_t> pads = g.pad;
  pads.insert(pads.end(), g.pad.begin(), g.pad.end());
  return {{"kernel_shape", g.kernel},
          {"strides", g.stride},
          {"dilations", g.dilation},
          {"group", g.group},
          {"pads", pads}};
}

// Every bottom has a top of its own, with the same weights.
void convolve(Layer& l, bool transposed) {
  const Geometry g = geometry(l);
  l.require(l.bottoms() == l.tops(), "it has {} bottoms, but {} tops", l.bottoms(), l.tops());
  const int64_t channels = l.shape()[1];
  Shape shape = transposed ? Shape{channels, g.outputs / g.group} : Shape{g.outputs, channels / g.group};
  shape.insert(shape.end(), g.kernel.begin(), g.kernel.end());
  std::vector<Value*> operands{nullptr, l.weights(0, shape, "weights")};
  if (l.param.convolution_param().bias_term()) operands.push_back(l.weights(1, {g.outputs}, "biases"));
  for (size_t i = 0; i < l.bottoms(); ++i) {
    l.require_shape(l.shape(i).size() == l.shape(0).size() && l.shape(i)[1] == channels,
                    "all bottoms must have the same channels");
    Shape y{l.shape(i)[0], g.outputs};
    for (size_t d = 0; d < g.kernel.size(); ++d) {
      const int64_t in = l.shape(i)[d + 2], span = g.dilation[d] * (g.kernel[d] - 1) + 1;
      const int64_t room = in + 2 * g.pad[d] - span;
      y.push_back(transposed ? g.stride[d] * (in - 1) + span - 2 * g.pad[d] : room / g.stride[d] + 1);
      l.require_shape((transposed || room >= 0) && y.back() >= 1,
                      "a window of {} with pad {} does not fit an extent of {}", span, g.pad[d], in);
    }
    operands[0] = l.bottom(i);
    l.top(i, l.node(transposed ? "ConvTranspose" : "Conv", operands, y, attributes(g)));
  }
}

void convolution(Layer& l) { convolve(l, false); }
void deconvolution(Layer& l) { convolve(l, true); }

void inner_product(Layer& l) {
  const auto& p = l.param.inner_product_param();
  const int64_t outputs = p.num_output();
  l.require(outputs >= 1 && outputs <= (1 << 24), "num_output is {}", outputs);
  const size_t axis = l.axis(p.axis());
  const auto at = l.shape().begin() + static_cast<std::ptrdiff_t>(axis);
  const int64_t rows = num_elements(Shape(l.shape().begin(), at)),
                columns = num_elements(Shape(at, l.shape().end()));
  const bool transpose = p.transpose();
  std::vector<Value*> operands{
      l.reshape(l.bottom(0), {rows, columns}),
      l.weights(0, transpose ? Shape{columns, outputs} : Shape{outputs, columns}, "weights")};
  if (p.bias_term()) operands.push_back(l.weights(1, {outputs}, "biases"));
  Shape y(l.shape().begin(), at);
  y.push_back(outputs);
  l.top(0, l.reshape(l.node("Gemm", operands, {rows, outputs}, {{"transB", int64_t{transpose ? 0 : 1}}}), y));
}

void embed(Layer& l) {
  const auto& p = l.param.embed_param();
  const int64_t outputs = p.num_output(), inputs = p.input_dim();
  l.require(outputs >= 1 && inputs >= 1, "num_output is {} and input_dim {}", outputs, inputs);
  Value* indices = l.node("Cast", {l.bottom(0)}, l.shape(), {{"to", int64_t{7}}}, DType::i64);
  Shape shape = l.shape();
  shape.push_back(outputs);
  Value* y =
      l.node("Gather", {l.weights(0, {inputs, outputs}, "weights"), indices}, shape, {{"axis", int64_t{0}}});
  if (p.bias_term()) y = l.node("Add", {y, l.weights(1, {outputs}, "biases")}, shape);
  l.top(0, y);
}

constexpr LayerRow kRows[] = {
    {"Convolution", 1, kAny, 1, kAny, convolution},
    {"ConvolutionDepthwise", 1, kAny, 1, kAny, convolution},
    {"Deconvolution", 1, kAny, 1, kAny, deconvolution},
    {"DepthwiseConvolution", 1, kAny, 1, kAny, convolution},
    {"Embed", 1, 1, 1, 1, embed},
    {"InnerProduct", 1, 1, 1, 1, inner_product},
};

}  // namespace

std::span<const LayerRow> convolution_layers() { return kRows; }

}  // namespace openhb::caffe_frontend
