// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/caffe/layer.h"

#include <algorithm>
#include <unordered_map>

namespace openhb::caffe_frontend {
namespace {

constexpr int64_t kMostElements = int64_t{1} << 31;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

Layer::Layer(const caffe::LayerParameter& layer, int line, graph::Graph& graph, std::vector<Blob> bottoms,
             FindBlob find_blob, std::function<void(const std::string&)> notice)
    : param(layer),
      line_(line),
      graph_(graph),
      bottoms_(std::move(bottoms)),
      tops_(static_cast<size_t>(layer.top_size())),
      find_blob_(std::move(find_blob)),
      notice_(std::move(notice)) {}

std::string Layer::describe() const {
  return fmt::format("layer '{}' ({}), line {}", param.name(), param.type(), line_);
}

std::string Layer::shapes_of_bottoms() const {
  std::vector<std::string> shapes;
  for (const Blob& blob : bottoms_) shapes.push_back(to_string(blob.value->shape));
  return fmt::format("{}", fmt::join(shapes, ", "));
}

Value* Layer::bottom(size_t i) const {
  if (bottoms_[i].is_mask)
    refuse(ErrorCode::model_unsupported_op,
           "its bottom '{}' is the mask of a max pooling; only unpooling layers can read it",
           param.bottom(static_cast<int>(i)));
  return bottoms_[i].value;
}

const Blob& Layer::mask(size_t i) const {
  if (!bottoms_[i].is_mask)
    refuse(ErrorCode::model_structure, "its bottom '{}' must be the second top of a max pooling",
           param.bottom(static_cast<int>(i)));
  return bottoms_[i];
}

void Layer::require_rank(size_t i, size_t rank) const {
  require_shape(shape(i).size() == rank, "its bottom '{}' must have {} axes",
                param.bottom(static_cast<int>(i)), rank);
}

size_t Layer::axis(int64_t axis, size_t i, int64_t extra) const {
  const auto rank = static_cast<int64_t>(shape(i).size());
  if (axis < -rank || axis >= rank + extra)
    refuse(ErrorCode::model_bad_attribute, "axis {} is out of range for the shape {}", axis,
           to_string(shape(i)));
  return static_cast<size_t>(axis < 0 ? axis + rank : axis);
}

Value* Layer::draft_value(DType dtype, Shape shape) {
  if (shape.size() > kMaxRank)
    refuse(ErrorCode::model_bad_shape, "a result has {} axes, at most {} are supported", shape.size(),
           kMaxRank);
  int64_t elements = 1;
  for (const int64_t d : shape) {
    if (d < 1 || d >= kMostElements || (elements *= d) >= kMostElements)
      refuse(ErrorCode::model_bad_shape,
             "a result has the shape {}; it must have 1 to 2^31 elements (bottoms: {})", to_string(shape),
             shapes_of_bottoms());
  }
  Value& value = values_.emplace_back();
  value.dtype = dtype;
  value.shape = std::move(shape);
  return &value;
}

std::vector<Value*> Layer::nodes(std::string op, std::vector<Value*> inputs, std::vector<Shape> shapes,
                                 Attributes attributes, std::string domain) {
  Draft draft{std::move(op), std::move(domain), std::move(inputs), {}, std::move(attributes)};
  for (Shape& shape : shapes) draft.outputs.push_back(draft_value(DType::f32, std::move(shape)));
  drafts_.push_back(draft);
  return draft.outputs;
}

Value* Layer::node(std::string op, std::vector<Value*> inputs, Shape shape, Attributes attributes,
                   DType dtype) {
  Value* output = nodes(std::move(op), std::move(inputs), {std::move(shape)}, std::move(attributes))[0];
  output->dtype = dtype;
  return output;
}

void Layer::top(size_t i, Value* value) { tops_[i] = {value, false, {}, {}}; }

void Layer::top_mask(size_t i, Value* indices, Shape pooled, Attributes window) {
  indices->dtype = DType::i64;
  tops_[i] = {indices, true, std::move(pooled), std::move(window)};
}

void Layer::top_constant(size_t i, Tensor tensor) {
  Value& value = values_.emplace_back();
  value.dtype = tensor.dtype();
  value.shape = tensor.shape();
  value.constant = std::make_shared<const Tensor>(std::move(tensor));
  top(i, &value);
}

Value* Layer::constant(std::string what, Tensor tensor) {
  return graph_.add_constant(fmt::format("{}/{}", param.name(), what), std::move(tensor));
}

Value* Layer::ints(const std::vector<int64_t>& values) {
  return constant("ints", Tensor::from<int64_t>({static_cast<int64_t>(values.size())}, values));
}

Value* Layer::scalar(float value) {
  return constant("scalar", Tensor::from<float>({}, std::vector<float>{value}));
}

Value* Layer::reshape(Value* value, const Shape& shape) {
  return value->shape == shape ? value : node("Reshape", {value, ints(shape)}, shape, {}, value->dtype);
}

Tensor Layer::blob(size_t i, const Shape& shape, std::string_view what) const {
  const caffe::BlobProto* found = find_blob_(i);
  if (!found)
    refuse(ErrorCode::model_bad_value,
           "its {} (blob {}) are not in the caffemodel; do the two files belong together?", what, i);
  return read_blob(*found, shape, fmt::format("{}: its {} (blob {})", describe(), what, i));
}

Shape Layer::stored_shape(size_t i, std::string_view what) const {
  const caffe::BlobProto* found = find_blob_(i);
  if (!found) blob(i, {}, what);
  return blob_shape(*found);
}

std::vector<Blob> Layer::commit(const std::vector<std::string>& names,
                                const std::function<std::string(const std::string&)>& free_name) {
  std::unordered_map<const Value*, Value*> real;
  std::set<const Value*> own;  // outputs of the drafts that are no top yet
  for (const Draft& draft : drafts_) own.insert(draft.outputs.begin(), draft.outputs.end());
  for (size_t i = 0; i < tops_.size(); ++i) {
    Blob& blob = tops_[i];
    if (!blob.value) refuse(ErrorCode::internal, "top {} was not made", i);
    if (blob.value->constant) {
      Value* constant = graph_.add_constant(names[i], *blob.value->constant);
      real[blob.value] = constant;
      continue;
    }
    // What is not this layer's own, or is another top already, needs a node for its name.
    if (own.erase(blob.value) == 0) {
      const DType dtype = blob.value->dtype;
      blob.value = node("Identity", {blob.value}, blob.value->shape, {}, dtype);
    }
    real[blob.value] = graph_.add_value(names[i], blob.value->dtype, blob.value->shape);
  }
  for (size_t k = 0; k < drafts_.size(); ++k) {
    Draft& draft = drafts_[k];
    const std::string inner = free_name(fmt::format("{}/{}", param.name(), lower(draft.op)));
    for (Value*& input : draft.inputs)
      if (const auto it = real.find(input); it != real.end()) input = it->second;
    std::vector<Value*> outputs;
    for (const Value* output : draft.outputs) {
      Value*& made = real[output];
      if (!made) made = graph_.add_value(inner, output->dtype, output->shape);
      outputs.push_back(made);
    }
    graph::Node* node = graph_.add_node_to(draft.op, k + 1 == drafts_.size() ? param.name() : inner,
                                           std::move(draft.inputs), std::move(outputs));
    node->domain = draft.domain;
    node->attributes = std::move(draft.attributes);
  }
  for (Blob& blob : tops_) blob.value = real.at(blob.value);
  return tops_;
}

}  // namespace openhb::caffe_frontend
