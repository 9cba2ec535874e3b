// SPDX-License-Identifier: Apache-2.0
// Models for tests of libdnn, beside those of sample_programs.h, and a folder to put them into.
#pragma once

#include <filesystem>
#include <string>

#include "common/program/program.h"

namespace openhb::testing {

// float32 [1,16] through two steps: microseconds.
Program small_network();
// float32 [rows,1000] through `steps` steps of the same length, about 1 ms per 250 rows on one thread.
Program long_network(const std::string& name, int steps, int64_t rows);
// float32 [batch,16]; every sample is treated alike.
Program batch_network(int64_t batch);
// An NV12 picture of 32 x 48 to the float32 values of its pixels, minus 128: [batch,32,48,3].
Program nv12_network(InputSource source, int64_t batch = 1);
// Inputs of every source: float32 [1,4] (added to the sum), an NV12 picture of 16 x 16 from the resizer, a
// grey one of 8 x 8 from the resizer. Output: the means of the pictures' values plus the numbers, [1,4].
Program mixed_sources_network();

// An empty folder that goes away with the object.
class ModelFolder {
 public:
  explicit ModelFolder(const std::string& name);
  ~ModelFolder();
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  // Writes <program name>.bin and gives its path.
  std::string add(const Program& program) const;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

}  // namespace openhb::testing
