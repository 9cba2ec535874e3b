// SPDX-License-Identifier: Apache-2.0
// Files, or random numbers, as inputs of a model.
#pragma once

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "common/tensor.h"
#include "device/tools/model_exec/options.h"
#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

struct InputData {
  Tensor tensor;     // dense, as dense_shape() says; of a region's picture: of the picture's own extents
  size_t file_size;  // bytes
};

// A picture (decoded, resized to the input's height and width, in its colour order), raw elements (.bin; of
// nv12 and gray also .yuv and .nv12) or numbers separated by white space (.txt; surplus ones are dropped).
// Throws Error(data_*, file_*) naming file and input.
InputData load_input(const ModelHandle& model, size_t input, const std::string& path);

// A picture for an input of source resizer, in its own size. Raw files tell theirs in their name:
// street_1920x1080.nv12.
InputData load_source(const ModelHandle& model, size_t input, const std::string& path);

// "2,4,123,125;6,8,111,113". Throws Error(usage).
std::vector<hbDNNRoi> parse_rois(const std::string& text);

// The frame that the options ask for, ready to run: from files, or (perf without files) the same random data
// in every run. Lines for `out` as the reference has them; null: none.
struct LoadedFrame {
  Frame frame;
  std::vector<Tensor> inputs;  // what was put into it
};
LoadedFrame load_frame(const Options& options, const ModelHandle& model, std::FILE* out);
// The regions with which a model that takes some sees pictures of its own extents as they are; none for other
// models. Throws Error(usage) for batches.
std::vector<hbDNNRoi> whole_pictures(const ModelHandle& model);
// Of dense tensors, one per input, whole. Throws Error(data_bad_size) for other shapes or types.
LoadedFrame frame_of(const ModelHandle& model, std::vector<Tensor> inputs);
// Floats in [0, 1), any bytes in pictures and codes; zeros in other integers, which are positions and counts.
Tensor random_input(const Port& port, std::mt19937& random);
// Another frame with the same inputs, in memory of its own.
Frame copy_frame(const ModelHandle& model, const Frame& frame);

}  // namespace openhb::model_exec
