// SPDX-License-Identifier: Apache-2.0
// The steps of a program: parameters of every primitive, each described once.
//
// A step reads and writes the tensors that `Step::inputs` and `Step::outputs` name; its kernels, its
// validation and its cost are in device/kernels/<step>/. `visit` lists the parameters by name: the .bin
// writer and reader, the dumps and the documentation all come from it. Element types and quantization
// parameters are properties of the tensors, not of the step.
//
// Spatial steps (Conv, Depthwise, Pool, Resize) work on 4-D tensors stored N, H, W, C.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace openhb {

// Sum of products over a window, with groups. Also fully connected layers (1x1 on rows as pixels).
// Inputs, float32: x, weights [groups, ceil(Og/16), kh*kw, Cg, 16], bias [groups*ceil(Og/16)*16]; these may
// be computed at run time, those of int8 are constants.
// Inputs, int8: x, weights [groups, ceil(Og/16), kh*kw, ceil(Cg/4), 16, 4], bias int32 (with
//   -zero_point_x * sum(w) folded in), sum128 int32 (128 * sum(w)), and for an int8 output multiplier
//   float32; the last three have groups*ceil(Og/16)*16 entries. Padded weights, biases and multipliers are 0.
// Inputs, int16 (zero point 0): x, weights as for int8, bias int64, multiplier float64.
// Output: for float32 float32; for int8 int8, int16, or int32 (the accumulators; no multiplier, lo and hi
//   ignored); for int16 int16, int8 or float32.
// lo, hi: bounds of the result; for int8 and int16 outputs they are codes.
struct ConvParams {
  static constexpr std::string_view kName = "Conv";
  static constexpr uint16_t kId = 1;
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};  // top, left, bottom, right
  int32_t groups = 1;
  float lo = 0, hi = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("kernel", s.kernel), v("stride", s.stride), v("dilation", s.dilation), v("pads", s.pads);
    v("groups", s.groups), v("lo", s.lo), v("hi", s.hi);
  }
};

// One filter per channel (groups == channels, one output per input). Inputs as Conv, but the weights are
// [kh*kw, C16] and the vectors have C16 = channels rounded up to 16 entries.
struct DepthwiseParams {
  static constexpr std::string_view kName = "Depthwise";
  static constexpr uint16_t kId = 2;
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};
  float lo = 0, hi = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("kernel", s.kernel), v("stride", s.stride), v("dilation", s.dilation), v("pads", s.pads);
    v("lo", s.lo), v("hi", s.hi);
  }
};

// a [..., M, K] times b [..., K, N], leading dimensions broadcast; both operands are computed tensors, all
// three of one element type: float32, int32, int64, uint32, uint64 (integers wrap), or int8 with one scale
// and zero point each and K <= 33025. An int8 or float32 b may be stored transposed, [..., N, K] (its
// tensor's `order` then exchanges the last two axes; float32: K <= 65536).
struct MatMulParams {
  static constexpr std::string_view kName = "MatMul";
  static constexpr uint16_t kId = 3;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

enum class PoolMode : int32_t { max = 0, average = 1, global_average = 2 };

// Pooling over windows of float32, int8 or int16. Averages of int16 may have int8 outputs. For global_average
// the window is the whole plane.
struct PoolParams {
  static constexpr std::string_view kName = "Pool";
  static constexpr uint16_t kId = 4;
  PoolMode mode = PoolMode::max;
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};
  int32_t count_include_pad = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("mode", s.mode), v("kernel", s.kernel), v("stride", s.stride), v("dilation", s.dilation),
        v("pads", s.pads);
    v("count_include_pad", s.count_include_pad);
  }
};

enum class BinaryFunction : int32_t {
  add = 0,
  sub,
  mul,
  div,
  max,
  min,
  pow,
  mod,   // integers: remainder with the sign of the divisor
  fmod,  // remainder with the sign of the dividend
  shift_left,
  shift_right,
  bit_and,
  bit_or,
  bit_xor,
  equal,
  less,
  less_equal,
  prelu  // a >= 0 ? a : a * b
};
inline constexpr int kBinaryFunctions = static_cast<int>(BinaryFunction::prelu) + 1;

// Element-wise with NumPy broadcasting. float32: arithmetic, fmod, comparisons and prelu; int32, int64,
// uint64: all; bool: bit_and, bit_or, bit_xor and equal. Comparisons give bool.
// int8: add and sub use fa, fb, k; mul uses fa; max and min take codes of equal parameters; div and the
// comparisons take the tensors' own; prelu uses fa, and its b holds float32 factors (see docs/numerics.md).
// int16: add, sub, max and min use fa, fb; mul and div use fa; the output may be int8.
struct BinaryParams {
  static constexpr std::string_view kName = "Binary";
  static constexpr uint16_t kId = 5;
  BinaryFunction function = BinaryFunction::add;
  float fa = 0, fb = 0, k = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("function", s.function), v("fa", s.fa), v("fb", s.fb), v("k", s.k);
  }
};

// clip: [alpha, beta]. leaky_relu, elu, celu, thresholded_relu, swish: alpha. hard_sigmoid: alpha, beta.
// selu: alpha, gamma = beta. shrink: lambda = alpha, bias = beta. gelu: erf form; gelu_tanh: its
// approximation.
enum class UnaryFunction : int32_t {
  clip = 0,
  leaky_relu,
  sigmoid,
  tanh,
  exp,
  log,
  sqrt,
  reciprocal,
  neg,
  abs,
  floor,
  ceil,
  round,
  sign,
  erf,
  elu,
  hard_sigmoid,
  hard_swish,
  softplus,
  mish,
  gelu,
  sin,
  cos,
  square,
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  cosh,
  sinh,
  tan,
  celu,
  selu,
  softsign,
  shrink,
  thresholded_relu,
  gelu_tanh,
  swish
};

// Element-wise function of one float32 tensor, same shape out.
struct UnaryParams {
  static constexpr std::string_view kName = "Unary";
  static constexpr uint16_t kId = 6;
  UnaryFunction function = UnaryFunction::clip;
  float alpha = 0, beta = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("function", s.function), v("alpha", s.alpha), v("beta", s.beta);
  }
};

// Table look-up. Inputs, int8: x, table int8 or int16 [256] as the output: y = table[x + 128].
// Inputs, int16: x, table int32 [2^k + 1], k = 10 .. 16: interpolated as docs/numerics.md says, for an int16
// or int8 output.
inline constexpr int kLutLeastBits = 10;                  // of k
inline constexpr int kLutFraction = 8;                    // fractional bits of the int32 entries
inline constexpr int32_t kLutOne = 1 << kLutFraction;     // 1.0 in them
inline constexpr int32_t kLutLargest = int32_t{1} << 24;  // |entry| at most
struct LutParams {
  static constexpr std::string_view kName = "Lut";
  static constexpr uint16_t kId = 7;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// float32 to int8 or int16 with the output tensor's scale and zero point. Also from int8 or int16 codes, as
// if they were dequantized before.
struct QuantizeParams {
  static constexpr std::string_view kName = "Quantize";
  static constexpr uint16_t kId = 8;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// int8, int16 or int32 to float32 with the input tensor's scales (one, or one per index of its innermost
// dimension).
struct DequantizeParams {
  static constexpr std::string_view kName = "Dequantize";
  static constexpr uint16_t kId = 9;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// Element type conversion with C++ semantics; float to integer truncates and saturates, NaN gives 0.
struct CastParams {
  static constexpr std::string_view kName = "Cast";
  static constexpr uint16_t kId = 10;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// out[out_offset + sum i*out_strides] = in[in_offset + sum i*in_strides] for every index i in `extent`.
// Offsets and strides count elements from the tensor's first element in storage; strides may be negative or
// 0. Transpose, slice, concatenation, expansion and depth-to-space are all this step.
struct CopyParams {
  static constexpr std::string_view kName = "Copy";
  static constexpr uint16_t kId = 11;
  std::vector<int64_t> extent, in_strides, out_strides;
  int64_t in_offset = 0, out_offset = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("extent", s.extent), v("in_strides", s.in_strides), v("out_strides", s.out_strides);
    v("in_offset", s.in_offset), v("out_offset", s.out_offset);
  }
};

// Every element of the output = value (converted to its type; for int8 a code). No inputs.
struct FillParams {
  static constexpr std::string_view kName = "Fill";
  static constexpr uint16_t kId = 12;
  double value = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("value", s.value);
  }
};

// Inputs: data (any type), indices int32 or int64 (negative counts from the end; out of range is clamped).
// Output dims: data[:axis] + indices + data[axis+1:].
struct GatherParams {
  static constexpr std::string_view kName = "Gather";
  static constexpr uint16_t kId = 13;
  int32_t axis = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis);
  }
};

enum class ResizeMode : int32_t { nearest = 0, linear = 1 };

// Resampling of H and W by tables that the compiler computed.
// nearest: x, rows int32 [Ho], columns int32 [Wo]; any element type.
// linear: x, rows int32 [2, Ho], row_weights float32 [2, Ho], columns int32 [2, Wo], column_weights float32
// [2, Wo];
//   float32, int8 or int16. Row 0 of a table is the lower neighbour, row 1 the upper one.
struct ResizeParams {
  static constexpr std::string_view kName = "Resize";
  static constexpr uint16_t kId = 14;
  ResizeMode mode = ResizeMode::nearest;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("mode", s.mode);
  }
};

enum class ReduceFunction : int32_t { sum = 0, mean, max, min, prod, l1, l2, sum_square };

// Reduction over the listed memory dimensions, which keep extent 1 in the output. float32: all functions;
// int32, int64, uint64: all but l2; int8: max and min of codes, sum and mean with the tensors' own
// parameters.
struct ReduceParams {
  static constexpr std::string_view kName = "Reduce";
  static constexpr uint16_t kId = 15;
  ReduceFunction function = ReduceFunction::sum;
  std::vector<int64_t> axes;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("function", s.function), v("axes", s.axes);
  }
};

// Softmax (or its logarithm) along one memory dimension. float32: x. int8 (no logarithm): x, table float32
// [256] of powers (see docs/numerics.md).
struct SoftmaxParams {
  static constexpr std::string_view kName = "Softmax";
  static constexpr uint16_t kId = 16;
  int32_t axis = 0, log = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis), v("log", s.log);
  }
};

// Picture bytes to the network's domain: uint8 u becomes int8 u - 128, or float32 u - 128.
struct ImageParams {
  static constexpr std::string_view kName = "Image";
  static constexpr uint16_t kId = 17;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// The same for NV12, whose chroma becomes as large as its luma: every pair u, v is that of 2x2 pixels. Input
// uint8 [N, 1, H + H/2, W]: per picture H rows of luma, then H/2 rows of W/2 pairs u, v. Output int8 or
// float32 [N, H, W, 3]: y, u, v, each minus 128. H and W are even.
struct Nv12Params {
  static constexpr std::string_view kName = "NV12TOYUV444";
  static constexpr uint16_t kId = 18;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// Inputs: data (any type), indices int32 or int64 of data's rank and not larger beside `axis`. The output has
// the indices' extents: y[i0, .., ia, ..] = data[i0, .., indices[i], ..]. Negative indices count from the
// end; out of range is clamped.
struct GatherElementsParams {
  static constexpr std::string_view kName = "GatherElements";
  static constexpr uint16_t kId = 60;
  int32_t axis = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis);
  }
};

// Inputs: data (any type), indices int32 or int64 [batch..., tuples..., depth]. The output is
// [batch..., tuples..., data[batch_dims + depth:]]. Negative indices count from the end; out of range is
// clamped.
struct GatherNdParams {
  static constexpr std::string_view kName = "GatherND";
  static constexpr uint16_t kId = 61;
  int32_t batch_dims = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("batch_dims", s.batch_dims);
  }
};

enum class ScatterReduction : int32_t { none = 0, add, mul, max, min };

// Inputs: data, indices int32 or int64, updates of the indices' extents. The output is data, and then, in the
// updates' order, y[i0, .., indices[i], ..] op= updates[i]. Negative indices count from the end; an update
// out of range is skipped. none: any element type; others: all but float16 and bool (bool: add is or, mul is
// and).
struct ScatterElementsParams {
  static constexpr std::string_view kName = "ScatterElements";
  static constexpr uint16_t kId = 62;
  int32_t axis = 0;
  ScatterReduction reduction = ScatterReduction::none;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis), v("reduction", s.reduction);
  }
};

// The same for slices: indices [tuples..., depth], updates [tuples..., data[depth:]].
struct ScatterNdParams {
  static constexpr std::string_view kName = "ScatterND";
  static constexpr uint16_t kId = 63;
  ScatterReduction reduction = ScatterReduction::none;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("reduction", s.reduction);
  }
};

// Positions (int64) of the k largest or smallest elements along `axis`, best first; k is the output's extent
// there. float32 and all integers; equal elements in the order of their positions, NaN above everything.
struct TopKParams {
  static constexpr std::string_view kName = "TopK";
  static constexpr uint16_t kId = 64;
  int32_t axis = 0, largest = 1;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis), v("largest", s.largest);
  }
};

// Greedy suppression of overlapping boxes. Inputs, float32: boxes [N, B, 4], scores [N, C, B], and one
// element each: the IoU above which a box is suppressed, the score that a box must exceed. Output int64 [N *
// C * min(max_boxes, B), 3]: image, class, box of what remains, then rows of -1.
struct NonMaxSuppressionParams {
  static constexpr std::string_view kName = "NonMaxSuppression";
  static constexpr uint16_t kId = 65;
  int64_t max_boxes = 0;
  int32_t centered = 0;  // boxes are x, y of the centre, width, height instead of y, x of two corners
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("max_boxes", s.max_boxes), v("centered", s.centered);
  }
};

// Reverses the first lengths[b] entries along `time_axis` for each b along `batch_axis`. Inputs: x (any
// type), lengths int32 or int64 (clamped to the extent). One of the axes is 0, the other 1.
struct ReverseSequenceParams {
  static constexpr std::string_view kName = "ReverseSequence";
  static constexpr uint16_t kId = 66;
  int32_t batch_axis = 1, time_axis = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("batch_axis", s.batch_axis), v("time_axis", s.time_axis);
  }
};

// Determinants of float32 matrices [..., M, M].
struct DetParams {
  static constexpr std::string_view kName = "Det";
  static constexpr uint16_t kId = 67;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// y = condition ? a : b with NumPy broadcasting. Inputs: condition bool, a, b of the output's element type.
struct WhereParams {
  static constexpr std::string_view kName = "Where";
  static constexpr uint16_t kId = 30;
  template <class Self, class V>
  static void visit(Self&, V&&) {}
};

// Resampling of float32 along one memory dimension by tables that the compiler computed. Inputs: x, source
// int32 [taps, extent], weights float32 [taps, extent]; a first source of -1 gives `outside`.
struct ResampleParams {
  static constexpr std::string_view kName = "Resample";
  static constexpr uint16_t kId = 68;
  int32_t axis = 0;
  float outside = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis), v("outside", s.outside);
  }
};

enum class SampleMode : int32_t { nearest = 0, linear = 1, cubic = 2 };
enum class SamplePadding : int32_t { zeros = 0, border = 1, reflection = 2 };

// Samples x [N, spatial..., C] (two or three spatial dimensions) at the points of grid [N, points..., spatial
// rank], float32, coordinates in [-1, 1], the innermost dimension's first. Output [N, points..., C].
// float32, or int8 or int16 (nearest and linear) with equal parameters on both sides.
struct GridSampleParams {
  static constexpr std::string_view kName = "GridSample";
  static constexpr uint16_t kId = 69;
  SampleMode mode = SampleMode::linear;
  SamplePadding padding = SamplePadding::zeros;
  int32_t align_corners = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("mode", s.mode), v("padding", s.padding), v("align_corners", s.align_corners);
  }
};

enum class RoiMode : int32_t { align_average = 0, align_max = 1, pool = 2 };

// Pools float32 x [N, H, W, C] over boxes. align: rois [R, 4] and image numbers int32 or int64 [R]; pool:
// rois [R, 5] with the image number first. Output [R, h, w, C]. Image numbers are clamped. sampling: points
// per bin and direction, 0: as many as the bin has pixels (at most 4096); half_pixel: boxes are moved by
// -1/2. Both for align only.
struct RoiParams {
  static constexpr std::string_view kName = "Roi";
  static constexpr uint16_t kId = 70;
  RoiMode mode = RoiMode::align_average;
  float scale = 1;
  int32_t sampling = 0, half_pixel = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("mode", s.mode), v("scale", s.scale), v("sampling", s.sampling), v("half_pixel", s.half_pixel);
  }
};

enum class WindowFunction : int32_t { max = 0, average = 1, sum = 2, position = 3 };

// Pooling over one to three spatial dimensions of x [N, spatial..., C]; pads: all before, then all after.
// Windows start inside the tensor or its padding but may reach beyond (ceil_mode). max: any of float32, int8,
// uint8, int16; average: float32, int8; sum: float32; position: int64, where the maximum lies, as its index
// in the tensor [N, C, spatial...] (column_major: with the spatial dimensions in reverse).
struct WindowPoolParams {
  static constexpr std::string_view kName = "WindowPool";
  static constexpr uint16_t kId = 71;
  WindowFunction function = WindowFunction::max;
  std::vector<int64_t> kernel, stride, dilation, pads;
  int32_t count_include_pad = 0, column_major = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("function", s.function), v("kernel", s.kernel), v("stride", s.stride), v("dilation", s.dilation),
        v("pads", s.pads);
    v("count_include_pad", s.count_include_pad), v("column_major", s.column_major);
  }
};

// The operand matrix of a deformable convolution: x [N, H, W, C] sampled bilinearly (0 outside) at the
// kernel's positions, each moved by its offset. Inputs, float32: x, offsets [N, h, w, offset_groups * kernel
// * 2] (y before x) and optionally factors [N, h, w, offset_groups * kernel]. Output [groups, N*h*w, kernel *
// C/groups].
struct DeformSampleParams {
  static constexpr std::string_view kName = "DeformSample";
  static constexpr uint16_t kId = 72;
  std::array<int32_t, 2> kernel{1, 1}, stride{1, 1}, dilation{1, 1};
  std::array<int32_t, 4> pads{0, 0, 0, 0};
  int32_t groups = 1, offset_groups = 1;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("kernel", s.kernel), v("stride", s.stride), v("dilation", s.dilation), v("pads", s.pads);
    v("groups", s.groups), v("offset_groups", s.offset_groups);
  }
};

enum class RecurrentCell : int32_t { rnn = 0, gru, lstm };

// Functions of a cell's gates, with their alpha and beta (docs/numerics.md).
enum class RecurrentActivation : int32_t {
  sigmoid = 0,
  tanh,
  relu,
  affine,
  leaky_relu,
  thresholded_relu,
  scaled_tanh,
  hard_sigmoid,
  elu,
  softsign,
  softplus
};

// A recurrent layer over T time steps of N sequences in D directions, G gates (rnn 1, gru 3: z r h, lstm 4:
// i o f c) of `hidden` units, which padded to a multiple of 16 are P. The products of the input are a
// convolution that came before. Inputs, float32 unless said otherwise:
//   gates [T, N, D * G * P]: X * W^T and all biases that can be added beforehand; weights
//   [D, G, P / 16, hidden, 16]; constants [D, 3, 2]: alpha and beta of each activation; state [D, N, hidden];
//   lstm: cell [D, N, hidden]; gru with linear_before_reset: bias of the hidden product [D, P];
//   with peepholes (lstm): [D, 3, P] for i, o, f; with lengths: int32 [N], the time steps of each sequence,
//   clamped to [0, T].
// Output [T + 1, D, N, hidden], lstm [T + 2, ...]: the hidden state of each time step (0 behind the end of a
// sequence), the last hidden state, the last cell.
struct RecurrentParams {
  static constexpr std::string_view kName = "Recurrent";
  static constexpr uint16_t kId = 33;
  RecurrentCell cell = RecurrentCell::lstm;
  int32_t hidden = 1;
  int32_t reverse = 0;  // the first direction runs backward in time; the second always does
  int32_t linear_before_reset = 0, input_forget = 0, peepholes = 0, lengths = 0;
  float clip = 0;                        // bound of the activations' arguments; infinity: none
  std::array<int32_t, 6> activations{};  // RecurrentActivation: f, g, h of each direction
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("cell", s.cell), v("hidden", s.hidden), v("reverse", s.reverse);
    v("linear_before_reset", s.linear_before_reset), v("input_forget", s.input_forget);
    v("peepholes", s.peepholes), v("lengths", s.lengths), v("clip", s.clip);
    v("activations", s.activations);
  }
};

// int64 position of the largest (or smallest) element along one memory dimension, which keeps extent 1: the
// first such element, or the last one. float32, int32, int64, uint64, int8 (codes).
struct ArgParams {
  static constexpr std::string_view kName = "Arg";
  static constexpr uint16_t kId = 31;
  int32_t axis = 0, smallest = 0, last = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("axis", s.axis), v("smallest", s.smallest), v("last", s.last);
  }
};

enum class CumulateFunction : int32_t { sum = 0, prod };

// Running sum or product along one memory dimension. exclusive: without the element itself; reverse: from the
// end. float32, int32, int64.
struct CumulateParams {
  static constexpr std::string_view kName = "Cumulate";
  static constexpr uint16_t kId = 32;
  CumulateFunction function = CumulateFunction::sum;
  int32_t axis = 0, exclusive = 0, reverse = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("function", s.function), v("axis", s.axis), v("exclusive", s.exclusive), v("reverse", s.reverse);
  }
};

enum class BoxCode : int32_t { corner = 0, center_size = 1, corner_size = 2 };

// Boxes of the SSD family: decoded against prior boxes, filtered by score, overlap and count.
// Inputs, float32: locations [N, P * L * 4] (L = 1 when shared, else classes), scores [N, P * classes],
//   priors [1 or N, 2, P * 4] (corners, then variances).
// Output float32 [1, 1, rows, 7]: image, class, score, x1, y1, x2, y2; rows behind the last one hold -1 and
//   zeros. rows = N * keep_top_k, or with keep_top_k = -1 room for all boxes. top_k -1: no limit.
struct DetectionOutputParams {
  static constexpr std::string_view kName = "DetectionOutput";
  static constexpr uint16_t kId = 80;
  int32_t classes = 1, background = 0, share_location = 1;
  BoxCode code = BoxCode::corner;
  int32_t variance_encoded = 0, clip = 0, top_k = -1, keep_top_k = -1;
  float nms_threshold = 0, eta = 1, confidence_threshold = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("classes", s.classes), v("background", s.background), v("share_location", s.share_location);
    v("code", s.code), v("variance_encoded", s.variance_encoded), v("clip", s.clip);
    v("top_k", s.top_k), v("keep_top_k", s.keep_top_k), v("nms_threshold", s.nms_threshold);
    v("eta", s.eta), v("confidence_threshold", s.confidence_threshold);
  }
};

// Averages over the bins of regions, every bin from channels of its own. float32 x [N, D*G*G, H, W] and
// regions [R, 5] (image, x1, y1, x2, y2) to [R, D, G, G], stored in this order of axes.
struct PsRoiPoolParams {
  static constexpr std::string_view kName = "PsRoiPool";
  static constexpr uint16_t kId = 81;
  float spatial_scale = 1;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("spatial_scale", s.spatial_scale);
  }
};

// An operator of a plug-in (device/include/dnn/openhb_plugin.h), found by domain and type when the program is
// loaded. Inputs and outputs are dense tensors without scales, stored in the order of their axes; input i of
// the node is absent when bit i of `absent` is set, and the others follow one another. attributes: see
// device/plugin/attributes.h.
struct CustomParams {
  static constexpr std::string_view kName = "Custom";
  static constexpr uint16_t kId = 90;
  std::string domain, type, attributes;
  int64_t absent = 0;
  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("domain", s.domain), v("type", s.type), v("attributes", s.attributes), v("absent", s.absent);
  }
};

// The only list of steps.
using StepParams =
    std::variant<ConvParams, DepthwiseParams, MatMulParams, PoolParams, BinaryParams, UnaryParams, LutParams,
                 QuantizeParams, DequantizeParams, CastParams, CopyParams, FillParams, GatherParams,
                 ResizeParams, ReduceParams, SoftmaxParams, ImageParams, GatherElementsParams, GatherNdParams,
                 ScatterElementsParams, ScatterNdParams, TopKParams, NonMaxSuppressionParams,
                 ReverseSequenceParams, DetParams, ResampleParams, GridSampleParams, RoiParams,
                 WindowPoolParams, DeformSampleParams, RecurrentParams, WhereParams, ArgParams,
                 CumulateParams, DetectionOutputParams, PsRoiPoolParams, Nv12Params, CustomParams>;

inline std::string_view step_name(const StepParams& params) {
  return std::visit([](const auto& p) { return p.kName; }, params);
}

}  // namespace openhb
