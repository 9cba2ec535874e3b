// SPDX-License-Identifier: Apache-2.0
// What one side of a comparison computed: a folder of tensors with dump_index.json, the same from the board,
// the simulator and an ONNX model.
#pragma once

#include <string>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::verify {

struct DumpedTensor {
  std::string name;   // of the ONNX tensor
  std::string kind;   // "input", "output" or "tensor"
  Tensor values;      // dense, ONNX order, a view of the mapped file; codes stay codes
  QuantParams quant;  // of codes; axis is an index into the shape
  std::string step;   // "Conv of node_7", "" for inputs
  std::string row;    // kernel: "dotprod", "avx512vnni", "" where unknown
  int64_t order = 0;  // place in the order of execution
  std::string file;   // path
};

// In the order of the index, which is that of execution, outputs last. Throws Error(data_*): sizes that do
// not fit, names that leave the folder, damaged JSON: it comes from another machine.
std::vector<DumpedTensor> read_dump(const std::string& folder);

}  // namespace openhb::verify
