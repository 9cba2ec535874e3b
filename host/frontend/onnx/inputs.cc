// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/onnx/inputs.h"

#include <onnx/onnx_pb.h>

#include <algorithm>

#include "common/text/text.h"
#include "host/frontend/onnx/tensors.h"

namespace openhb::onnx_frontend {
namespace {

using Dimension = onnx::TensorShapeProto::Dimension;

// Exporters also write 0 and -1 for "any".
bool is_dynamic(const Dimension& dimension) {
  return !dimension.has_dim_value() || dimension.dim_value() == 0 || dimension.dim_value() == -1;
}

// "[N, 3, ?, ?]", in the model's own words.
std::string describe(const onnx::TensorShapeProto& shape) {
  std::vector<std::string> words;
  for (const Dimension& d : shape.dim()) {
    if (!is_dynamic(d))
      words.push_back(std::to_string(d.dim_value()));
    else
      words.push_back(d.dim_param().empty() ? "?" : d.dim_param());
  }
  return fmt::format("[{}]", fmt::join(words, ", "));
}

Shape given_shape(const onnx::ValueInfoProto& input, const Shape& given) {
  const auto& type = input.type().tensor_type();
  if (std::ranges::any_of(given, [](int64_t d) { return d < 1; }))
    fail(ErrorCode::config_bad_value, "input_shape {} of input '{}': every dimension must be at least 1",
         to_string(given), input.name());
  if (type.has_shape() && static_cast<size_t>(type.shape().dim_size()) != given.size())
    fail(ErrorCode::config_bad_value,
         "input_shape {} of input '{}' has {} dimensions, but the model has {} ({})", to_string(given),
         input.name(), given.size(), type.shape().dim_size(), describe(type.shape()));
  return given;
}

}  // namespace

Shape resolve_input_shape(const onnx::ValueInfoProto& input, const ImportOptions& options) {
  const std::string what = fmt::format("input '{}'", input.name());
  const auto& type = input.type().tensor_type();
  Shape shape;
  auto given = options.input_shapes.find(input.name());
  if (given == options.input_shapes.end()) given = options.input_shapes.find("");  // the only input
  if (given != options.input_shapes.end()) {
    shape = given_shape(input, given->second);
  } else if (!type.has_shape()) {
    fail(ErrorCode::model_dynamic_shape,
         "{}: the model does not say its shape; give it as `input_shape` in the YAML (for example "
         "1x3x224x224), or as --input-shape NAME SHAPE on the command line",
         what);
  } else {
    for (int i = 0; i < type.shape().dim_size(); ++i) {
      const Dimension& d = type.shape().dim(i);
      if (is_dynamic(d) && i > 0)
        fail(ErrorCode::model_dynamic_shape,
             "{}: dimension {}{} of {} is dynamic; give the shape as `input_shape` in the YAML (or as "
             "--input-shape NAME SHAPE on the command line), with numbers for all {} dimensions",
             what, i, d.dim_param().empty() ? "" : fmt::format(" ('{}')", d.dim_param()),
             describe(type.shape()), type.shape().dim_size());
      shape.push_back(is_dynamic(d) ? 1 : d.dim_value());
    }
  }
  check_shape(shape, what);
  return shape;
}

void check_input_names(const ImportOptions& options, std::span<const std::string> names) {
  for (const auto& [name, shape] : options.input_shapes)
    if (std::ranges::find(names, name) == names.end() && !(name.empty() && names.size() == 1))
      fail(ErrorCode::config_bad_value, "input_shape is given for '{}', but the model's inputs are: {}.{}",
           name, fmt::join(names, ", "), suggestion(name, names));
}

}  // namespace openhb::onnx_frontend
