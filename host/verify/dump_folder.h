// SPDX-License-Identifier: Apache-2.0
// What one side of a comparison computed: a folder of tensors with dump_index.json, the same from the board,
// the simulator and an ONNX model.
#pragma once

#include <string>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::verify {

// A line of dump_index.json, checked.
struct DumpEntry {
  std::string name;                // of the ONNX tensor
  std::string kind;                // "input", "output", "tensor" or "layer"
  std::string step;                // "Conv of node_7", "" for inputs
  std::string row;                 // kernel: "dotprod", "avx512vnni", "" where unknown
  std::vector<std::string> files;  // of the same elements: .bin, .txt; names in the folder
  DType dtype = DType::f32;
  Shape shape;        // of the elements in the files
  Shape valid;        // the tensor's, smaller when the files hold padding
  QuantParams quant;  // of codes; axis is an index into `valid`
  bool raw = false;   // padding that nothing tells apart, axes in the memory's order
};

// Bytes of dump_index.json, which is read as a whole.
inline constexpr size_t kLargestIndex = size_t{64} << 20;

// In the order of the index, which is that of execution, outputs last. Throws Error: file_* as reading does,
// data_bad_value for anything that is no such list: it comes from another machine.
std::vector<DumpEntry> read_dump_index(const std::string& folder);

// The tensor in a .bin file of the entry: dense, ONNX order, where possible a view of the mapped file. Throws
// Error(file_*), Error(data_bad_size).
Tensor read_dumped(const DumpEntry& entry, const std::string& path);
// The elements of a file of the entry without their padding.
Tensor valid_part(const DumpEntry& entry, Tensor elements);

struct DumpedTensor {
  std::string name;   // of the ONNX tensor
  std::string kind;   // "input", "output" or "tensor"
  Tensor values;      // dense, ONNX order, see read_dumped; codes stay codes
  QuantParams quant;  // of codes; axis is an index into the shape
  std::string step;   // "Conv of node_7", "" for inputs
  std::string row;    // kernel: "dotprod", "avx512vnni", "" where unknown
  int64_t order = 0;  // place in the order of execution
  std::string file;   // path
};

// Index and files, in the order of the index. Throws as the functions above, and Error(data_bad_value) for
// raw ones.
std::vector<DumpedTensor> read_dump(const std::string& folder);

}  // namespace openhb::verify
