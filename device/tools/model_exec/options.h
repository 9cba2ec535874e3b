// SPDX-License-Identifier: Apache-2.0
// The command lines of hrt_model_exec and hrt_bin_dump.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace openhb::model_exec {

enum class Tool { model_exec, bin_dump };
enum class Mode { model_info, infer, perf, bin_dump };

struct Options {
  Mode mode = Mode::model_info;
  std::string model_file, model_name, input_file;
  int core_id = 0;
  bool roi_infer = false;
  std::string roi;
  int thread_num = 1;
  bool thread_num_given = false;
  int frame_count = 1;    // perf: 200 unless given
  int perf_time = 0;      // minutes; 0: frame_count counts
  double target_fps = 0;  // 0: as fast as possible
  std::string profile_path;
  bool enable_dump = false;
  std::string dump_format = "bin";
  int dump_precision = 9;
  std::string dump_path = ".";
  bool hybrid_dequantize_process = false;
  int dump_txt_axis = 4;
  int dump_intermediate = 0;
  bool enable_cls_post_process = false;
  std::string label_file;
  int top_k = 1;
  std::string conv_mapping_file, conv_dump_path;
  std::string json;
  bool quiet = false, verbose = false;
};

struct CommandLine {
  std::optional<Options> options;  // nothing to run: print `text` and leave
  std::string text;                // help or version
  std::vector<std::string> notes;  // accepted options without effect, for stderr
};

// Throws Error(usage) for unknown words and values.
CommandLine parse_command_line(Tool tool, int argc, const char* const* argv);

}  // namespace openhb::model_exec
