// SPDX-License-Identifier: Apache-2.0
// Calibration samples: raw arrays, .npy files or pictures, one folder per network input, read one at a time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/tensor.h"
#include "host/calibration/store.h"
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
  // The same before it becomes float32, and for pictures the size that they had before they were resized.
  struct Raw {
    Tensor values;
    int width = 0, height = 0;
  };
  Raw read(size_t sample, size_t input) const;
  // Throws what read() would throw, as far as the size of the file tells.
  void check_size(size_t sample, size_t input) const;
  const std::string& path(size_t sample, size_t input) const { return files_[input][sample]; }
  const Shape& shape(size_t input) const { return sources_[input].shape; }
  bool pictures(size_t input) const { return sources_[input].pictures; }

  // From now on keep() puts decoded pictures into a file without a name in `folder`, where load() finds them.
  void keep_decoded(const std::string& folder);
  void keep(size_t sample, size_t input, const Raw& raw) const;

  // What is odd about the folders: the input's name and a sentence.
  const std::vector<std::pair<std::string, std::string>>& notices() const { return notices_; }

 private:
  Dataset() = default;
  struct Source {
    Shape shape;
    config::InputConfig input;
    bool pictures = false;
  };
  std::vector<Source> sources_;
  std::vector<std::vector<std::string>> files_;
  std::vector<std::pair<std::string, std::string>> notices_;
  std::shared_ptr<SampleStore> store_;
  size_t count_ = 0;
  bool random_ = false;
};

// float32 of any element type that calibration data may have; Error(data_bad_value) naming the file for other
// types, NaN and infinities.
Tensor as_float32(Tensor tensor, const std::string& path);

}  // namespace openhb::calibration
