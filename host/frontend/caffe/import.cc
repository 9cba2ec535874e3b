// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "common/io/file.h"
#include "common/text/text.h"
#include "host/frontend/caffe/caffe.h"
#include "host/frontend/caffe/layer.h"
#include "host/frontend/caffe/prototxt.h"

namespace openhb::caffe_frontend {
namespace {

using graph::Graph;

constexpr int64_t kOpset = 21, kIrVersion = 10;

// Layers that only exist for training and measuring; what they read becomes an output of the network.
constexpr std::string_view kDropped[] = {"Accuracy",
                                         "ContrastiveLoss",
                                         "DetectionEvaluate",
                                         "EuclideanLoss",
                                         "HDF5Output",
                                         "HingeLoss",
                                         "InfogainLoss",
                                         "MultiBoxLoss",
                                         "MultinomialLogisticLoss",
                                         "SigmoidCrossEntropyLoss",
                                         "SmoothL1Loss",
                                         "SoftmaxWithLoss"};
// Sources of training data: inputs of the network, when their shape is known.
constexpr std::string_view kSources[] = {"AnnotatedData", "Data",       "DummyData",  "HDF5Data",
                                         "ImageData",     "MemoryData", "WindowData", "VideoData"};

const std::vector<LayerRow>& rows() {
  static const auto* all = [] {
    auto* list = new std::vector<LayerRow>;
    for (const auto part :
         {activation_layers(), arithmetic_layers(), convolution_layers(), detection_layers(),
          movement_layers(), normalization_layers(), pooling_layers(), recurrent_layers()})
      list->insert(list->end(), part.begin(), part.end());
    return list;
  }();
  return *all;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

class Importer {
 public:
  Importer(const Prototxt& text, Weights weights, const ImportOptions& options)
      : net_(text.net), lines_(text.lines), weights_(std::move(weights)), options_(options) {}

  Graph run() {
    graph_.name = net_.name().empty() ? "caffe" : net_.name();
    graph_.opset = kOpset;
    graph_.ir_version = kIrVersion;
    graph_.producer = "Caffe";
    survey();
    read_deprecated_inputs();
    for (int i = 0; i < net_.layer_size(); ++i) read_layer(i);
    finish();
    return std::move(graph_);
  }

 private:
  struct Written {
    Blob blob;
    std::string state;  // when it holds nothing: why
    bool consumed = false, is_input = false;
  };

  std::string describe(int i) const {
    return fmt::format("layer '{}' ({}), line {}", net_.layer(i).name(), net_.layer(i).type(),
                       lines_[static_cast<size_t>(i)]);
  }
  void survey();
  void read_deprecated_inputs();
  void read_layer(int i);
  void read_row(int i, const LayerRow& row);
  void read_inputs(int i);
  void read_source(int i);
  void add_input(const std::string& name, Shape shape, const std::string& what);
  void check_top(int i, int top) const;
  const caffe::BlobProto* find_blob(const caffe::LayerParameter& layer, size_t i);
  std::string free_name(const std::string& base) const;
  void finish();

  const caffe::NetParameter& net_;
  const std::vector<int>& lines_;
  Weights weights_;
  const ImportOptions& options_;
  Graph graph_;
  std::unordered_map<std::string, Written> blobs_;
  std::vector<std::string> order_;  // of the blobs' first writers
  std::unordered_set<std::string> reserved_;
  std::unordered_map<std::string, int> last_writer_, layers_of_name_;
  std::unordered_map<std::string, std::pair<std::string, size_t>> shared_;  // parameter: layer and blob
};

// Names first: who writes a blob last decides which tensor has its name.
void Importer::survey() {
  for (int i = 0; i < net_.layer_size(); ++i) {
    const auto& layer = net_.layer(i);
    if (layer.name().empty())
      fail(ErrorCode::model_structure, "the layer in line {} has no name", lines_[static_cast<size_t>(i)]);
    if (layer.type().empty())
      fail(ErrorCode::model_structure, "layer '{}', line {}: it has no type", layer.name(),
           lines_[static_cast<size_t>(i)]);
    ++layers_of_name_[layer.name()];
    reserved_.insert(layer.name());
    for (const std::string& top : layer.top()) reserved_.insert(top), last_writer_[top] = i;
    for (int k = 0; k < layer.param_size(); ++k)
      if (!layer.param(k).name().empty())
        shared_.try_emplace(layer.param(k).name(), layer.name(), static_cast<size_t>(k));
  }
  for (const std::string& input : net_.input()) reserved_.insert(input);
}

std::string Importer::free_name(const std::string& base) const {
  std::string name = base;
  while (reserved_.contains(name)) name += "_";
  return name;
}

void Importer::add_input(const std::string& name, Shape shape, const std::string& what) {
  if (name.empty()) fail(ErrorCode::model_structure, "{}: an input has no name", what);
  auto given = options_.input_shapes.find(name);
  if (given == options_.input_shapes.end()) given = options_.input_shapes.find("");  // the only input
  if (given != options_.input_shapes.end()) {
    if (std::ranges::any_of(given->second, [](int64_t d) { return d < 1; }))
      fail(ErrorCode::config_bad_value, "input_shape {} of input '{}': every dimension must be at least 1",
           to_string(given->second), name);
    if (!shape.empty() && shape.size() != given->second.size())
      fail(ErrorCode::config_bad_value,
           "input_shape {} of input '{}' has {} dimensions, but the model has {}", to_string(given->second),
           name, given->second.size(), shape.size());
    shape = given->second;
  }
  if (shape.empty())
    fail(ErrorCode::model_dynamic_shape,
         "{}: the shape of '{}' is not in the prototxt; give it as `input_shape` (for example 1x3x224x224)",
         what, name);
  if (shape[0] == 0 || shape[0] == -1) shape[0] = 1;
  constexpr int64_t kMost = int64_t{1} << 31;
  int64_t elements = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0 || shape[d] == -1)
      fail(ErrorCode::model_dynamic_shape,
           "{}: dimension {} of '{}' is open; give the whole shape as `input_shape`", what, d, name);
    if (shape.size() > kMaxRank || shape[d] < 1 || shape[d] >= kMost || (elements *= shape[d]) >= kMost)
      fail(ErrorCode::model_bad_shape,
           "{}: the shape {} of '{}' is not possible: at most {} dimensions and 2^31 elements", what,
           to_string(shape), name, kMaxRank);
  }
  if (blobs_.contains(name))
    fail(ErrorCode::model_structure, "{}: the network has two inputs or tops with the name '{}'", what, name);
  Value* value = graph_.add_value(name, DType::f32, std::move(shape));
  graph_.inputs.push_back(value);
  Written& written = blobs_[name];
  written.blob.value = value;
  written.is_input = true;
  order_.push_back(name);
}

void Importer::read_deprecated_inputs() {
  const int count = net_.input_size();
  if (count == 0) return;
  const bool shapes = net_.input_shape_size() > 0;
  if (shapes ? net_.input_shape_size() != count
             : (net_.input_dim_size() != 0 && net_.input_dim_size() != 4 * count))
    fail(ErrorCode::model_structure,
         "the network has {} `input`, but {} `input_shape` and {} `input_dim` (4 for each input)", count,
         net_.input_shape_size(), net_.input_dim_size());
  for (int i = 0; i < count; ++i) {
    Shape shape;
    if (shapes)
      shape.assign(net_.input_shape(i).dim().begin(), net_.input_shape(i).dim().end());
    else if (net_.input_dim_size() > 0)
      for (int k = 0; k < 4; ++k) shape.push_back(net_.input_dim(4 * i + k));
    add_input(net_.input(i), std::move(shape), "`input`");
  }
}

void Importer::read_inputs(int i) {
  const auto& layer = net_.layer(i);
  const int shapes = layer.input_param().shape_size();
  if (shapes > 1 && shapes != layer.top_size())
    fail(ErrorCode::model_structure, "{}: it has {} tops, but {} shapes", describe(i), layer.top_size(),
         shapes);
  for (int k = 0; k < layer.top_size(); ++k) {
    Shape shape;
    if (shapes > 0) {
      const auto& dims = layer.input_param().shape(shapes == 1 ? 0 : k).dim();
      shape.assign(dims.begin(), dims.end());
    }
    add_input(layer.top(k), std::move(shape), describe(i));
  }
}

// Data layers: their first top is the picture; its shape may be known. The others (labels) hold nothing.
void Importer::read_source(int i) {
  const auto& layer = net_.layer(i);
  for (int k = 0; k < layer.top_size(); ++k) {
    const std::string& top = layer.top(k);
    Shape shape;
    const auto& memory = layer.memory_data_param();
    if (layer.type() == "MemoryData" && k == 0)
      shape = {memory.batch_size(), memory.channels(), memory.height(), memory.width()};
    const auto& dummy = layer.dummy_data_param();
    if (layer.type() == "DummyData" && dummy.shape_size() > 0) {
      const auto& dims = dummy.shape(std::min(k, dummy.shape_size() - 1)).dim();
      shape.assign(dims.begin(), dims.end());
    }
    if (!shape.empty() || options_.input_shapes.contains(top)) {
      options_.notice(fmt::format("{}: its top '{}' is an input of the network", describe(i), top));
      add_input(top, std::move(shape), describe(i));
    } else if (!blobs_.contains(top)) {
      blobs_[top].state = fmt::format(
          "it comes from {}, which reads training data; replace that layer in the prototxt by an Input layer "
          "with "
          "the shape, or give `input_shape` for '{}'",
          describe(i), top);
    }
  }
}

// Caffe's rule: a top is new, or it is the bottom of the same position.
void Importer::check_top(int i, int k) const {
  const auto& layer = net_.layer(i);
  const std::string& top = layer.top(k);
  if (top.empty()) fail(ErrorCode::model_structure, "{}: one of its tops has no name", describe(i));
  if (std::count(layer.top().begin(), layer.top().begin() + k, top) > 0)
    fail(ErrorCode::model_structure, "{}: it has two tops with the name '{}'", describe(i), top);
  const bool in_place = k < layer.bottom_size() && layer.bottom(k) == top;
  if (!in_place && blobs_.contains(top))
    fail(ErrorCode::model_structure, "{}: its top '{}' is already made by an earlier layer or input",
         describe(i), top);
}

const caffe::BlobProto* Importer::find_blob(const caffe::LayerParameter& layer, size_t i) {
  const auto stored = [&](const std::string& name, size_t k) -> const caffe::BlobProto* {
    const Weights::Layer* found = weights_.find(name);
    if (!found || k >= found->blobs.size()) return nullptr;
    if (found->copies > 1 || layers_of_name_[name] > 1)
      fail(ErrorCode::model_structure,
           "layer '{}' ({}): several layers of the network have this name, so its weights are not certain; "
           "give "
           "them names of their own",
           name, layer.type());
    return found->blobs[k];
  };
  if (const auto* own = stored(layer.name(), i)) return own;
  // The owner of shared weights is the first layer with that parameter name.
  if (i >= static_cast<size_t>(layer.param_size())) return nullptr;
  const auto owner = shared_.find(layer.param(static_cast<int>(i)).name());
  return owner == shared_.end() ? nullptr : stored(owner->second.first, owner->second.second);
}

void Importer::read_layer(int i) {
  const auto& layer = net_.layer(i);
  for (int k = 0; k < layer.top_size(); ++k) check_top(i, k);
  if (contains(kDropped, layer.type())) {
    options_.notice(fmt::format("{} is left out: it is for training or testing", describe(i)));
    for (const std::string& top : layer.top())
      blobs_[top].state = fmt::format("it comes from {}, which is left out", describe(i));
    return;
  }
  if (contains(kSources, layer.type())) return read_source(i);
  if (layer.type() == "Input") return read_inputs(i);
  const auto row = std::ranges::find(rows(), layer.type(), &LayerRow::type);
  if (row == rows().end()) {
    std::vector<std::string> known;
    for (const LayerRow& r : rows()) known.emplace_back(r.type);
    fail(ErrorCode::model_unsupported_op,
         "{}: layers of this type are not supported (Not support layer name={} type={}).{} Replace it by "
         "supported layers, or end the network before it",
         describe(i), layer.name(), layer.type(), suggestion(layer.type(), known));
  }
  try {
    read_row(i, *row);
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("layer '") != std::string_view::npos) throw;
    throw Error(error.code(), fmt::format("{}: {}", describe(i), error.what()));
  }
}

void Importer::read_row(int i, const LayerRow& row) {
  const auto& param = net_.layer(i);
  const auto bottoms = static_cast<size_t>(param.bottom_size()), tops = static_cast<size_t>(param.top_size());
  if (bottoms < row.min_bottoms || bottoms > row.max_bottoms || tops < row.min_tops || tops > row.max_tops)
    fail(ErrorCode::model_structure,
         "{}: it has {} bottoms and {} tops, but such layers have {} to {} and {} to {}", describe(i),
         bottoms, tops, row.min_bottoms, row.max_bottoms, row.min_tops, row.max_tops);
  std::vector<Blob> inputs;
  for (const std::string& bottom : param.bottom()) {
    const auto found = blobs_.find(bottom);
    if (found == blobs_.end()) {
      const auto later = last_writer_.find(bottom);
      fail(ErrorCode::model_structure, "{}: its bottom '{}' is {}", describe(i), bottom,
           later == last_writer_.end()
               ? std::string("not made by any layer or input")
               : fmt::format(
                     "made only by {}; layers must stand in the order in which they run, without cycles",
                     describe(later->second)));
    }
    if (!found->second.state.empty())
      fail(ErrorCode::model_structure, "{}: its bottom '{}' holds nothing: {}", describe(i), bottom,
           found->second.state);
    found->second.consumed = true;
    inputs.push_back(found->second.blob);
  }
  Layer layer(
      param, lines_[static_cast<size_t>(i)], graph_, std::move(inputs),
      [this, &param](size_t k) { return find_blob(param, k); }, options_.notice);
  row.import(layer);
  std::vector<std::string> names;
  for (const std::string& top : param.top()) {
    const auto before = blobs_.find(top);
    const bool has_name = last_writer_.at(top) == i && (before == blobs_.end() || !before->second.is_input);
    names.push_back(has_name ? top : free_name(fmt::format("{}_{}", top, param.name())));
  }
  const auto made = layer.commit(names, [this](const std::string& base) { return free_name(base); });
  for (size_t k = 0; k < made.size(); ++k) {
    const std::string& top = param.top(static_cast<int>(k));
    if (!blobs_.contains(top)) order_.push_back(top);
    Written& written = blobs_[top];
    written.blob = made[k];
    written.consumed = false;
  }
}

void Importer::finish() {
  std::unordered_set<std::string> inputs;
  std::vector<std::string> input_names;
  for (const Value* input : graph_.inputs) inputs.insert(input->name), input_names.push_back(input->name);
  for (const auto& [name, shape] : options_.input_shapes)
    if (!inputs.contains(name) && !(name.empty() && inputs.size() == 1))
      fail(ErrorCode::config_bad_value, "input_shape is given for '{}', but the model's inputs are: {}.{}",
           name, fmt::join(input_names, ", "), suggestion(name, input_names));
  // As Caffe: what no layer reads is an output.
  for (const std::string& name : order_) {
    const Written& written = blobs_.at(name);
    if (written.consumed || !written.state.empty() || written.blob.is_mask) continue;
    Value* value = written.blob.value;
    if (value->producer || value->is_constant()) graph_.outputs.push_back(value);
  }
  if (graph_.outputs.empty()) fail(ErrorCode::model_structure, "the network has no outputs");
  graph_.remove_dead();
  const auto consumers = graph_.consumers();
  std::erase_if(graph_.inputs, [&](const Value* input) {
    if (consumers.contains(input)) return false;
    options_.notice(fmt::format("input '{}' is left out: nothing reads it", input->name));
    return true;
  });
  if (graph_.inputs.empty())
    fail(ErrorCode::model_structure,
         "the network has no inputs; begin it with an Input layer that has a shape");
  graph_.remove_dead();
  if (const size_t unused = weights_.unused(); unused > 0)
    options_.notice(
        fmt::format("{} layers of the caffemodel are not in the network and were ignored", unused));
}

Graph import_files(std::string_view prototxt, const std::string& text_origin, std::string_view caffemodel,
                   const std::string& weights_origin, const ImportOptions& options) {
  // Protobuf's own complaints would stand on stderr before ours.
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(silenced);
  const Prototxt text = parse_prototxt(prototxt, text_origin);
  Weights weights(caffemodel, weights_origin);
  try {
    return Importer(text, std::move(weights), options).run();
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", text_origin, error.what()));
  }
}

}  // namespace

Graph import_caffe(const std::string& prototxt, const std::string& caffemodel, const ImportOptions& options) {
  const auto text = MappedFile::open(prototxt), weights = MappedFile::open(caffemodel);
  const auto view = [](const MappedFile& file) {
    return std::string_view(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  };
  return import_files(view(*text), prototxt, view(*weights), caffemodel, options);
}

Graph import_caffe_bytes(std::string_view prototxt, std::string_view caffemodel,
                         const ImportOptions& options) {
  return import_files(prototxt, "net.prototxt", caffemodel, "net.caffemodel", options);
}

}  // namespace openhb::caffe_frontend
