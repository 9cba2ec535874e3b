// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/model_info.h"

#include <array>

namespace openhb::model_exec {
namespace {

constexpr std::string_view kRule = "---------------------------------------------------------------------\n";

// Names of hbDNNDataType, in the order of DType and of InputKind (featuremap: by element type).
constexpr std::array<std::string_view, kDTypes.size()> kTensorTypes = {
    "HB_DNN_TENSOR_TYPE_F32", "HB_DNN_TENSOR_TYPE_S8",  "HB_DNN_TENSOR_TYPE_U8",  "HB_DNN_TENSOR_TYPE_S16",
    "HB_DNN_TENSOR_TYPE_U16", "HB_DNN_TENSOR_TYPE_S32", "HB_DNN_TENSOR_TYPE_U32", "HB_DNN_TENSOR_TYPE_S64",
    "HB_DNN_TENSOR_TYPE_U64", "HB_DNN_TENSOR_TYPE_F16", "HB_DNN_TENSOR_TYPE_F64", "HB_DNN_TENSOR_TYPE_U8"};
constexpr std::array<std::string_view, 6> kImageTypes = {"",
                                                         "HB_DNN_IMG_TYPE_RGB",
                                                         "HB_DNN_IMG_TYPE_BGR",
                                                         "HB_DNN_IMG_TYPE_Y",
                                                         "HB_DNN_IMG_TYPE_YUV444",
                                                         "HB_DNN_IMG_TYPE_NV12"};

// In the order of InputSource.
constexpr std::array<std::string_view, 3> kSources = {"HB_DNN_INPUT_FROM_DDR", "HB_DNN_INPUT_FROM_PYRAMID",
                                                      "HB_DNN_INPUT_FROM_RESIZER"};

std::string_view tensor_type(const TensorDesc& desc, InputKind kind) {
  return kind == InputKind::featuremap ? kTensorTypes[static_cast<size_t>(desc.dtype)]
                                       : kImageTypes[static_cast<size_t>(kind)];
}

// A list over memory dimensions in ONNX axis order.
Shape in_axis_order(const TensorDesc& desc, const Shape& memory) {
  Shape axes(memory.size());
  for (size_t k = 0; k < memory.size(); ++k) axes[desc.order[k]] = memory[k];
  return axes;
}

std::string describe(const TensorDesc& desc, const ProgramInput& port) {
  const InputKind kind = port.kind;
  const bool nhwc = port.nhwc;
  const auto size = static_cast<int64_t>(dtype_size(desc.dtype));
  Shape aligned = desc.dims, strides = desc.strides();
  if (!aligned.empty() && desc.rank() > 1) aligned.back() = desc.pitch;
  const int64_t bytes = num_elements(aligned) * size;
  for (int64_t& s : strides) s *= size;
  if (kind == InputKind::nv12) {  // its planes have no common strides
    aligned = valid_shape(port, desc);
    aligned.back() = desc.pitch;
    strides.assign(4, 0);
  }

  std::string text = fmt::format("name: {}\n", port.name);
  text += fmt::format("valid shape: {}\n", number_list(valid_shape(port, desc)));
  text += fmt::format("aligned shape: {}\n", number_list(in_axis_order(desc, aligned)));
  text += fmt::format("aligned byte size: {}\n", bytes);
  text += fmt::format("tensor type: {}\n", tensor_type(desc, kind));
  const std::string_view layout = desc.rank() != 4 ? "NONE" : nhwc ? "NHWC" : "NCHW";
  text += fmt::format("tensor layout: HB_DNN_LAYOUT_{}\n", layout);
  text += fmt::format("quanti type: {}\n", desc.quant.empty() ? "NONE" : "SCALE");
  text += fmt::format("stride: {}\n", number_list(in_axis_order(desc, strides)));
  if (desc.quant.empty()) return text;
  text += fmt::format("scale data: {},\n", fmt::join(desc.quant.scales, ","));
  text += fmt::format("zero point data: {},\n", fmt::join(desc.quant.zero_points, ","));
  const int axis = desc.quant.axis < 0 ? -1 : desc.order[static_cast<size_t>(desc.quant.axis)];
  return text + fmt::format("quantizeAxis: {}\n", axis);
}

std::string describe(const Program& program) {
  std::string text = std::string(kRule) + "[model name]: " + program.name + "\n";
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const ProgramInput& input = program.inputs[i];
    std::string part = describe(program.tensors[input.tensor], input);
    part.insert(part.find('\n') + 1,
                fmt::format("input source: {}\n", kSources[static_cast<size_t>(input.source)]));
    text += fmt::format("\ninput[{}]:\n{}", i, part);
  }
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const ProgramOutput& output = program.outputs[i];
    text += fmt::format("\noutput[{}]:\n{}", i,
                        describe(program.tensors[output.tensor], ProgramInput{output.name, output.tensor}));
  }
  return text;
}

}  // namespace

std::string number_list(const Shape& numbers) {
  std::string text = "(";
  for (int64_t n : numbers) text += fmt::format("{},", n);
  return text + ")";
}

std::string model_info(const std::vector<ModelPtr>& models, const std::string& name) {
  const std::vector<ModelPtr> shown = name.empty() ? models : std::vector{select_model(models, name)};
  std::string text = fmt::format("This model file has {} model:\n", models.size());
  for (const ModelPtr& model : models)
    text += fmt::format("[{}]{}", model->program().name, model == models.back() ? "\n" : " ");
  for (const ModelPtr& model : shown) text += describe(model->program());
  return text + std::string(kRule) + "hbDNNRelease success!\n";
}

}  // namespace openhb::model_exec
