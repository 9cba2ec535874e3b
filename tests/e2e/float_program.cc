// SPDX-License-Identifier: Apache-2.0
// Runs a network's float program: float_program FOLDER MODEL [CAFFEMODEL]. The folder holds shapes.txt (lines
// "name AxBxC" of input shapes to give) and <index>.npy per input; it gets out_<index>.npy per output and
// outputs.txt with their names. Both the network as read and the optimized one run; the latter's results are
// written, and the largest difference between the two is printed.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "common/io/file.h"
#include "common/io/npy.h"
#include "common/text/text.h"
#include "host/compiler/convert.h"
#include "host/compiler/evaluate.h"
#include "host/frontend/model.h"
#include "host/ops/operator.h"

namespace {

using namespace openhb;

double largest_difference(const Tensor& a, const Tensor& b) {
  if (a.dtype() != DType::f32) return std::ranges::equal(a.bytes(), b.bytes()) ? 0 : 1;
  double worst = 0, scale = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a.data<float>()[i]), y = static_cast<double>(b.data<float>()[i]);
    worst = std::max(worst, std::fabs(x - y));
    scale = std::max(scale, std::fabs(y));
  }
  return worst / scale;
}

std::map<std::string, Shape> read_shapes(const std::string& path) {
  std::map<std::string, Shape> shapes;
  std::ifstream file(path);
  for (std::string name, dims; file >> name >> dims;)
    for (const std::string& d : split(dims, 'x')) shapes[name].push_back(std::stoll(d));
  return shapes;
}

int run(const std::string& folder, const std::string& model, const std::string& weights) {
  frontend::ModelSource source;
  if (weights.empty())
    source.onnx = model;
  else
    source.prototxt = model, source.caffemodel = weights;
  source.input_shapes = read_shapes(folder + "/shapes.txt");
  graph::Graph graph = frontend::import_model(source);
  ops::infer_shapes(graph);
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i)
    inputs.push_back(read_npy(fmt::format("{}/{}.npy", folder, i)));
  compiler::GraphRunner plain(graph, {}, 1);
  plain.run(inputs);
  compiler::optimize(graph);
  compiler::GraphRunner optimized(graph, {}, 1);
  optimized.run(inputs);
  double worst = 0, milliseconds = 1e9;
  std::string names;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const Tensor result = optimized.output(i);
    worst = std::max(worst, largest_difference(result, plain.output(i)));
    write_npy(fmt::format("{}/out_{}.npy", folder, i), result);
    names += graph.outputs[i]->name + "\n";
  }
  write_file_atomically(folder + "/outputs.txt", names);
  for (int k = 0; k < 5; ++k) {
    const auto start = std::chrono::steady_clock::now();
    optimized.run(inputs);
    milliseconds =
        std::min(milliseconds,
                 std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%zu steps, optimized against plain %.2g, %.3f ms\n", optimized.program().steps.size(), worst,
              milliseconds);
  return worst <= 1e-4 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fputs("usage: float_program FOLDER MODEL [CAFFEMODEL]\n", stderr);
    return 2;
  }
  try {
    return run(argv[1], argv[2], argc > 3 ? argv[3] : "");
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
  }
  return 1;
}
