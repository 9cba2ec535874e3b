// SPDX-License-Identifier: Apache-2.0
// What a conversion found out, as plain data: for its HTML report and for --json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace openhb::report {

// The values of a tensor in all calibration samples, coarse, and the codes that were chosen for them.
struct TensorHistogram {
  std::string tensor;
  std::string codes;  // "int8", "int16", or "" when the tensor stays float
  double scale = 0;
  int32_t zero_point = 0;
  float lo = 0, hi = 0;    // the chosen range
  float min = 0, max = 0;  // of the values
  uint64_t count = 0, zeros = 0, non_finite = 0;
  double clipped = 0;           // values outside the chosen range, as far as the bins tell
  double first = 0, width = 0;  // bin i: values from first + i * width on, zeros not among them
  std::vector<uint64_t> bins;
};

// A method that the search for ranges tried, and the mean cosine of the outputs with it.
struct MethodScore {
  std::string method;
  double cosine = 0;
  bool used = false;
};

// Memory of the arena that one tensor, or several that share it, occupies while some steps run.
struct Buffer {
  uint64_t offset = 0, size = 0;  // bytes
  int32_t first = 0, last = 0;    // steps, inclusive; -1 and the number of steps: before and after all
  std::string dtype;
  std::vector<std::string> tensors;  // in order of appearance
};

// Why and where a node was taken out of the network before conversion.
struct RemovedNode {
  std::string node, op, reason;
};

// A file, or a folder's files, that the result depends on, or that is a result.
struct File {
  std::string role, path;
  uint64_t files = 1, bytes = 0;
  std::string xxh3;  // XXH3, 128 bits; of several files: of the lines "hash  name" in name order
};

}  // namespace openhb::report
