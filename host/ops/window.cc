// SPDX-License-Identifier: Apache-2.0
#include "host/ops/window.h"

#include <algorithm>

namespace openhb::ops {
namespace {

constexpr int64_t kLargestAttribute = 1 << 16;

int32_t checked(const Node& node, std::string_view attribute, int64_t value, int64_t least) {
  if (value < least || value > kLargestAttribute)
    fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' holds {}, expected {} to {}", node.describe(),
         attribute, value, least, kLargestAttribute);
  return static_cast<int32_t>(value);
}

}  // namespace

Window window_of(const Node& node, const Shape& input, const Shape& kernel) {
  const size_t n = input.size() - 2;
  auto list = [&](std::string_view name, size_t size, int64_t fallback) {
    auto v = node.attr_ints(name, std::vector<int64_t>(size, fallback));
    if (v.size() != size)
      fail(ErrorCode::model_bad_attribute, "{}: attribute '{}' has {} values, expected {}", node.describe(),
           name, v.size(), size);
    return v;
  };
  const auto extents = node.attr_ints("kernel_shape", kernel);
  if (extents.size() != n || (!kernel.empty() && extents != kernel))
    fail(ErrorCode::model_bad_attribute, "{}: attribute 'kernel_shape' holds [{}], expected {}",
         node.describe(), fmt::join(extents, ", "),
         kernel.empty() ? fmt::format("{} numbers", n)
                        : fmt::format("[{}] as the weights have", fmt::join(kernel, ", ")));
  const auto strides = list("strides", n, 1), dilations = list("dilations", n, 1),
             pads = list("pads", 2 * n, 0);
  const std::string auto_pad = node.attr_string("auto_pad", "NOTSET");
  Window w;
  w.ceil_mode = node.attr_int("ceil_mode", 0) != 0;
  for (size_t i = 0; i < n; ++i) {
    const size_t d = i + 2 - n;  // 1-D windows lie along the second dimension
    w.kernel[d] = checked(node, "kernel_shape", extents[i], 1);
    w.stride[d] = checked(node, "strides", strides[i], 1);
    w.dilation[d] = checked(node, "dilations", dilations[i], 1);
    int64_t before = pads[i], after = pads[n + i];
    if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
      const int64_t span = (extents[i] - 1) * dilations[i] + 1;
      const int64_t out = (input[i + 2] + strides[i] - 1) / strides[i];
      const int64_t total = std::max<int64_t>((out - 1) * strides[i] + span - input[i + 2], 0);
      before = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
      after = total - before;
    } else if (auto_pad == "VALID") {
      before = after = 0;
    } else if (auto_pad != "NOTSET") {
      fail(ErrorCode::model_bad_attribute,
           "{}: attribute 'auto_pad' is '{}', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER",
           node.describe(), auto_pad);
    }
    w.pads[d] = checked(node, "pads", before, 0);
    w.pads[d + 2] = checked(node, "pads", after, 0);
  }
  return w;
}

Shape Window::output_shape(const Shape& input, int64_t channels, const InferContext& context) const {
  Shape out{input[0], channels};
  const size_t n = input.size() - 2;
  for (size_t i = 0; i < n; ++i) {
    const size_t d = i + 2 - n;
    const int64_t span = int64_t{kernel[d] - 1} * dilation[d] + 1;
    const int64_t room = input[i + 2] + pads[d] + pads[d + 2] - span;
    context.require(room >= 0,
                    fmt::format("a window of {} does not fit an extent of {}", span, input[i + 2]));
    int64_t size = (room + (ceil_mode ? stride[d] - 1 : 0)) / stride[d] + 1;
    // A window that would start in the end padding is dropped.
    if (ceil_mode && (size - 1) * stride[d] >= input[i + 2] + pads[d]) --size;
    out.push_back(size);
  }
  return out;
}

compiler::TensorId spatial_view(compiler::Lowering& lowering, compiler::TensorId id) {
  const Shape dims = lowering.desc(id).dims;
  return dims.size() == 3 ? lowering.view(id, {dims[0], 1, dims[1], dims[2]}) : id;
}

}  // namespace openhb::ops
