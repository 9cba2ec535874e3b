// SPDX-License-Identifier: Apache-2.0
// Small Caffe networks for tests: layers as text, weights as messages, run through the engine.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "caffe.pb.h"
#include "common/tensor.h"
#include "host/graph/graph.h"

namespace openhb::test {

inline std::mt19937& caffe_random() {
  static std::mt19937 generator(20241);
  return generator;
}
inline int64_t pick(int64_t lo, int64_t hi) {
  return std::uniform_int_distribution<int64_t>(lo, hi)(caffe_random());
}
inline Tensor noise(const Shape& shape, float lo = -1, float hi = 1) {
  Tensor t(DType::f32, shape);
  std::uniform_real_distribution<float> values(lo, hi);
  for (float& v : t.data<float>()) v = values(caffe_random());
  return t;
}
inline Tensor tensor_of(const Shape& shape, const std::vector<float>& values) {
  return Tensor::from<float>(shape, values);
}

class CaffeCase {
 public:
  std::string text = "name: \"net\"\n";
  caffe::WeightsFile weights;
  std::vector<std::string> notices;
  std::map<std::string, Shape> input_shapes;

  CaffeCase() { weights.add_layer()->set_name("of_another_network"); }

  // An Input layer and what it is given.
  const Tensor& input(const std::string& name, Tensor values);
  // Names in `bottoms` and `tops` are separated by blanks.
  void layer(const std::string& type, const std::string& name, const std::string& bottoms,
             const std::string& tops, const std::string& params = "");
  // The next blob of a layer.
  const Tensor blob(const std::string& layer, Tensor values);

  graph::Graph import();
  // The outputs of the network by name. The shapes that the importer gives are compared with those of the
  // operator table, and the optimized graph with the plain one. Without result when the operator table lacks
  // an operator: see lacks().
  std::map<std::string, Tensor> run();
  // "y", the only output.
  Tensor only();
  const std::string& lacks() const { return lacks_; }

 private:
  std::map<std::string, Tensor> inputs_;
  std::string lacks_;
};

// Names the first element that differs by more than `tolerance` (relative above 1).
void expect_near(const Tensor& expected, const Tensor& actual, const std::string& what,
                 float tolerance = 2e-5f);

// The expected tensor, element by element of a shape of 4 axes.
Tensor each(const Shape& shape, const std::function<float(int64_t, int64_t, int64_t, int64_t)>& value);
// Element n, c, h, w of a tensor of 4 axes.
inline float at(const Tensor& t, int64_t n, int64_t c, int64_t h, int64_t w) {
  const Shape& s = t.shape();
  return t.data<float>()[static_cast<size_t>(((n * s[1] + c) * s[2] + h) * s[3] + w)];
}
inline Tensor map(const Tensor& x, const std::function<float(float)>& f) {
  Tensor y = x;
  for (float& v : y.data<float>()) v = f(v);
  return y;
}

}  // namespace openhb::test

// Ends the test, visibly, where the operator table has no row for what a layer becomes.
#define SKIP_IF_LACKING(c) \
  if (!(c).lacks().empty()) GTEST_SKIP() << "the operator table has no " << (c).lacks()
