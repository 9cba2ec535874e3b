// SPDX-License-Identifier: Apache-2.0
// Tensors of runs as files, named by their ONNX names, with an index that programs can read. For
// hrt_model_exec, hrt_bin_dump and the environment variables HB_DNN_DUMP_PATH and HB_DNN_CONV_MAP_PATH.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/tensor.h"
#include "device/dnn/observer.h"

namespace openhb::dnn {

inline constexpr const char* kDumpIndex = "dump_index.json";

// What was dumped, for <folder>/dump_index.json: per file the ONNX name, element type, shape and scales.
class DumpIndex {
 public:
  struct Entry {
    std::vector<std::string> files = {};  // without the folder; of the same elements: .bin, .txt
    std::string kind = {};                // "input", "output", "tensor" or "layer"
    std::string name = {};                // ONNX tensor, or the layer (node) for "layer"
    DType dtype = DType::f32;             // of the elements of the .bin
    Shape shape = {};
    QuantParams quant = {};  // of codes; axis is an index into shape
    std::string step = {};   // that produced it: "Conv of node_7"
    std::string row = {};    // the kernel that did: "dotprod"
    bool aligned = false;    // elements as they lie in memory, padding included
    Shape valid = {};        // with padding: how many along each axis of `shape` are the tensor's, from 0 on
  };
  void add(Entry entry) { entries_.push_back(std::move(entry)); }
  bool empty() const { return entries_.empty(); }
  std::string json(const std::string& model) const;
  // Writes <folder>/dump_index.json whole or not at all.
  void write(const std::string& folder, const std::string& model) const;

 private:
  std::vector<Entry> entries_;
};

struct DumpOptions {
  std::string folder;
  int level = 1;  // 1: .bin; 2: .bin and .txt, of BPU steps as they lie in memory; 3: both, valid elements
  bool real = false;  // float32 <name>_float.bin instead of codes
  int precision = 9;  // of text
  int txt_axis = 4;
};

// Observers that write files: one run at a time; a run that starts while another one is dumped is not.
class FileObserver : public Observer {
 public:
  explicit FileObserver(std::string folder) : folder_(std::move(folder)) {}
  void before(const engine::Model& model, engine::Session& session) override;
  void after(const engine::Model& model, engine::Session& session, const RunTimes& times,
             int32_t status) override;
  // The first thing that went wrong; nothing is written after it.
  std::optional<Error> error() const;
  // Of the last run that was dumped.
  DumpIndex index() const;

 protected:
  virtual void begin(const engine::Model& model, engine::Session& session) = 0;
  virtual void end(const engine::Model& model, engine::Session& session) = 0;
  // Runs fn, keeps what it throws.
  template <class Fn>
  void guard(Fn fn) noexcept {
    if (error()) return;
    try {
      fn();
    } catch (const Error& e) {
      keep(e);
    } catch (const std::exception& e) {
      keep(Error(ErrorCode::resources, e.what()));
    }
  }
  void write(const std::string& file, std::span<const std::byte> bytes);
  void write(const std::string& file, const std::string& text);
  const std::string& folder() const { return current_; }

  DumpIndex running_;  // of the run that is being dumped

 private:
  void keep(const Error& error) noexcept;

  std::string folder_, current_;
  std::set<std::string> models_;  // the first one's files lie in the folder, others' in folders below it
  std::string first_;
  std::atomic<engine::Session*> session_{nullptr};  // that is being dumped
  mutable std::mutex mutex_;
  std::optional<Error> error_;
  DumpIndex last_;
};

// Every tensor that a step completes, and the inputs: <name>.bin, with `real` <name>_float.bin.
class TensorDumper final : public FileObserver {
 public:
  explicit TensorDumper(DumpOptions options) : FileObserver(options.folder), options_(std::move(options)) {}

 protected:
  void begin(const engine::Model& model, engine::Session& session) override;
  void end(const engine::Model& model, engine::Session& session) override;

 private:
  void dump(const engine::Session& session, uint32_t id, std::optional<size_t> step);

  DumpOptions options_;
  std::vector<std::vector<uint32_t>> after_step_;
  std::vector<std::string> stems_;
};

// What a conversion with layer_out_dump wrote beside the model: which output is which convolution's result.
struct ConvMap {
  struct Row {
    std::string conv, output;
    bool own = false;  // the network has this output anyway
  };
  std::vector<Row> rows;

  // Throws Error(file_*, data_bad_value).
  static ConvMap read(const std::string& path);
  // The outputs of the program by row. Throws Error(data_missing): the program lacks one.
  std::vector<size_t> outputs_of(const Program& program) const;
};

// Results of convolutions and outputs of the network: <layer>_float.bin, float32, as hb_mapper infer writes
// them.
class ConvDumper final : public FileObserver {
 public:
  ConvDumper(ConvMap map, std::string folder) : FileObserver(std::move(folder)), map_(std::move(map)) {}

 protected:
  void begin(const engine::Model&, engine::Session&) override {}
  void end(const engine::Model& model, engine::Session& session) override;

 private:
  ConvMap map_;
};

}  // namespace openhb::dnn
