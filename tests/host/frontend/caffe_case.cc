// SPDX-License-Identifier: Apache-2.0
#include "tests/host/frontend/caffe_case.h"

#include "common/text/text.h"
#include "host/compiler/convert.h"
#include "host/compiler/evaluate.h"
#include "host/frontend/caffe/caffe.h"
#include "host/ops/operator.h"

namespace openhb::test {
namespace {

std::map<std::string, Tensor> evaluate(const graph::Graph& graph,
                                       const std::map<std::string, Tensor>& inputs) {
  compiler::GraphRunner runner(graph, {}, 1);
  std::vector<Tensor> given;
  for (const auto* input : graph.inputs) given.push_back(inputs.at(input->name));
  runner.run(given);
  std::map<std::string, Tensor> results;
  for (size_t i = 0; i < graph.outputs.size(); ++i) results[graph.outputs[i]->name] = runner.output(i);
  return results;
}

}  // namespace

const Tensor& CaffeCase::input(const std::string& name, Tensor values) {
  std::string dims;
  for (const int64_t d : values.shape()) dims += fmt::format(" dim: {}", d);
  layer("Input", name, "", name, fmt::format("input_param {{ shape {{{} }} }}", dims));
  return inputs_[name] = std::move(values);
}

void CaffeCase::layer(const std::string& type, const std::string& name, const std::string& bottoms,
                      const std::string& tops, const std::string& params) {
  text += fmt::format("layer {{ name: \"{}\" type: \"{}\"", name, type);
  for (const std::string& bottom : split(bottoms, ' ')) text += fmt::format(" bottom: \"{}\"", bottom);
  for (const std::string& top : split(tops, ' ')) text += fmt::format(" top: \"{}\"", top);
  text += " " + params + " }\n";
}

const Tensor CaffeCase::blob(const std::string& layer, Tensor values) {
  caffe::LayerWeights* found = nullptr;
  for (auto& l : *weights.mutable_layer())
    if (l.name() == layer) found = &l;
  if (!found) (found = weights.add_layer())->set_name(layer);
  auto* blob = found->add_blobs();
  for (const int64_t d : values.shape()) blob->mutable_shape()->add_dim(d);
  for (const float v : values.data<float>()) blob->add_data(v);
  return values;
}

graph::Graph CaffeCase::import() {
  return caffe_frontend::import_caffe_bytes(
      text, weights.SerializeAsString(),
      {input_shapes, [this](const std::string& sentence) { notices.push_back(sentence); }});
}

std::map<std::string, Tensor> CaffeCase::run() {
  graph::Graph graph = import();
  for (const auto& node : graph.nodes())
    if (!ops::find_op(node->domain, node->op)) lacks_ = node->op;
  if (!lacks_.empty()) return {};
  std::map<std::string, std::pair<Shape, DType>> imported;
  for (const auto& value : graph.values()) imported[value->name] = {value->shape, value->dtype};
  ops::infer_shapes(graph);
  for (const auto& value : graph.values())
    if (const auto it = imported.find(value->name); it != imported.end()) {
      EXPECT_EQ(it->second.first, value->shape) << value->name;
      EXPECT_EQ(it->second.second, value->dtype) << value->name;
    }
  const auto results = evaluate(graph, inputs_);
  compiler::optimize(graph);
  for (const auto& [name, tensor] : evaluate(graph, inputs_))
    expect_near(results.at(name), tensor, "optimized " + name, 1e-4f);
  return results;
}

Tensor CaffeCase::only() {
  const auto results = run();
  if (!lacks_.empty()) return {};
  EXPECT_EQ(results.size(), 1u);
  return results.at("y");
}

void expect_near(const Tensor& expected, const Tensor& actual, const std::string& what, float tolerance) {
  ASSERT_EQ(expected.shape(), actual.shape()) << what;
  const auto e = expected.data<float>(), a = actual.data<float>();
  for (size_t i = 0; i < e.size(); ++i)
    ASSERT_TRUE(e[i] == a[i] || std::fabs(e[i] - a[i]) <= tolerance * std::max(1.0f, std::fabs(e[i])))
        << what << ": element " << i << " of " << to_string(expected.shape()) << " is " << a[i] << ", not "
        << e[i];
}

Tensor each(const Shape& shape, const std::function<float(int64_t, int64_t, int64_t, int64_t)>& value) {
  Tensor t(DType::f32, shape);
  auto out = t.data<float>().begin();
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t c = 0; c < shape[1]; ++c)
      for (int64_t h = 0; h < shape[2]; ++h)
        for (int64_t w = 0; w < shape[3]; ++w) *out++ = value(n, c, h, w);
  return t;
}

}  // namespace openhb::test
