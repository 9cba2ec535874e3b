// SPDX-License-Identifier: Apache-2.0
#include "host/verify/dump_folder.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "device/dnn/dump.h"

namespace openhb::verify {
namespace {

using Json = nlohmann::json;

constexpr size_t kLargestIndex = size_t{64} << 20;

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  fail(ErrorCode::data_bad_value, "'{}' is no list of dumped tensors: {}; run hrt_model_exec again", path,
       what);
}

std::string text(const Json& row, const char* key) {
  const auto at = row.find(key);
  return at != row.end() && at->is_string() ? at->get<std::string>() : "";
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

QuantParams quant_of(const Json& row, const Shape& shape, const std::string& path) {
  QuantParams quant;
  if (!row.contains("scale")) return quant;
  try {
    quant.scales = row.at("scale").get<std::vector<float>>();
    quant.zero_points = row.at("zero_point").get<std::vector<int32_t>>();
    quant.axis = row.value("axis", -1);
  } catch (const Json::exception&) {
    damaged(path, "scales are no numbers");
  }
  const size_t n = quant.scales.size();
  const bool many = quant.axis >= 0;
  if (n == 0 || quant.zero_points.size() != n || (!many && n != 1) ||
      (many && (static_cast<size_t>(quant.axis) >= shape.size() ||
                static_cast<int64_t>(n) != shape[static_cast<size_t>(quant.axis)])))
    damaged(path, "scales do not fit the shape");
  return quant;
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

DumpedTensor read_row(const Json& row, const std::string& folder, const std::string& index) {
  if (!row.is_object() || !row.contains("files") || !row["files"].is_array() || row["files"].empty() ||
      !row["files"][0].is_string() || !row.contains("shape"))
    damaged(index, "an entry without file or shape");
  DumpedTensor t;
  t.name = text(row, "name"), t.kind = text(row, "kind"), t.step = text(row, "step"),
  t.row = text(row, "row");
  const auto file = row["files"][0].get<std::string>();
  if (file.empty() || file == "." || file == ".." || file.find('/') != file.npos ||
      file.find('\0') != file.npos)
    damaged(index, fmt::format("'{}' is no file of this folder", file.substr(0, 80)));
  t.file = folder + "/" + file;
  const Shape shape = shape_of(row, "shape", index);
  const Shape valid = row.contains("valid_shape") ? shape_of(row, "valid_shape", index) : shape;
  bool fits = valid.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i) fits = valid[i] <= shape[i];
  if (!fits || (row.value("aligned", false) && !row.contains("valid_shape")))
    damaged(index, fmt::format("the shape of '{}' is not that of a tensor", file));
  const DType dtype = dtype_of(text(row, "dtype"), index);
  t.quant = quant_of(row, valid, index);
  const int64_t bytes = checked_mul(num_elements(shape), static_cast<int64_t>(dtype_size(dtype)));
  if (bytes == 0) {
    t.values = Tensor(dtype, valid);
    return t;
  }
  const auto mapped = MappedFile::open(t.file);
  if (static_cast<int64_t>(mapped->bytes().size()) != bytes)
    fail(ErrorCode::data_bad_size, "'{}' has {} bytes, {} says {}: {} {}", t.file, mapped->bytes().size(),
         dnn::kDumpIndex, bytes, dtype_name(dtype), to_string(shape));
  t.values = Tensor::view(dtype, shape, mapped->bytes(), mapped);
  if (valid != shape) t.values = cropped(t.values, valid);
  return t;
}

}  // namespace

std::vector<DumpedTensor> read_dump(const std::string& folder) {
  const std::string index = folder + "/" + dnn::kDumpIndex;
  std::error_code ignored;
  if (std::filesystem::file_size(index, ignored) > kLargestIndex && !ignored)
    damaged(index, "it is too large");
  const Json json = Json::parse(read_text_file(index, EmptyFile::refuse), nullptr, false);
  if (!json.is_object() || !json.contains("tensors") || !json["tensors"].is_array())
    damaged(index, "it is no such JSON document");
  std::vector<DumpedTensor> tensors;
  for (const Json& row : json["tensors"]) {
    tensors.push_back(read_row(row, folder, index));
    tensors.back().order = static_cast<int64_t>(tensors.size()) - 1;
  }
  return tensors;
}

}  // namespace openhb::verify
