// SPDX-License-Identifier: Apache-2.0
// The float program of an ONNX file, as calibration runs it: float_bin MODEL.onnx OUT.bin
#include <cstdio>
#include <exception>

#include "common/program/file.h"
#include "host/compiler/convert.h"
#include "host/compiler/lowering.h"
#include "host/frontend/model.h"
#include "host/ops/operator.h"

int main(int argc, char** argv) {
  using namespace openhb;
  if (argc != 3) {
    std::fputs("usage: float_bin MODEL.onnx OUT.bin\n", stderr);
    return 2;
  }
  try {
    frontend::ModelSource source;
    source.onnx = argv[1];
    graph::Graph graph = frontend::import_model(source);
    ops::infer_shapes(graph);
    compiler::optimize(graph);
    write_program(argv[2], compiler::Lowering(graph, {}).run());
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  return 1;
}
