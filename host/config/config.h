// SPDX-License-Identifier: Apache-2.0
// The YAML configuration of `hb_mapper makertbin`, typed. Keys, defaults and rules come from one table
// (config.cc).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/dtype.h"
#include "common/program/program.h"
#include "host/config/stage.h"

namespace openhb::config {

enum class Norm { none, mean, scale, mean_and_scale };

// One network input. Vectors are empty (identity), of length 1, or one per channel.
struct InputConfig {
  std::string name;  // "" allowed for a single input: the model's only one
  InputKind kind_train = InputKind::featuremap, kind_rt = InputKind::featuremap;
  bool nhwc_train = false, nhwc_rt = false;
  bool idle_layout_rt = false;  // given, but of nv12, whose bytes have one order
  bool bt601_video = false;     // the range of nv12 data
  std::optional<Shape> shape;
  Norm norm = Norm::none;
  std::vector<float> mean, scale;
  std::string cal_dir;             // absolute or relative to the working directory of the process
  std::optional<DType> cal_dtype;  // unset: by the _f32 suffix rule
};

enum class CalibrationType { automatic, mix, max, kl, mse, percentile, skip, load };

// Asks for int16 codes instead of int8 at a node's activations and outputs.
struct Int16Request {
  std::string node = {};  // its name; or
  std::string op = {};    // every node of an operator; or, when both are empty, every node
  bool inputs = true, outputs = true;
  int input = -1;  // from 0 on: this input alone
};

// What node_info says of one node.
struct NodeInfo {
  std::string name = {};
  std::string on = {};  // "BPU", "CPU" or ""
  bool int16_inputs = false, int16_outputs = false;
  std::vector<int> int16_input = {};  // single inputs, from 0 on
};

struct Config {
  std::string onnx_model;             // either this
  std::string prototxt, caffe_model;  // or these two
  std::string march = "bayes";
  std::string prefix = "model";
  std::string working_dir = "model_output";
  bool layer_out_dump = false;
  std::vector<std::string> output_nodes;
  std::vector<std::string> remove_node_types, remove_node_names;  // in the order given
  std::vector<InputConfig> inputs;
  int64_t input_batch = 1;                           // of the program alone
  std::map<std::string, InputSource> input_sources;  // those that are given, by input name
  bool preprocess_on = false;
  CalibrationType calibration = CalibrationType::automatic;
  double max_percentile = 1.0;
  bool per_channel = false;
  std::vector<std::string> run_on_cpu, run_on_bpu;
  std::vector<NodeInfo> node_info;
  std::vector<std::string> int16_nodes;   // set_node_data_type: nodes with int16 outputs
  std::vector<std::string> optimization;  // its words
  std::string compile_mode = "latency";
  std::optional<int> balance_factor;
  bool debug = true;
  std::string optimize_level = "O0";
  uint32_t max_time_per_fc = 0;  // microseconds, 0: no limit
  std::optional<int> jobs;
  uint32_t advice = 0;            // microseconds, 0: none
  bool dump_calibration = false;  // debug_mode
  std::string custom_op_method = "register", custom_op_dir;
  std::vector<std::string> op_register_files;
  uint64_t memory_limit = 0;  // bytes, 0: none; from the command line

  bool is_caffe() const { return onnx_model.empty(); }
};

// Reads and checks the file; reports all errors at once with line numbers; relative paths in it are relative
// to the file's folder when they exist there, else to the current directory. Throws Error(config_*).
Config load_config(const std::string& path);

// The same for text in memory; `path` names it in errors and is where relative paths are looked up.
Config parse_config(const std::string& yaml, const std::string& path);

// The files of op_register_files, where they are: as they stand when absolute, else in custom_op_dir.
std::vector<std::string> plugin_files(const Config& config);

// What several keys say together: run_on_cpu, run_on_bpu and node_info; set_node_data_type, node_info and
// optimization.
std::vector<std::string> nodes_on_cpu(const Config& config);
std::vector<std::string> nodes_on_bpu(const Config& config);
std::vector<Int16Request> int16_requests(const Config& config);
// True when `optimization` holds the word.
bool asks_for(const Config& config, std::string_view option);

// The configured inputs in the order of the model's, which `names` lists; a single unnamed one takes the
// model's name. Throws Error(config_bad_value) when the two do not match.
std::vector<InputConfig> inputs_in_order(const Config& config, const std::vector<std::string>& names);

// The values, as effective_yaml writes them, of all keys that the results of a stage depend on. Paths are not
// among them.
std::map<std::string, std::string> settings_of(const Config& config, Stage stage);

// One key with its value, every default filled in.
struct Setting {
  std::string_view group, key;
  std::string value;
  bool usual;  // the value is the key's default
};
std::vector<Setting> effective_settings(const Config& config);

// The configuration with every default filled in, as YAML with the documented key names.
std::string effective_yaml(const Config& config);

}  // namespace openhb::config
