// SPDX-License-Identifier: Apache-2.0
// The best classes of a classification model.
#pragma once

#include <string>
#include <vector>

#include "common/tensor.h"

namespace openhb::model_exec {

struct ClassScore {
  size_t id;
  double score;
};

// The k best elements of [first, first + count), best first; of equal ones the lower id comes first, NaN
// last.
std::vector<ClassScore> best_classes(const Tensor& scores, size_t first, size_t count, size_t k);

// Lines of a label file. Throws Error(file_*).
std::vector<std::string> read_labels(const std::string& path);

// Classes of one sample: the elements of an output whose first axis is a batch. Throws Error(data_bad_size)
// when there are none.
size_t class_count(const Tensor& scores);

// "class result: [id]340, [score]0.9762" per class, with ", [label]zebra" when there are labels. An output
// whose first axis is a batch gives the classes of every sample.
std::string classification_text(const Tensor& scores, size_t k, const std::vector<std::string>& labels);

}  // namespace openhb::model_exec
