// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "common/image/image.h"
#include "common/io/file.h"
#include "common/io/npy.h"
#include "host/calibration/matching.h"
#include "host/calibration/random.h"

namespace openhb::calibration {
namespace {

namespace fs = std::filesystem;

std::string python_shape(const Shape& shape) {
  return shape.size() == 1 ? fmt::format("({},)", shape[0]) : fmt::format("({})", fmt::join(shape, ","));
}

std::string folder_name(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

bool is_npy(const std::string& path) { return fs::path(path).extension() == ".npy"; }

// Regular files of the folder in name order; hidden files and sub-folders are passed over.
std::vector<std::string> list_samples(const config::InputConfig& input) {
  if (input.cal_dir.empty())
    fail(ErrorCode::data_missing, "input '{}' has no calibration data: set cal_data_dir", input.name);
  std::error_code error;
  if (!fs::is_directory(input.cal_dir, error))
    fail(ErrorCode::data_missing, "cal_data_dir '{}' of input '{}' {}", input.cal_dir, input.name,
         fs::exists(input.cal_dir, error) ? "is not a folder" : "does not exist");
  std::vector<std::string> files;
  fs::directory_iterator entry(input.cal_dir, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (!entry->path().filename().string().starts_with('.') && entry->is_regular_file(ignored))
      files.push_back(entry->path().string());
  }
  if (error)
    fail(ErrorCode::data_missing, "cannot list cal_data_dir '{}' of input '{}': {}", input.cal_dir,
         input.name, error.message());
  if (files.empty())
    fail(ErrorCode::data_missing, "cal_data_dir '{}' of input '{}' holds no files", input.cal_dir,
         input.name);
  std::sort(files.begin(), files.end());
  return files;
}

void check_pictures(const config::InputConfig& input, const Shape& shape,
                    const std::vector<std::string>& files) {
  for (const std::string& file : files)
    if (!is_image_path(file))
      fail(ErrorCode::data_bad_image,
           "preprocess_on is True, so cal_data_dir '{}' must hold pictures (.jpg .jpeg .png .bmp), but there "
           "is '{}'",
           input.cal_dir, file);
  const size_t channel_axis = input.nhwc_train ? 3 : 1;
  const int64_t channels = input.kind_train == InputKind::gray ? 1 : 3;
  if (shape.size() != 4 || shape[0] != 1 || shape[channel_axis] != channels)
    fail(ErrorCode::data_bad_size,
         "preprocess_on needs an input of one picture with {} channel(s) in layout {}, but input '{}' has "
         "shape {}",
         channels, input.nhwc_train ? "NHWC" : "NCHW", input.name, to_string(shape));
  for (size_t axis = 1; axis < 4; ++axis)
    if (shape[axis] < 1 || shape[axis] > 16384)
      fail(ErrorCode::data_bad_size, "pictures cannot be resized to input '{}' of shape {}", input.name,
           to_string(shape));
}

Dataset::Raw load_picture(const std::string& path, const config::InputConfig& input, const Shape& shape) {
  const size_t rows = input.nhwc_train ? 1 : 2;
  Image picture = decode_image(path);
  const int width = picture.width, height = picture.height;
  picture = resize_bilinear(picture, static_cast<int>(shape[rows + 1]), static_cast<int>(shape[rows]));
  return {image_to_tensor(picture, input.kind_train, input.nhwc_train), width, height};
}

// The array's own type and shape are known: a transposed one must not pass.
Dataset::Raw load_npy(const std::string& path, const config::InputConfig& input, const Shape& shape) {
  Tensor tensor = read_npy(path);
  const auto essential = [](const Shape& s) {
    Shape extents;
    std::copy_if(s.begin(), s.end(), std::back_inserter(extents), [](int64_t extent) { return extent != 1; });
    return extents;
  };
  if (essential(tensor.shape()) != essential(shape))
    fail(ErrorCode::data_bad_size,
         "calibration file '{}' holds an array of shape {}, but input '{}' has shape {} (input_layout_train: "
         "{})",
         path, python_shape(tensor.shape()), input.name, python_shape(shape),
         input.nhwc_train ? "NHWC" : "NCHW");
  return {tensor.reshaped(shape)};
}

// The documented rule is the suffix; older versions of the documents ask whether the name contains f32.
bool named_f32(const config::InputConfig& input) {
  return folder_name(input.cal_dir).find("f32") != std::string::npos;
}

DType raw_dtype(const config::InputConfig& input) {
  return input.cal_dtype.value_or(named_f32(input) ? DType::f32 : DType::u8);
}

// What would make sense of a file of `size` bytes.
std::string size_advice(const config::InputConfig& input, const Shape& shape, uint64_t size) {
  const auto elements = static_cast<uint64_t>(num_elements(shape));
  std::string fitting;
  for (const std::string_view name : {"float32", "uint8", "int32", "int16", "int8"})
    if (const auto dtype = dtype_from_name(name);
        dtype && *dtype != raw_dtype(input) && elements * dtype_size(*dtype) == size)
      fitting += fmt::format("{}{}", fitting.empty() ? "" : " or ", name);
  if (!fitting.empty()) return fmt::format("As {} the size fits: set cal_data_type", fitting);
  return "Check cal_data_type and that the file has the shape that the model's input has";
}

void check_raw_size(const std::string& path, const config::InputConfig& input, const Shape& shape,
                    uint64_t size) {
  const DType dtype = raw_dtype(input);
  if (size == static_cast<uint64_t>(num_elements(shape)) * dtype_size(dtype)) return;
  fail(ErrorCode::data_bad_size,
       "cannot reshape array of size {} into shape {}: calibration file '{}' of input '{}' has {} bytes, "
       "read as {} "
       "because {}. {}",
       size / dtype_size(dtype), python_shape(shape), path, input.name, size, dtype_name(dtype),
       input.cal_dtype    ? "cal_data_type says so"
       : named_f32(input) ? "cal_data_type is not set and the folder's name says f32"
                          : "cal_data_type is not set and the folder's name does not end in _f32",
       size_advice(input, shape, size));
}

Dataset::Raw load_raw(const std::string& path, const config::InputConfig& input, const Shape& shape) {
  const std::vector<std::byte> bytes = read_file(path, EmptyFile::refuse);
  check_raw_size(path, input, shape, bytes.size());
  Tensor tensor(raw_dtype(input), shape);
  std::copy(bytes.begin(), bytes.end(), tensor.bytes().begin());
  return {std::move(tensor)};
}

template <class T>
Tensor convert(const Tensor& tensor) {
  Tensor result(DType::f32, tensor.shape());
  const auto in = tensor.data<T>();
  std::transform(in.begin(), in.end(), result.data<float>().begin(),
                 [](T v) { return static_cast<float>(v); });
  return result;
}

// Every element type that calibration data may have, with its conversion.
constexpr std::pair<DType, Tensor (*)(const Tensor&)> kConversions[] = {
    {DType::u8, convert<uint8_t>},   {DType::i8, convert<int8_t>},    {DType::u16, convert<uint16_t>},
    {DType::i16, convert<int16_t>},  {DType::u32, convert<uint32_t>}, {DType::i32, convert<int32_t>},
    {DType::u64, convert<uint64_t>}, {DType::i64, convert<int64_t>},  {DType::f64, convert<double>}};

Tensor to_float32(Tensor tensor, const std::string& path) {
  if (tensor.dtype() == DType::f32) return tensor;
  for (const auto& [dtype, conversion] : kConversions)
    if (tensor.dtype() == dtype) return conversion(tensor);
  fail(ErrorCode::data_bad_value, "calibration file '{}' holds {} values; use float32 or an integer type",
       path, dtype_name(tensor.dtype()));
}

// One such value would make every statistic of the network's tensors worthless.
Tensor checked_finite(Tensor tensor, const std::string& path) {
  const auto values = tensor.data<float>();
  const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad != values.end())
    fail(ErrorCode::data_bad_value,
         "calibration file '{}' holds {} as element {}; check cal_data_type and how the file was made", path,
         std::isnan(*bad) ? "NaN (not a number)" : "an infinite value", bad - values.begin());
  return tensor;
}

void check_counts(const config::Config& config, const std::vector<Shape>& shapes) {
  if (config.inputs.size() != shapes.size())
    fail(ErrorCode::config_bad_value, "the configuration names {} inputs, the model has {}: set input_name",
         config.inputs.size(), shapes.size());
}

}  // namespace

Dataset::Dataset(const config::Config& config, const std::vector<Shape>& shapes) {
  check_counts(config, shapes);
  for (size_t i = 0; i < shapes.size(); ++i) {
    const config::InputConfig& input = config.inputs[i];
    std::vector<std::string> files = list_samples(input);
    if (config.preprocess_on)
      check_pictures(input, shapes[i], files);
    else if (std::all_of(files.begin(), files.end(), is_image_path))
      fail(ErrorCode::data_bad_value,
           "cal_data_dir '{}' of input '{}' holds pictures, but preprocess_on is False: set preprocess_on: "
           "True, or "
           "convert the pictures to raw arrays",
           input.cal_dir, input.name);
    if (i > 0 && files.size() != count_)
      fail(ErrorCode::data_bad_size,
           "cal_data_dir '{}' of input '{}' holds {} files, '{}' of input '{}' {}; one "
           "sample needs one file for each input",
           input.cal_dir, input.name, files.size(), config.inputs[0].cal_dir, config.inputs[0].name, count_);
    count_ = files.size();
    if (i > 0)
      if (std::string odd = match_files(files_[0], files); !odd.empty())
        notices_.emplace_back(input.name, odd);
    if (!input.cal_dtype && !config.preprocess_on && named_f32(input) &&
        !folder_name(input.cal_dir).ends_with("_f32"))
      notices_.emplace_back(input.name,
                            fmt::format("the name of folder '{}' contains f32, so its arrays are read as "
                                        "float32; set cal_data_type, or let the name end in _f32",
                                        input.cal_dir));
    files_.push_back(std::move(files));
    sources_.push_back({shapes[i], input, config.preprocess_on});
  }
}

Dataset Dataset::of_files(const config::Config& config, const std::vector<Shape>& shapes,
                          const std::vector<std::string>& files) {
  check_counts(config, shapes);
  Dataset dataset;
  dataset.count_ = 1;
  for (size_t i = 0; i < shapes.size(); ++i) {
    // Pictures are decoded, whatever preprocess_on says: their bytes are no array.
    const bool picture = is_image_path(files.at(i));
    if (picture && config.inputs[i].kind_train == InputKind::featuremap)
      fail(ErrorCode::data_bad_image,
           "'{}' is a picture, but input '{}' is a featuremap: give a .npy file or a raw array", files[i],
           config.inputs[i].name);
    if (picture) check_pictures(config.inputs[i], shapes[i], {files[i]});
    dataset.files_.push_back({files[i]});
    dataset.sources_.push_back({shapes[i], config.inputs[i], picture});
  }
  return dataset;
}

Dataset Dataset::random(const config::Config& config, const std::vector<Shape>& shapes, size_t count) {
  check_counts(config, shapes);
  Dataset dataset;
  dataset.random_ = true;
  dataset.count_ = count;
  for (size_t i = 0; i < shapes.size(); ++i) {
    std::vector<std::string> names;
    for (size_t k = 0; k < count; ++k) names.push_back(fmt::format("<random sample {}>", k));
    dataset.files_.push_back(std::move(names));
    dataset.sources_.push_back({shapes[i], config.inputs[i], false});
  }
  return dataset;
}

Dataset::Raw Dataset::read(size_t sample, size_t input) const {
  const Source& source = sources_.at(input);
  const std::string& path = files_.at(input).at(sample);
  if (random_) {
    Tensor tensor(DType::f32, source.shape);
    Random generator(0x0123456789ABCDEFu + (uint64_t{input} << 32) + sample);
    const bool image = source.input.kind_train != InputKind::featuremap;
    for (float& value : tensor.data<float>()) value = image ? generator.byte() : generator.normal();
    return {std::move(tensor)};
  }
  const auto reader = source.pictures ? load_picture : is_npy(path) ? load_npy : load_raw;
  return reader(path, source.input, source.shape);
}

void Dataset::check_size(size_t sample, size_t input) const {
  const Source& source = sources_.at(input);
  const std::string& path = files_.at(input).at(sample);
  if (random_ || source.pictures || is_npy(path)) return;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error) check_raw_size(path, source.input, source.shape, size);
}

Tensor as_float32(Tensor tensor, const std::string& path) {
  return checked_finite(to_float32(std::move(tensor), path), path);
}

void Dataset::keep_decoded(const std::string& folder) { store_ = std::make_shared<SampleStore>(folder); }

void Dataset::keep(size_t sample, size_t input, const Raw& raw) const {
  if (store_ && sources_.at(input).pictures) store_->keep(sample * sources_.size() + input, raw.values);
}

Tensor Dataset::load(size_t sample, size_t input) const {
  const std::string& path = files_.at(input).at(sample);
  if (store_)
    if (auto kept = store_->find(sample * sources_.size() + input)) return to_float32(std::move(*kept), path);
  return as_float32(read(sample, input).values, path);
}

}  // namespace openhb::calibration
