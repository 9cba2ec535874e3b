// SPDX-License-Identifier: Apache-2.0
// Frames from files and from random numbers.
#include <algorithm>
#include <charconv>
#include <random>

#include "common/text/text.h"
#include "device/tools/model_exec/inputs.h"
#include "device/tools/model_exec/values.h"

namespace openhb::model_exec {
namespace {

constexpr int64_t kRowAlignment = 16;  // of pictures that regions are cut from

// A picture of twice the model's extents.
Tensor random_source(const Port& port, std::mt19937& random) {
  const hbDNNTensorProperties& p = port.properties;
  const size_t height_axis = p.tensorLayout == HB_DNN_LAYOUT_NHWC ? 1 : 2;
  const int64_t height = 2 * p.validShape.dimensionSize[height_axis];
  const int64_t rows = p.tensorType == HB_DNN_IMG_TYPE_NV12 ? height / 2 * 3 : height;
  Tensor data(DType::u8, {1, 1, rows, 2 * p.validShape.dimensionSize[height_axis + 1]});
  for (std::byte& b : data.bytes()) b = static_cast<std::byte>(random() & 255u);
  return data;
}

bool is_resizer(const Port& port) { return port.source == HB_DNN_INPUT_FROM_RESIZER; }

void put_input(const Port& port, const Tensor& data, TensorSet& set) {
  hbDNNTensor& tensor = set.add(port.properties);
  store(data, tensor);
}

// One sample of an input of a model that takes regions: for such an input a picture of its own extents.
void put_source(const Port& port, const Tensor& data, TensorSet& set) {
  hbDNNTensorProperties p = port.properties;
  const size_t height_axis = p.tensorLayout == HB_DNN_LAYOUT_NHWC ? 1 : 2;
  const bool nv12 = p.tensorType == HB_DNN_IMG_TYPE_NV12;
  const int64_t rows = data.shape()[2], width = data.shape()[3];
  const int64_t pitch = (width + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
  p.validShape.dimensionSize[0] = p.alignedShape.dimensionSize[0] = 1;
  p.validShape.dimensionSize[height_axis] = static_cast<int32_t>(nv12 ? rows / 3 * 2 : rows);
  p.validShape.dimensionSize[height_axis + 1] = static_cast<int32_t>(width);
  p.alignedShape.dimensionSize[height_axis] = p.validShape.dimensionSize[height_axis];
  p.alignedShape.dimensionSize[height_axis + 1] = static_cast<int32_t>(pitch);
  if (rows * pitch > INT32_MAX)
    fail(ErrorCode::data_bad_size, "the picture for input '{}' is too large", port.name);
  p.alignedByteSize = static_cast<int32_t>(rows * pitch);
  hbDNNTensor& tensor = set.add(p);
  auto* to = static_cast<std::byte*>(tensor.sysMem[0].virAddr);
  const std::byte* from = data.bytes().data();
  for (int64_t y = 0; y < rows; ++y)
    std::memcpy(to + y * pitch, from + y * width, static_cast<size_t>(width));
}

// The input as one sample of it is given.
Port one_sample(Port port, int batch) {
  hbDNNTensorProperties& p = port.properties;
  if (batch > 1) p.validShape.dimensionSize[0] = p.alignedShape.dimensionSize[0] = 1;
  p.alignedByteSize /= batch;
  return port;
}

void add_outputs(const ModelHandle& model, Frame& frame) {
  const int batch = model.batch();
  for (const Port& port : model.outputs) {
    const int runs = frame.rois.empty() ? 1 : (frame.samples + batch - 1) / batch;
    hbDNNTensorProperties p = port.properties;
    if (p.validShape.numDimensions > 0) {
      p.validShape.dimensionSize[0] *= runs;
      p.alignedShape.dimensionSize[0] *= runs;
    }
    const int64_t bytes = int64_t{p.alignedByteSize} * runs;
    if (bytes > INT32_MAX) fail(ErrorCode::resources, "output '{}' of {} runs is too large", port.name, runs);
    p.alignedByteSize = static_cast<int32_t>(bytes);
    frame.outputs.add(p);
  }
}

void describe_sources(const ModelHandle& model) {
  std::vector<std::string> names;
  for (const Port& port : model.inputs)
    if (is_resizer(port)) names.push_back(port.name);
  fail(ErrorCode::usage,
       "model '{}' cuts regions out of pictures (input {}); give --roi_infer=true and "
       "--roi=\"left,top,right,bottom\"",
       model.name, fmt::join(names, ", "));
}

// The regions and how many samples they make.
int count_samples(const Options& options, const ModelHandle& model, size_t files,
                  std::vector<hbDNNRoi>& rois) {
  const size_t inputs = model.inputs.size();
  const auto resizers = static_cast<size_t>(std::ranges::count_if(model.inputs, is_resizer));
  if (resizers == 0)
    fail(ErrorCode::usage, "--roi_infer: no input of model '{}' has the source resizer; leave the option out",
         model.name);
  if (files % inputs != 0 || files == 0)
    fail(ErrorCode::usage,
         "--roi_infer: model '{}' has {} inputs, --input_file names {} files; name {} per sample", model.name,
         inputs, files, inputs);
  const size_t samples = files / inputs;
  rois = parse_rois(options.roi);
  if (rois.size() != samples * resizers)
    fail(ErrorCode::usage,
         "--roi has {} regions; {} samples with {} resizer inputs need {} (left,top,right,bottom joined by "
         "';')",
         rois.size(), samples, resizers, samples * resizers);
  return static_cast<int>(samples);
}

void load_regions(const Options& options, const ModelHandle& model, const std::vector<std::string>& paths,
                  LoadedFrame& loaded, std::FILE* out) {
  Frame& frame = loaded.frame;
  frame.samples = count_samples(options, model, paths.size(), frame.rois);
  ModelHandle one = model;
  for (Port& port : one.inputs)
    if (!is_resizer(port)) port = one_sample(port, model.batch());
  for (size_t k = 0; k < paths.size(); ++k) {
    const size_t i = k % model.inputs.size();
    const bool region = is_resizer(model.inputs[i]);
    InputData data = region ? load_source(model, i, paths[k]) : load_input(one, i, paths[k]);
    if (out) fmt::print(out, "file length: {}\nread file success!\n", data.file_size);
    (region ? put_source : put_input)(one.inputs[i], data.tensor, frame.inputs);
    loaded.inputs.push_back(std::move(data.tensor));
  }
}

// One sample whose regions are the whole pictures.
void random_regions(const ModelHandle& model, LoadedFrame& loaded, std::mt19937& random) {
  for (const Port& port : model.inputs) {
    if (!is_resizer(port)) {
      const Port one = one_sample(port, model.batch());
      put_input(one, random_input(one, random), loaded.frame.inputs);
      continue;
    }
    const Tensor picture = random_source(port, random);
    put_source(port, picture, loaded.frame.inputs);
    const hbDNNTensorShape& valid = loaded.frame.inputs[loaded.frame.inputs.size() - 1].properties.validShape;
    const size_t height_axis = port.properties.tensorLayout == HB_DNN_LAYOUT_NHWC ? 1 : 2;
    loaded.frame.rois.push_back(
        {0, 0, valid.dimensionSize[height_axis + 1] - 1, valid.dimensionSize[height_axis] - 1});
  }
}

}  // namespace

std::vector<hbDNNRoi> parse_rois(const std::string& text) {
  std::vector<hbDNNRoi> rois;
  for (const std::string& one : split(text, ';')) {
    const std::vector<std::string> words = split(one, ',');
    int32_t numbers[4] = {};
    bool sound = words.size() == 4;
    for (size_t i = 0; sound && i < 4; ++i) {
      const char* end = words[i].data() + words[i].size();
      const auto result = std::from_chars(words[i].data(), end, numbers[i]);
      sound = result.ec == std::errc() && result.ptr == end;
    }
    if (!sound)
      fail(ErrorCode::usage,
           "--roi: '{}' is not a region left,top,right,bottom, as in \"2,4,123,125;6,8,111,113\"", one);
    rois.push_back({numbers[0], numbers[1], numbers[2], numbers[3]});
  }
  return rois;
}

LoadedFrame load_frame(const Options& options, const ModelHandle& model, std::FILE* out) {
  LoadedFrame loaded;
  const std::vector<std::string> paths = split(options.input_file, ',');
  if (model.has_resizer() && !options.roi_infer) describe_sources(model);
  std::mt19937 random(1);
  if (options.roi_infer && paths.empty()) {
    if (!model.has_resizer()) count_samples(options, model, model.inputs.size(), loaded.frame.rois);
    random_regions(model, loaded, random);
  } else if (options.roi_infer) {
    load_regions(options, model, paths, loaded, out);
  } else {
    if (!paths.empty() && paths.size() != model.inputs.size())
      fail(ErrorCode::usage, "model '{}' has {} inputs, --input_file names {} files", model.name,
           model.inputs.size(), paths.size());
    for (size_t i = 0; i < model.inputs.size(); ++i) {
      InputData data;
      if (paths.empty()) {
        data.tensor = random_input(model.inputs[i], random);
      } else {
        data = load_input(model, i, paths[i]);
        if (out) fmt::print(out, "file length: {}\nread file success!\n", data.file_size);
      }
      put_input(model.inputs[i], data.tensor, loaded.frame.inputs);
      loaded.inputs.push_back(std::move(data.tensor));
    }
  }
  loaded.frame.inputs.flush(HB_SYS_MEM_CACHE_CLEAN);
  add_outputs(model, loaded.frame);
  return loaded;
}

Tensor random_input(const Port& port, std::mt19937& random) {
  Tensor data(element_type(port.properties), dense_shape(port.properties));
  if (data.dtype() == DType::f32)
    for (float& v : data.data<float>()) v = static_cast<float>(random() >> 8) * 0x1p-24f;
  else if (is_picture(port.properties) || data.dtype() == DType::i8)
    for (std::byte& b : data.bytes()) b = static_cast<std::byte>(random() & 255u);
  return data;
}

std::vector<hbDNNRoi> whole_pictures(const ModelHandle& model) {
  std::vector<hbDNNRoi> rois;
  for (const Port& port : model.inputs) {
    if (!is_resizer(port)) continue;
    const size_t height = port.properties.tensorLayout == HB_DNN_LAYOUT_NHWC ? 1 : 2;
    const int32_t* extents = port.properties.validShape.dimensionSize;
    if (extents[0] != 1)
      fail(ErrorCode::usage, "input '{}' takes regions for {} samples; only one of them can be given whole",
           port.name, extents[0]);
    rois.push_back({0, 0, extents[height + 1] - 1, extents[height] - 1});
  }
  return rois;
}

LoadedFrame frame_of(const ModelHandle& model, std::vector<Tensor> inputs) {
  if (inputs.size() != model.inputs.size())
    fail(ErrorCode::data_bad_size, "model '{}' has {} inputs, {} tensors were given", model.name,
         model.inputs.size(), inputs.size());
  LoadedFrame loaded;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port& port = model.inputs[i];
    if (inputs[i].dtype() != element_type(port.properties) ||
        inputs[i].shape() != dense_shape(port.properties))
      fail(ErrorCode::data_bad_size, "input '{}' is {} {}, not {} {}", port.name,
           dtype_name(element_type(port.properties)), to_string(dense_shape(port.properties)),
           dtype_name(inputs[i].dtype()), to_string(inputs[i].shape()));
    if (!is_resizer(port)) {
      put_input(port, inputs[i], loaded.frame.inputs);
      continue;
    }
    const Shape& shape = inputs[i].shape();
    const int64_t width = shape[port.properties.tensorLayout == HB_DNN_LAYOUT_NHWC && shape[1] != 1 ? 2 : 3];
    const int64_t rows = static_cast<int64_t>(inputs[i].size()) / width;
    put_source(port, inputs[i].reshaped({1, 1, rows, width}), loaded.frame.inputs);
  }
  loaded.frame.rois = whole_pictures(model);
  loaded.inputs = std::move(inputs);
  loaded.frame.inputs.flush(HB_SYS_MEM_CACHE_CLEAN);
  add_outputs(model, loaded.frame);
  return loaded;
}

Frame copy_frame(const ModelHandle& model, const Frame& frame) {
  Frame copy;
  copy.rois = frame.rois;
  copy.samples = frame.samples;
  for (size_t i = 0; i < frame.inputs.size(); ++i) {
    const hbSysMem& from = frame.inputs[i].sysMem[0];
    hbDNNTensor& tensor = copy.inputs.add(frame.inputs[i].properties, from.memSize);
    std::memcpy(tensor.sysMem[0].virAddr, from.virAddr, from.memSize);
  }
  copy.inputs.flush(HB_SYS_MEM_CACHE_CLEAN);
  add_outputs(model, copy);
  return copy;
}

}  // namespace openhb::model_exec
