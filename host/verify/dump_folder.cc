// SPDX-License-Identifier: Apache-2.0
#include "host/verify/dump_folder.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "device/dnn/dump.h"
#include "host/verify/remote_text.h"

namespace openhb::verify {
namespace {

using Json = nlohmann::json;

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  fail(ErrorCode::data_bad_value, "'{}' is no list of dumped tensors: {}; run hrt_model_exec again", path,
       what);
}

// Names and kernels come to the terminal, from a board: no escape sequences. Long ones stay different.
constexpr size_t kLongestText = size_t{1} << 16;

std::string text(const Json& row, const char* key) {
  const auto at = row.find(key);
  return at != row.end() && at->is_string() ? remote_text(at->get_ref<const std::string&>(), kLongestText)
                                            : "";
}

Shape shape_of(const Json& row, const char* key, const std::string& path) {
  const Json& list = row[key];
  if (!list.is_array() || list.size() > 32) damaged(path, fmt::format("'{}' is no list of sizes", key));
  Shape shape;
  for (const Json& extent : list) {
    if (!extent.is_number_integer() || extent.get<int64_t>() < 0)
      damaged(path, fmt::format("'{}' holds something else than sizes", key));
    shape.push_back(extent.get<int64_t>());
  }
  return shape;
}

DType dtype_of(const std::string& name, const std::string& path) {
  if (const auto dtype = dtype_from_name(name)) return *dtype;
  damaged(path, fmt::format("the element type '{}' is unknown", name.substr(0, 40)));
}

int32_t whole_number(const Json& json, const std::string& path) {
  const int64_t value = json.is_number_integer() ? json.get<int64_t>() : INT64_MAX;
  if (value < INT32_MIN || value > INT32_MAX) damaged(path, "a zero point or an axis is no such number");
  return static_cast<int32_t>(value);
}

QuantParams quant_of(const Json& row, const std::string& path) {
  QuantParams quant;
  if (!row.contains("scale")) return quant;
  if (!row["scale"].is_array() || !row.contains("zero_point") || !row["zero_point"].is_array())
    damaged(path, "scales without zero points");
  for (const Json& scale : row["scale"]) {
    const double value = scale.is_number() ? scale.get<double>() : HUGE_VAL;
    if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max())))
      damaged(path, "scales are no numbers");
    quant.scales.push_back(static_cast<float>(value));
  }
  for (const Json& zero_point : row["zero_point"])
    quant.zero_points.push_back(whole_number(zero_point, path));
  if (row.contains("axis")) quant.axis = whole_number(row["axis"], path);
  return quant;
}

bool fits(const QuantParams& quant, const Shape& shape) {
  const size_t n = quant.scales.size();
  if (n == 0) return quant.zero_points.empty();
  if (quant.zero_points.size() != n) return false;
  if (quant.axis < 0) return n == 1;
  return static_cast<size_t>(quant.axis) < shape.size() &&
         static_cast<int64_t>(n) == shape[static_cast<size_t>(quant.axis)];
}

// The elements that are the tensor's among those in memory: the first ones along each axis.
Tensor cropped(const Tensor& all, const Shape& valid) {
  Tensor dense(all.dtype(), valid);
  if (dense.size() == 0) return dense;
  const size_t element = dtype_size(all.dtype());
  const Shape from = dense_strides(all.shape()), to = dense_strides(valid);
  const auto copy = [&](const auto& self, size_t axis, int64_t source, int64_t target) -> void {
    if (axis + 1 >= valid.size()) {
      const auto row = static_cast<size_t>(valid.empty() ? 1 : valid.back());
      std::memcpy(dense.bytes().data() + static_cast<size_t>(target) * element,
                  all.bytes().data() + static_cast<size_t>(source) * element, row * element);
      return;
    }
    for (int64_t i = 0; i < valid[axis]; ++i)
      self(self, axis + 1, source + i * from[axis], target + i * to[axis]);
  };
  copy(copy, 0, 0, 0);
  return dense;
}

DumpEntry read_row(const Json& row, const std::string& index) {
  if (!row.is_object() || !row.contains("files") || !row["files"].is_array() || row["files"].empty() ||
      !row.contains("shape"))
    damaged(index, "an entry without file or shape");
  DumpEntry entry;
  entry.name = text(row, "name"), entry.kind = text(row, "kind"), entry.step = text(row, "step"),
  entry.row = text(row, "row");
  for (const Json& json : row["files"]) {
    const std::string file = json.is_string() ? json.get<std::string>() : "";
    if (file.empty() || file == "." || file == ".." || file.find('/') != file.npos ||
        file.find('\0') != file.npos)
      damaged(index, fmt::format("'{}' is no file of this folder", file.substr(0, 80)));
    entry.files.push_back(file);
  }
  entry.shape = shape_of(row, "shape", index);
  entry.valid = row.contains("valid_shape") ? shape_of(row, "valid_shape", index) : entry.shape;
  bool smaller = entry.valid.size() == entry.shape.size();
  for (size_t i = 0; smaller && i < entry.shape.size(); ++i) smaller = entry.valid[i] <= entry.shape[i];
  if (!smaller) damaged(index, fmt::format("'{}' has more valid elements than elements", entry.files[0]));
  const auto aligned = row.find("aligned");
  entry.raw = aligned != row.end() && *aligned == true && !row.contains("valid_shape");
  entry.dtype = dtype_of(text(row, "dtype"), index);
  entry.quant = quant_of(row, index);
  if (!entry.raw && !fits(entry.quant, entry.valid)) damaged(index, "scales do not fit the shape");
  try {
    checked_mul(num_elements(entry.shape), static_cast<int64_t>(dtype_size(entry.dtype)));
  } catch (const Error& e) {
    damaged(index, e.what());
  }
  return entry;
}

}  // namespace

std::vector<DumpEntry> read_dump_index(const std::string& folder) {
  const std::string index = folder + "/" + dnn::kDumpIndex;
  std::error_code ignored;
  if (std::filesystem::file_size(index, ignored) > kLargestIndex && !ignored)
    damaged(index, "it is too large");
  const Json json = Json::parse(read_text_file(index, EmptyFile::refuse), nullptr, false);
  if (!json.is_object() || !json.contains("tensors") || !json["tensors"].is_array())
    damaged(index, "it is no such JSON document");
  std::vector<DumpEntry> entries;
  for (const Json& row : json["tensors"]) entries.push_back(read_row(row, index));
  return entries;
}

Tensor valid_part(const DumpEntry& entry, Tensor elements) {
  return entry.valid == entry.shape ? elements : cropped(elements, entry.valid);
}

Tensor read_dumped(const DumpEntry& entry, const std::string& path) {
  const int64_t bytes = num_elements(entry.shape) * static_cast<int64_t>(dtype_size(entry.dtype));
  if (bytes == 0) return Tensor(entry.dtype, entry.valid);
  const auto mapped = MappedFile::open(path);
  if (static_cast<int64_t>(mapped->bytes().size()) != bytes)
    fail(ErrorCode::data_bad_size, "'{}' has {} bytes, {} says {}: {} {}", path, mapped->bytes().size(),
         dnn::kDumpIndex, bytes, dtype_name(entry.dtype), to_string(entry.shape));
  return valid_part(entry, Tensor::view(entry.dtype, entry.shape, mapped->bytes(), mapped));
}

std::vector<DumpedTensor> read_dump(const std::string& folder) {
  std::vector<DumpedTensor> tensors;
  for (DumpEntry& entry : read_dump_index(folder)) {
    const std::string file = folder + "/" + entry.files[0];
    if (entry.raw)
      fail(ErrorCode::data_bad_value,
           "'{}' holds elements as they lie in memory; dump them with --dump_intermediate 1 or 3", file);
    Tensor values = read_dumped(entry, file);
    tensors.push_back({std::move(entry.name), std::move(entry.kind), std::move(values),
                       std::move(entry.quant), std::move(entry.step), std::move(entry.row),
                       static_cast<int64_t>(tensors.size()), file});
  }
  return tensors;
}

}  // namespace openhb::verify
