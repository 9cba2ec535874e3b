// SPDX-License-Identifier: Apache-2.0
// Configurations for the tests, and how to change and load them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/error.h"
#include "host/config/config.h"

namespace openhb::config {

inline constexpr const char* kMinimal =
    "model_parameters:\n"
    "  onnx_model: 'net.onnx'\n"
    "  march: 'bayes'\n"
    "input_parameters:\n"
    "  input_type_train: 'bgr'\n"
    "  input_layout_train: 'NCHW'\n"
    "  input_type_rt: 'rgb'\n"
    "calibration_parameters:\n"
    "  cal_data_dir: './data'\n"
    "compiler_parameters:\n";

inline constexpr const char* kFull =
    "model_parameters:\n"
    "  onnx_model: 'net.onnx'\n"
    "  march: \"bayes\"\n"
    "  output_model_file_prefix: 'net_224'\n"
    "  working_dir: './out'\n"
    "  layer_out_dump: False\n"
    "  output_nodes: \"a; b's\"\n"
    "input_parameters:\n"
    "  input_name: 'image; feat'\n"
    "  input_type_train: 'bgr; featuremap'\n"
    "  input_layout_train: 'NCHW;NHWC'\n"
    "  input_type_rt: 'bgr; featuremap;'\n"
    "  input_layout_rt: nchw; NCHW\n"
    "  input_space_and_range: regular; regular\n"
    "  input_shape: '1x3x224x224; 1x7'\n"
    "  input_batch: 1\n"
    "  norm_type: 'data_mean_and_scale; no_preprocess'\n"
    "  mean_value: '103.94 116.78  123.68; None'\n"
    "  scale_value: '0.017; None'\n"
    "calibration_parameters:\n"
    "  cal_data_dir: './a_f32; ./b'\n"
    "  cal_data_type: 'float32; int16'\n"
    "  preprocess_on: false\n"
    "  calibration_type: 'max'\n"
    "  max_percentile: 0.99995\n"
    "  per_channel: TRUE\n"
    "  run_on_cpu: 'conv_0; conv_1'\n"
    "  run_on_bpu: softmax\n"
    "compiler_parameters:\n"
    "  compile_mode: 'latency'\n"
    "  debug: True\n"
    "  core_num: 1\n"
    "  optimize_level: 'O3'\n"
    "  input_source: {}\n"
    "  max_time_per_fc: 0\n"
    "custom_op:\n";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "openhb_config_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The text with `key: value` in the group instead of what was there.
inline std::string with(const std::string& text, const std::string& group, const std::string& key,
                        const std::string& value) {
  std::string result = text;
  const size_t start = result.find(group + ":\n") + group.size() + 2;
  size_t end = start;
  while (end < result.size() && result[end] == ' ') end = result.find('\n', end) + 1;
  if (const size_t old = result.find(fmt::format("  {}:", key), start); old < end)
    result.erase(old, result.find('\n', old) + 1 - old);
  return result.insert(start, fmt::format("  {}: {}\n", key, value));
}

inline Config load(const std::string& text) { return parse_config(text, "config.yaml"); }

inline ErrorCode error_code(const std::string& text, std::string* what = nullptr) {
  try {
    load(text);
  } catch (const Error& e) {
    if (what) *what = e.what();
    return e.code();
  }
  ADD_FAILURE() << "no error from:\n" << text;
  return ErrorCode::internal;
}

inline std::string error_text(const std::string& text) {
  std::string what;
  error_code(text, &what);
  return what;
}

}  // namespace openhb::config
