// SPDX-License-Identifier: Apache-2.0
#include "host/verify/compare/vec_diff.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "common/io/interrupt.h"
#include "device/dnn/dump.h"
#include "host/verify/compare/match.h"
#include "host/verify/compare/value_file.h"

namespace openhb::verify {
namespace fs = std::filesystem;
namespace {

constexpr int kDigits = 5;  // of mismatch counts, which only JSON has

std::string joined(const std::string& folder, const std::string& file) {
  return (fs::path(folder) / file).string();
}

// Without axes of extent 1, which change nothing.
Shape squeezed(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

void compare(VecDiffRow& row, const DumpEntry* left, const DumpEntry* right, const VecDiffOptions& options) {
  const bool left_raw = left && left->raw, right_raw = right && right->raw;
  if (left_raw != right_raw)
    fail(ErrorCode::data_bad_value,
         "'{}' holds elements as they lie in memory, with padding, '{}' in ONNX order; dump both with "
         "--dump_intermediate 1 or 3",
         left_raw ? row.left : row.right, left_raw ? row.right : row.left);
  const ValueFile a = read_values(row.left, left, options.left_dtype);
  const ValueFile b = read_values(row.right, right, options.right_dtype);
  row.left_dtype = a.values.dtype(), row.right_dtype = b.values.dtype();
  if (a.shape_known) row.left_shape = a.values.shape();
  if (b.shape_known) row.right_shape = b.values.shape();
  if (a.values.size() != b.values.size())
    fail(ErrorCode::data_bad_size,
         "'{}' has {} elements ({}), '{}' has {} ({}); compare tensors of one size, or tell the type of the "
         "elements with --dtype",
         row.left, a.values.size(), dtype_name(row.left_dtype), row.right, b.values.size(),
         dtype_name(row.right_dtype));
  if (a.shape_known && b.shape_known && squeezed(a.values.shape()) != squeezed(b.values.shape()))
    row.note = fmt::format("shapes {} and {}: element k is compared with element k",
                           to_string(a.values.shape()), to_string(b.values.shape()));
  row.difference = difference(a.values, a.quant, b.values, b.quant, kDigits);
}

std::optional<DumpEntry> entry_of(const std::string& path) {
  const fs::path file(path);
  const std::string folder = file.has_parent_path() ? file.parent_path().string() : ".";
  if (!fs::exists(fs::path(folder) / dnn::kDumpIndex)) return std::nullopt;
  for (DumpEntry& entry : read_dump_index(folder))
    if (std::ranges::find(entry.files, file.filename().string()) != entry.files.end())
      return std::move(entry);
  return std::nullopt;
}

VecDiff compare_files(const VecDiffOptions& options) {
  VecDiff result;
  VecDiffRow& row = result.rows.emplace_back();
  row.left = options.left, row.right = options.right, row.name = fs::path(row.left).filename().string();
  const auto left = options.left_dtype ? std::nullopt : entry_of(row.left);
  const auto right = options.right_dtype ? std::nullopt : entry_of(row.right);
  compare(row, left ? &*left : nullptr, right ? &*right : nullptr, options);
  return result;
}

VecDiff compare_folders(const VecDiffOptions& options, const std::function<void(size_t, size_t)>& progress) {
  const TensorFolder left = list_tensors(options.left, !options.left_dtype);
  const TensorFolder right = list_tensors(options.right, !options.right_dtype);
  const Matches matches = match(left, right);
  VecDiff result;
  for (const TensorFolder* side : {&left, &right})
    for (const std::string& file : side->missing) result.missing.push_back(joined(side->path, file));
  for (const TensorFiles* t : matches.only_left) result.only_left.push_back(joined(left.path, t->files[0]));
  for (const TensorFiles* t : matches.only_right)
    result.only_right.push_back(joined(right.path, t->files[0]));
  if (matches.pairs.empty())
    fail(ErrorCode::data_missing,
         "no .bin, .txt or .npy file of '{}' ({} tensors) has the name of one of '{}' ({} tensors); give two "
         "folders of the same network's tensors, or two files",
         options.left, left.tensors.size(), options.right, right.tensors.size());
  for (const TensorPair& pair : matches.pairs) {
    check_interrupt();
    VecDiffRow& row = result.rows.emplace_back();
    row.left = joined(left.path, pair.left_file), row.right = joined(right.path, pair.right_file);
    const auto& entry = pair.left->entry ? pair.left->entry : pair.right->entry;
    row.name = entry && !entry->name.empty() ? entry->name : pair.left->stem;
    try {
      compare(row, pair.left->entry ? &*pair.left->entry : nullptr,
              pair.right->entry ? &*pair.right->entry : nullptr, options);
      result.raw += pair.left->entry && pair.left->entry->raw ? 1 : 0;
    } catch (const Error& e) {
      row.error = e;
    }
    progress(result.rows.size(), matches.pairs.size());
  }
  return result;
}

double unless_nan(const Difference& d, double value) {
  return d.line_nan > 0 ? std::numeric_limits<double>::quiet_NaN() : value;
}

}  // namespace

double VecDiffRow::cosine() const { return unless_nan(difference, difference.cosine); }
double VecDiffRow::relative() const { return unless_nan(difference, difference.relative_l2); }
double VecDiffRow::max_abs() const { return unless_nan(difference, difference.max_abs); }
double VecDiffRow::mse() const { return unless_nan(difference, difference.mse); }

VecDiff vec_diff(const VecDiffOptions& options, const std::function<void(size_t, size_t)>& progress) {
  for (const std::string& path : {options.left, options.right})
    if (std::error_code error; !fs::exists(path, error))
      fail(error ? ErrorCode::file_unreadable : ErrorCode::file_missing, "'{}' {}", path,
           error ? "cannot be read: " + error.message() : "does not exist");
  const bool left_folder = fs::is_directory(options.left), right_folder = fs::is_directory(options.right);
  if (left_folder != right_folder)
    fail(ErrorCode::usage, "'{}' is a folder, '{}' is a file; give two files or two folders",
         left_folder ? options.left : options.right, left_folder ? options.right : options.left);
  return left_folder ? compare_folders(options, progress) : compare_files(options);
}

std::string VecDiffLimits::broken_by(const VecDiffRow& row) const {
  const auto above = [](double value, const std::optional<double>& limit) {
    return limit && !(value <= *limit);
  };
  if (min_cosine && !(row.cosine() >= *min_cosine))
    return fmt::format("cosine similarity {} is below {}", row.cosine(), *min_cosine);
  if (above(row.relative(), max_relative))
    return fmt::format("relative Euclidean distance {} is above {}", row.relative(), *max_relative);
  if (above(row.max_abs(), max_abs))
    return fmt::format("max absolute error {} is above {}", row.max_abs(), *max_abs);
  if (above(row.mse(), max_mse)) return fmt::format("mean square error {} is above {}", row.mse(), *max_mse);
  return "";
}

}  // namespace openhb::verify
