// SPDX-License-Identifier: Apache-2.0
#include "device/plugin/node.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/text/text.h"

namespace openhb::plugin {
namespace {

constexpr std::array<std::pair<DType, int32_t>, 10> kTypes{{{DType::f32, OPENHB_TYPE_FLOAT},
                                                            {DType::u8, OPENHB_TYPE_UINT8},
                                                            {DType::i8, OPENHB_TYPE_INT8},
                                                            {DType::u16, OPENHB_TYPE_UINT16},
                                                            {DType::i16, OPENHB_TYPE_INT16},
                                                            {DType::i32, OPENHB_TYPE_INT32},
                                                            {DType::i64, OPENHB_TYPE_INT64},
                                                            {DType::boolean, OPENHB_TYPE_BOOL},
                                                            {DType::u32, OPENHB_TYPE_UINT32},
                                                            {DType::u64, OPENHB_TYPE_UINT64}}};

constexpr int64_t kMaxElements = int64_t{1} << 31;

// Exceptions of a plug-in in C++ must not leave its callbacks; when one does all the same, it is a failure.
template <class Call>
int32_t guarded(Failure& failure, Call call) {
  try {
    return call();
  } catch (...) {
    std::snprintf(failure.error()->text, failure.error()->capacity, "it threw an exception");
    return -1;
  }
}

}  // namespace

int32_t type_number(DType dtype) {
  for (const auto& [own, number] : kTypes)
    if (own == dtype) return number;
  return OPENHB_TYPE_NONE;
}

bool is_type_number(int32_t type) {
  return std::ranges::find(kTypes, type, &decltype(kTypes)::value_type::second) != kTypes.end();
}

DType dtype_of(int32_t type) {
  for (const auto& [own, number] : kTypes)
    if (number == type) return own;
  fail(ErrorCode::internal, "{} is no element type", type);
}

openhb_tensor describe_tensor(DType dtype, const Shape& shape, const void* data) {
  openhb_tensor tensor{};
  tensor.type = type_number(dtype);
  tensor.rank = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.dims);
  tensor.data = data;
  return tensor;
}

const char* Failure::text() {
  text_.back() = 0;
  for (char& c : text_)
    if (c != 0 && static_cast<unsigned char>(c) < ' ') c = ' ';
  return text_[0] != 0 ? text_.data() : "the plug-in does not say why";
}

NodeView::NodeView(const Operator& op, std::string name, Attributes attributes,
                   std::vector<openhb_tensor> inputs, size_t outputs, ErrorCode wrong)
    : op_(op),
      name_(std::move(name)),
      wrong_(wrong),
      attributes_(std::move(attributes)),
      inputs_(std::move(inputs)) {
  check_counts(outputs);
  check_attributes();
  describe_attributes();
  outputs_.resize(outputs);
  node_.size = sizeof(openhb_node);
  node_.attribute_count = static_cast<int32_t>(descriptions_.size());
  node_.input_count = static_cast<int32_t>(inputs_.size());
  node_.output_count = static_cast<int32_t>(outputs);
  node_.domain = op_.domain.c_str();
  node_.type = op_.type.c_str();
  node_.name = name_.c_str();
  node_.attributes = descriptions_.data();
  node_.inputs = inputs_.data();
}

void NodeView::wrong(const std::string& why) const {
  fail(wrong_, "node '{}' ({}): {} ({})", name_, full_name(op_.domain, op_.type), why, op_.origin);
}

void NodeView::failed(const std::string& why) const {
  fail(ErrorCode::plugin_failed, "node '{}' ({}): {} ({})", name_, full_name(op_.domain, op_.type), why,
       op_.origin);
}

void NodeView::check_counts(size_t outputs) const {
  const openhb_op& t = op_.table;
  if (std::cmp_less(inputs_.size(), t.min_inputs) || std::cmp_greater(inputs_.size(), t.max_inputs))
    wrong(fmt::format("it has {} inputs, the operator takes {} to {}", inputs_.size(), t.min_inputs,
                      t.max_inputs));
  for (size_t i = 0; std::cmp_less(i, t.min_inputs); ++i)
    if (inputs_[i].type == OPENHB_TYPE_NONE) wrong(fmt::format("its input {} is missing", i));
  if (std::cmp_less(outputs, t.min_outputs) || std::cmp_greater(outputs, t.max_outputs))
    wrong(
        fmt::format("it has {} outputs, the operator gives {} to {}", outputs, t.min_outputs, t.max_outputs));
}

void NodeView::check_attributes() const {
  const std::span rules(op_.table.attributes, static_cast<size_t>(op_.table.attribute_count));
  for (const openhb_attribute_rule& rule : rules)
    if (rule.required != 0 && !attributes_.contains(rule.name))
      wrong(fmt::format("attribute '{}' ({}) is missing", rule.name, kind_name(rule.kind)));
  for (const auto& [name, value] : attributes_) {
    const auto rule = std::ranges::find_if(rules, [&](const auto& r) { return name == r.name; });
    if (rule == rules.end()) {
      std::vector<std::string> known;
      for (const openhb_attribute_rule& r : rules) known.emplace_back(r.name);
      wrong(fmt::format("the operator has no attribute '{}'.{}", name, suggestion(name, known)));
    }
    if (rule->kind != kind_of(value))
      wrong(fmt::format("attribute '{}' is {}, but {} is expected", name, kind_name(kind_of(value)),
                        kind_name(rule->kind)));
    if (const auto* tensor = std::get_if<Tensor>(&value);
        tensor && type_number(tensor->dtype()) == OPENHB_TYPE_NONE)
      wrong(fmt::format("attribute '{}' is of {}, which plug-ins do not get", name,
                        dtype_name(tensor->dtype())));
  }
}

void NodeView::describe_attributes() {
  // Addresses must last.
  strings_.reserve(attributes_.size());
  tensors_.reserve(attributes_.size());
  struct Describe {
    NodeView& view;
    openhb_attribute& to;
    void operator()(const int64_t& v) const { to.ints = &v, to.count = 1; }
    void operator()(const float& v) const { to.floats = &v, to.count = 1; }
    void operator()(const std::vector<int64_t>& v) const { to.ints = v.data(), to.count = v.size(); }
    void operator()(const std::vector<float>& v) const { to.floats = v.data(), to.count = v.size(); }
    void operator()(const std::string& v) const { strings({&v, 1}); }
    void operator()(const std::vector<std::string>& v) const { strings(v); }
    void operator()(const Tensor& v) const {
      to.tensor = &view.tensors_.emplace_back(describe_tensor(v.dtype(), v.shape(), v.bytes().data()));
      to.count = 1;
    }
    void strings(std::span<const std::string> list) const {
      auto& own = view.strings_.emplace_back();
      for (const std::string& s : list) own.push_back({s.c_str(), s.size()});
      to.strings = own.data(), to.count = own.size();
    }
  };
  for (const auto& [name, value] : attributes_) {
    openhb_attribute& to = descriptions_.emplace_back();
    to.name = name.c_str();
    to.kind = kind_of(value);
    std::visit(Describe{*this, to}, value);
  }
}

std::vector<TensorType> NodeView::infer() {
  std::vector<openhb_tensor> found(outputs_.size());
  Failure failure;
  node_.outputs = nullptr;
  if (guarded(failure, [&] { return op_.table.infer(&node_, found.data(), failure.error()); }) != OPENHB_OK)
    failed(failure.text());
  std::vector<TensorType> types;
  for (size_t i = 0; i < found.size(); ++i) {
    const openhb_tensor& t = found[i];
    const auto bad = [&](const std::string& why) {
      failed(fmt::format("the plug-in's infer() gives no possible output {}: {}", i, why));
    };
    if (!is_type_number(t.type)) bad(fmt::format("{} is no element type", t.type));
    if (t.rank < 0 || t.rank > OPENHB_MAX_RANK)
      bad(fmt::format("rank {}, 0 to {} are possible", t.rank, OPENHB_MAX_RANK));
    const Shape shape(t.dims, t.dims + t.rank);
    int64_t elements = 1;
    for (const int64_t d : shape) {
      if (d < 0 || d >= kMaxElements) bad(fmt::format("extent {}", d));
      elements *= std::max<int64_t>(d, 1);
      if (elements >= kMaxElements) bad(fmt::format("{} is too large", to_string(shape)));
    }
    types.push_back({dtype_of(t.type), shape});
  }
  return types;
}

void NodeView::set_outputs(const std::vector<TensorType>& outputs) {
  for (size_t i = 0; i < outputs_.size(); ++i)
    outputs_[i] = describe_tensor(outputs.at(i).dtype, outputs.at(i).shape, nullptr);
  node_.outputs = outputs_.data();
}

int64_t NodeView::cost() const {
  if (!op_.table.cost) return -1;
  Failure failure;
  int64_t cost = 0;
  const int32_t status = guarded(failure, [&] {
    cost = op_.table.cost(&node_);
    return OPENHB_OK;
  });
  if (status != OPENHB_OK || cost < 0) failed("the plug-in's cost() fails");
  return cost;
}

std::unique_ptr<Instance> NodeView::create() const {
  if (!op_.table.create) return std::make_unique<Instance>(op_, nullptr);
  Failure failure;
  void* made = nullptr;
  if (guarded(failure, [&] { return op_.table.create(&node_, &made, failure.error()); }) != OPENHB_OK)
    failed(failure.text());
  return std::make_unique<Instance>(op_, made);
}

}  // namespace openhb::plugin
