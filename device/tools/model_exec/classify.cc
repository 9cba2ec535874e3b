// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/classify.h"

#include <algorithm>
#include <cmath>

#include "common/io/file.h"
#include "device/dnn/tensor_file.h"

namespace openhb::model_exec {

std::vector<ClassScore> best_classes(const Tensor& scores, size_t first, size_t count, size_t k) {
  std::vector<ClassScore> classes(count);
  for (size_t i = 0; i < count; ++i) classes[i] = {i, dnn::number_at(scores, first + i)};
  const auto better = [](const ClassScore& a, const ClassScore& b) {
    if (std::isnan(a.score) != std::isnan(b.score)) return std::isnan(b.score);
    return a.score > b.score || (!(a.score < b.score) && a.id < b.id);
  };
  const auto end = classes.begin() + static_cast<ptrdiff_t>(std::min(k, count));
  std::partial_sort(classes.begin(), end, classes.end(), better);
  classes.erase(end, classes.end());
  return classes;
}

std::vector<std::string> read_labels(const std::string& path) {
  const std::string text = read_text_file(path, EmptyFile::refuse);
  std::vector<std::string> labels;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string label = text.substr(at, end - at);
    if (label.ends_with('\r')) label.pop_back();
    labels.push_back(std::move(label));
    at = end + 1;
  }
  return labels;
}

size_t class_count(const Tensor& scores) {
  if (scores.size() == 0)
    fail(ErrorCode::data_bad_size, "output 0 is empty: this is not a classification model");
  return scores.rank() > 1 ? scores.size() / static_cast<size_t>(scores.shape()[0]) : scores.size();
}

std::string classification_text(const Tensor& scores, size_t k, const std::vector<std::string>& labels) {
  const size_t count = class_count(scores), batch = scores.size() / count;
  std::string text;
  for (size_t n = 0; n < batch; ++n)
    for (const ClassScore& c : best_classes(scores, n * count, count, k)) {
      text += fmt::format("class result: [id]{}, [score]{:.4f}", c.id, c.score);
      if (!labels.empty()) text += fmt::format(", [label]{}", c.id < labels.size() ? labels[c.id] : "?");
      text += '\n';
    }
  return text;
}

}  // namespace openhb::model_exec
