// SPDX-License-Identifier: Apache-2.0
// vec_diff: files or folders of tensors compared, as a CSV file, a table and JSON.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/tensor.h"
#include "host/verify/compare/difference.h"

namespace openhb::verify {

struct VecDiffOptions {
  std::string left, right;  // two files or two folders
  // Of .bin and .txt files; then dump_index.json is not read.
  std::optional<DType> left_dtype = {}, right_dtype = {};
};

struct VecDiffRow {
  std::string left, right;                       // paths
  std::string name;                              // of the tensor, or of the file
  std::optional<Shape> left_shape, right_shape;  // where known
  DType left_dtype = DType::f32, right_dtype = DType::f32;
  Difference difference;
  std::string note;            // "shapes differ": compared all the same
  std::optional<Error> error;  // they could not be compared

  // NaN when there are NaN or infinite values on one side only: then nothing can be said.
  double cosine() const;
  double relative() const;
  double max_abs() const;
  double mse() const;
};

struct VecDiff {
  std::vector<VecDiffRow> rows;                    // in the order of the left side
  std::vector<std::string> only_left, only_right;  // files without partner
  std::vector<std::string> missing;                // files that dump_index.json lists and that are not there
  size_t raw = 0;                                  // pairs compared with their padding, see DumpEntry
  bool complete() const { return only_left.empty() && only_right.empty() && missing.empty(); }
};

// `progress(done, total)` is called after each pair. Two files: throws what reading them throws, and
// Error(data_bad_size) for different sizes; such pairs of folders become rows with an error. Throws
// Error(usage) for a file against a folder, Error(data_missing) when no file has a partner; Interrupted.
VecDiff vec_diff(const VecDiffOptions& options, const std::function<void(size_t, size_t)>& progress);

// The documented columns; pairs that could not be compared have no numbers.
std::string vec_diff_csv(const VecDiff& result);

enum class VecDiffOrder { order, name, cosine, relative, max_abs, mse };
// For the terminal: worst first unless by order or name; the worst number of a column has a '*'.
std::string vec_diff_table(const VecDiff& result, VecDiffOrder order);

struct VecDiffLimits {
  std::optional<double> min_cosine, max_relative, max_abs, max_mse;
  // "" when the row keeps all of them, else which one it does not.
  std::string broken_by(const VecDiffRow& row) const;
};

std::string vec_diff_json(const VecDiff& result, const VecDiffOptions& options, const VecDiffLimits& limits,
                          bool passed);

}  // namespace openhb::verify
