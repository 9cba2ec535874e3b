// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/caffe/weights.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "caffe.pb.h"

namespace openhb::caffe_frontend {
namespace {

Shape without_leading_ones(const Shape& shape) {
  return {std::ranges::find_if(shape, [](int64_t d) { return d != 1; }), shape.end()};
}

}  // namespace

Weights::Weights(std::string_view bytes, const std::string& origin)
    : file_(std::make_unique<caffe::WeightsFile>()) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    fail(ErrorCode::model_parse, "{}: the file has {} bytes; caffemodels end at 2 GB", origin, bytes.size());
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  if (!file_->ParseFromZeroCopyStream(&stream))
    fail(ErrorCode::model_parse, "{} is not a caffemodel, or the file is damaged or cut off", origin);
  if (file_->layer_size() == 0 && file_->layers_size() == 0)
    fail(ErrorCode::model_parse, "{} has no layers; is it the caffemodel?", origin);
  const auto add = [&](const std::string& name, const auto& blobs) {
    if (blobs.empty()) return;
    Layer& layer = layers_[name];
    if (layer.copies++ == 0)
      for (const caffe::BlobProto& blob : blobs) layer.blobs.push_back(&blob);
  };
  for (const auto& layer : file_->layer()) add(layer.name(), layer.blobs());
  for (const auto& layer : file_->layers()) {
    add(layer.name(), layer.blobs());
    add(layer.layer().name(), layer.layer().blobs());
  }
}

Weights::Weights(Weights&& other) noexcept = default;
Weights::~Weights() = default;

const Weights::Layer* Weights::find(const std::string& name) {
  const auto it = layers_.find(name);
  if (it == layers_.end()) return nullptr;
  it->second.used = true;
  return &it->second;
}

std::vector<std::string> Weights::names() const {
  std::vector<std::string> result;
  for (const auto& [name, layer] : layers_) result.push_back(name);
  return result;
}

size_t Weights::unused() const {
  return static_cast<size_t>(std::ranges::count_if(layers_, [](const auto& l) { return !l.second.used; }));
}

Shape blob_shape(const caffe::BlobProto& blob) {
  if (blob.has_shape()) return {blob.shape().dim().begin(), blob.shape().dim().end()};
  if (blob.has_num() || blob.has_channels() || blob.has_height() || blob.has_width())
    return {blob.num(), blob.channels(), blob.height(), blob.width()};
  return {std::max(blob.data_size(), blob.double_data_size())};
}

Tensor read_blob(const caffe::BlobProto& blob, const Shape& expected, const std::string& what) {
  const Shape found = blob_shape(blob);
  if (without_leading_ones(found) != without_leading_ones(expected))
    fail(ErrorCode::model_bad_shape,
         "{}: its shape in the caffemodel is {}, but the prototxt asks for {}; do the two files belong "
         "together?",
         what, to_string(found), to_string(expected));
  const int64_t count = num_elements(expected);
  const bool is_double = blob.double_data_size() > 0;
  const int64_t given = is_double ? blob.double_data_size() : blob.data_size();
  if (given != count)
    fail(ErrorCode::model_bad_value, "{}: the caffemodel has {} values for its shape {}", what, given,
         to_string(expected));
  Tensor tensor(DType::f32, expected);
  const auto to = tensor.data<float>();
  if (is_double)
    std::ranges::transform(blob.double_data(), to.begin(), [](double v) { return static_cast<float>(v); });
  else
    std::ranges::copy(blob.data(), to.begin());
  for (size_t i = 0; i < to.size(); ++i)
    if (std::isnan(to[i])) fail(ErrorCode::model_bad_value, "{}: element {} is NaN", what, i);
  return tensor;
}

}  // namespace openhb::caffe_frontend
