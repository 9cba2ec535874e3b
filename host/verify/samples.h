// SPDX-License-Identifier: Apache-2.0
// The input of a verification: pictures, raw elements, folders of them, or random numbers.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/tensor.h"
#include "device/tools/model_exec/runtime.h"
#include "host/verify/verification.h"

namespace openhb::verify {

struct SampleOptions {
  // "a.jpg,b.bin" in the order of the model's inputs, or "name:a.jpg,other:b.bin". A folder in place of a
  // file: its files in the order of their names are a sample each; of one folder for a model of several
  // inputs, its folders of their names. "": random numbers.
  std::string input = {};
  size_t count = 0;   // at most; 0: all files, one of random numbers
  uint64_t seed = 0;  // of random numbers
};

class Samples {
 public:
  // Throws Error(usage, file_*, data_missing): unknown names, inputs without a file, folders that do not fit.
  Samples(const model_exec::ModelHandle& model, const SampleOptions& options);
  const std::vector<Sample>& all() const { return samples_; }
  // One tensor per input of the model, dense. Samples of random numbers do not depend on each other.
  std::vector<Tensor> load(size_t sample) const;

 private:
  const model_exec::ModelHandle& model_;
  SampleOptions options_;
  std::vector<Sample> samples_;
};

}  // namespace openhb::verify
