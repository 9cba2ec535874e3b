// SPDX-License-Identifier: Apache-2.0
// Small graphs whose inputs have values of any element type.
#pragma once

#include "tests/host/compiler/small_graph.h"

namespace openhb::test {

struct TypedGraph : SmallGraph {
  std::vector<Tensor> fed;

  explicit TypedGraph(uint32_t seed, int64_t opset = 21) : SmallGraph(seed, opset) {}

  // A graph input that gets these values.
  Value* input(const Tensor& values) {
    Value* v = SmallGraph::input(values.shape());
    v->dtype = values.dtype();
    fed.push_back(values);
    return v;
  }
  // The float result of the first output.
  Tensor run() const { return run_float(graph, fed)[0]; }
};

// Calls f(position, index) for every element in row-major order.
template <class F>
void for_each_position(const Shape& shape, F&& f) {
  const Shape strides = dense_strides(shape);
  Shape index(shape.size());
  for (size_t at = 0; at < static_cast<size_t>(num_elements(shape)); ++at) {
    for (size_t i = 0; i < shape.size(); ++i) index[i] = static_cast<int64_t>(at) / strides[i] % shape[i];
    f(at, index);
  }
}

// Position in a tensor of `shape` that broadcasts to the index's rank.
inline size_t broadcast_position(const Shape& shape, const Shape& index) {
  int64_t at = 0;
  for (size_t i = 0; i < shape.size(); ++i)
    at = at * shape[i] + (shape[i] == 1 ? 0 : index[index.size() - shape.size() + i]);
  return static_cast<size_t>(at);
}

}  // namespace openhb::test
