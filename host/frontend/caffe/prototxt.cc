// SPDX-License-Identifier: Apache-2.0
#include "host/frontend/caffe/prototxt.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <limits>

#include "common/error.h"

namespace openhb::caffe_frontend {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

constexpr int kDeepest = 64;  // messages within messages

// Keeps the first complaint. Unknown fields come as warnings; inside of Ignored they are welcome.
class Complaints : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column, const std::string& text) override {
    if (!text_.empty()) return;
    line_ = line, column_ = column, text_ = text;
  }
  void AddWarning(int line, google::protobuf::io::ColumnNumber column, const std::string& text) override {
    if (text.find("\"caffe.Ignored\"") == std::string::npos) AddError(line, column, text);
  }
  bool any() const { return !text_.empty(); }
  std::string sentence() const {
    return line_ < 0 ? text_ : fmt::format("line {}, column {}: {}", line_ + 1, column_ + 1, text_);
  }

 private:
  int line_ = -1, column_ = 0;
  std::string text_;
};

struct V1Type {
  caffe::V1LayerParameter::LayerType type;
  const char* name;
};
using V1 = caffe::V1LayerParameter;
constexpr V1Type kV1Types[] = {
    {V1::ABSVAL, "AbsVal"},
    {V1::ACCURACY, "Accuracy"},
    {V1::ARGMAX, "ArgMax"},
    {V1::BNLL, "BNLL"},
    {V1::CONCAT, "Concat"},
    {V1::CONTRASTIVE_LOSS, "ContrastiveLoss"},
    {V1::CONVOLUTION, "Convolution"},
    {V1::DATA, "Data"},
    {V1::DECONVOLUTION, "Deconvolution"},
    {V1::DROPOUT, "Dropout"},
    {V1::DUMMY_DATA, "DummyData"},
    {V1::EUCLIDEAN_LOSS, "EuclideanLoss"},
    {V1::ELTWISE, "Eltwise"},
    {V1::EXP, "Exp"},
    {V1::FLATTEN, "Flatten"},
    {V1::HDF5_DATA, "HDF5Data"},
    {V1::HDF5_OUTPUT, "HDF5Output"},
    {V1::HINGE_LOSS, "HingeLoss"},
    {V1::IM2COL, "Im2col"},
    {V1::IMAGE_DATA, "ImageData"},
    {V1::INFOGAIN_LOSS, "InfogainLoss"},
    {V1::INNER_PRODUCT, "InnerProduct"},
    {V1::LRN, "LRN"},
    {V1::MEMORY_DATA, "MemoryData"},
    {V1::MULTINOMIAL_LOGISTIC_LOSS, "MultinomialLogisticLoss"},
    {V1::MVN, "MVN"},
    {V1::POOLING, "Pooling"},
    {V1::POWER, "Power"},
    {V1::RELU, "ReLU"},
    {V1::SIGMOID, "Sigmoid"},
    {V1::SIGMOID_CROSS_ENTROPY_LOSS, "SigmoidCrossEntropyLoss"},
    {V1::SILENCE, "Silence"},
    {V1::SOFTMAX, "Softmax"},
    {V1::SOFTMAX_LOSS, "SoftmaxWithLoss"},
    {V1::SPLIT, "Split"},
    {V1::SLICE, "Slice"},
    {V1::TANH, "TanH"},
    {V1::WINDOW_DATA, "WindowData"},
    {V1::THRESHOLD, "Threshold"},
};

// The same layer in the new form: parameters have the same names and types in both.
void upgrade(const V1& from, int line, caffe::LayerParameter& to) {
  if (from.has_layer())
    fail(ErrorCode::model_parse,
         "line {}: 'layers {{ layer {{ ... }} }}' is the oldest form of Caffe networks; bring it to today's "
         "form with Caffe's upgrade_net_proto_text and upgrade_net_proto_binary",
         line);
  to.set_name(from.name());
  const auto* type = std::ranges::find(kV1Types, from.type(), &V1Type::type);
  if (type == std::end(kV1Types))
    fail(ErrorCode::model_parse, "line {}: layer '{}' has no type", line, from.name());
  to.set_type(type->name);
  *to.mutable_bottom() = from.bottom();
  *to.mutable_top() = from.top();
  *to.mutable_include() = from.include();
  *to.mutable_exclude() = from.exclude();
  for (const std::string& name : from.param()) to.add_param()->set_name(name);
  for (int i = 0; i < std::min(from.blob_share_mode_size(), to.param_size()); ++i)
    to.mutable_param(i)->set_share_mode(from.blob_share_mode(i));
  std::vector<const FieldDescriptor*> fields;
  from.GetReflection()->ListFields(from, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!field->name().ends_with("_param") || field->is_repeated()) continue;
    const FieldDescriptor* twin = to.GetDescriptor()->FindFieldByName(field->name());
    to.GetReflection()->MutableMessage(&to, twin)->CopyFrom(from.GetReflection()->GetMessage(from, field));
  }
}

// Caffe's Net::StateMeetsRule.
bool meets(const caffe::NetState& state, const caffe::NetStateRule& rule) {
  const auto has = [&](const std::string& stage) { return std::ranges::count(state.stage(), stage) > 0; };
  if (rule.has_phase() && rule.phase() != state.phase()) return false;
  if (rule.has_min_level() && state.level() < rule.min_level()) return false;
  if (rule.has_max_level() && state.level() > rule.max_level()) return false;
  return std::ranges::all_of(rule.stage(), has) && std::ranges::none_of(rule.not_stage(), has);
}

bool is_included(const caffe::NetState& state, const caffe::LayerParameter& layer) {
  const auto met = [&](const caffe::NetStateRule& rule) { return meets(state, rule); };
  return layer.include().empty() ? std::ranges::none_of(layer.exclude(), met)
                                 : std::ranges::any_of(layer.include(), met);
}

}  // namespace

Prototxt parse_prototxt(std::string_view text, const std::string& origin) {
  if (text.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    fail(ErrorCode::model_parse, "{} has {} bytes; is it really a prototxt?", origin, text.size());
  if (text.find('\0') != std::string_view::npos)
    fail(ErrorCode::model_parse, "{} is not a text; give the prototxt here and the caffemodel as the weights",
         origin);
  caffe::NetParameter parsed;
  Complaints complaints;
  TextFormat::Parser parser;
  TextFormat::ParseInfoTree places;
  parser.RecordErrorsTo(&complaints);
  parser.WriteLocationsTo(&places);
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(kDeepest);
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  if (!parser.Parse(&stream, &parsed) || complaints.any())
    fail(ErrorCode::model_parse, "{}: {}", origin,
         complaints.any() ? complaints.sentence() : std::string("this is not a Caffe network"));
  if (parsed.layer_size() > 0 && parsed.layers_size() > 0)
    fail(ErrorCode::model_parse,
         "{}: the network has layers in the new form ('layer') and in the old one ('layers'); use one",
         origin);
  try {
    Prototxt result{parsed, {}};
    result.net.clear_layer();
    result.net.clear_layers();
    caffe::NetState state = parsed.state();
    state.set_phase(caffe::TEST);
    const bool old = parsed.layers_size() > 0;
    const FieldDescriptor* list = parsed.GetDescriptor()->FindFieldByName(old ? "layers" : "layer");
    for (int i = 0; i < (old ? parsed.layers_size() : parsed.layer_size()); ++i) {
      const int line = places.GetLocation(list, i).line + 1;
      caffe::LayerParameter layer;
      if (old)
        upgrade(parsed.layers(i), line, layer);
      else
        layer.Swap(parsed.mutable_layer(i));
      if (!is_included(state, layer)) continue;
      result.net.add_layer()->Swap(&layer);
      result.lines.push_back(line);
    }
    return result;
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", origin, error.what()));
  }
}

}  // namespace openhb::caffe_frontend
