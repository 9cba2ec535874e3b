// SPDX-License-Identifier: Apache-2.0
// Calibration samples: raw arrays, .npy files or pictures, one folder per network input, read one at a time.
#pragma once

#include <string>
#include <vector>

#include "common/tensor.h"
#include "host/config/config.h"

namespace openhb::calibration {

class Dataset {
 public:
  // `shapes[i]` is the shape of input i of the network in its training layout. Lists and checks the folders:
  // missing, empty or unequal ones are Error(data_*). Files are taken in name order.
  Dataset(const config::Config& config, const std::vector<Shape>& shapes);
  // One sample: a file for each input, of the kinds that a folder may hold.
  static Dataset of_files(const config::Config& config, const std::vector<Shape>& shapes,
                          const std::vector<std::string>& files);
  // Random samples (fixed seed) for calibration_type: skip.
  static Dataset random(const config::Config& config, const std::vector<Shape>& shapes, size_t count);

  size_t size() const { return count_; }
  bool is_random() const { return random_; }
  // Sample k of input i as float32 of shape `shapes[i]`: values as the training pipeline had them before mean
  // and scale (pictures: 0..255 in the order of input_type_train). Throws Error(data_*) naming the file.
  Tensor load(size_t sample, size_t input) const;
  const std::string& path(size_t sample, size_t input) const { return files_[input][sample]; }

 private:
  Dataset() = default;
  struct Source {
    Shape shape;
    config::InputConfig input;
    bool pictures = false;
  };
  std::vector<Source> sources_;
  std::vector<std::vector<std::string>> files_;
  size_t count_ = 0;
  bool random_ = false;
};

}  // namespace openhb::calibration
