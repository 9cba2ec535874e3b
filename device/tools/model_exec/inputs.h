// SPDX-License-Identifier: Apache-2.0
// Files as inputs of a model.
#pragma once

#include <string>

#include "common/program/program.h"
#include "common/tensor.h"

namespace openhb::model_exec {

struct InputData {
  Tensor tensor;     // in ONNX axis order, of the input's type and shape
  size_t file_size;  // bytes
};

// A picture (decoded, resized to the input's height and width, in its colour order), raw elements (.bin) or
// numbers separated by white space (.txt; surplus ones are dropped). Throws Error(data_*, file_*) naming file
// and input.
InputData load_input(const Program& program, const ProgramInput& input, const std::string& path);

}  // namespace openhb::model_exec
