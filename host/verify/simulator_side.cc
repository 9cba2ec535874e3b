// SPDX-License-Identifier: Apache-2.0
// libdnn on this machine: what hrt_model_exec does, in this process.
#include <chrono>
#include <set>

#include "device/dnn/observer.h"
#include "device/tools/model_exec/infer.h"
#include "device/tools/model_exec/inputs.h"
#include "host/verify/side.h"

namespace openhb::verify {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

class SimulatorSide final : public Side {
 public:
  SimulatorSide(const std::string& model_file, const std::string& model_name)
      : package_(model_file), model_(package_.select(model_name)), silence_(std::fopen("/dev/null", "w")) {
    if (!silence_) fail(ErrorCode::resources, "cannot open /dev/null: too many open files?");
    levels_ = runnable_isa_levels();
  }

  SideInfo info() const override {
    SideInfo info;
    info.name = "Sim";
    info.facts = {{"runtime", fmt::format("libdnn {} on this machine", hbDNNGetVersion())},
                  {"CPU features", fmt::format("{}", fmt::join(levels_, " "))}};
    info.seconds = seconds_;
    return info;
  }

  void run(std::span<const Tensor> inputs, bool all_tensors, const std::string& folder) override {
    const auto start = std::chrono::steady_clock::now();
    model_exec::Options options;
    options.mode = model_exec::Mode::infer;
    options.frame_count = 0;  // once, without timing
    options.enable_dump = true;
    options.dump_path = folder;
    options.dump_intermediate = all_tensors ? 1 : 0;
    options.quiet = true;
    model_exec::LoadedFrame frame = model_exec::frame_of(model_, {inputs.begin(), inputs.end()});
    model_exec::infer_frame(options, model_, frame, silence_.get());
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  model_exec::Package package_;
  model_exec::ModelHandle model_;
  std::unique_ptr<std::FILE, CloseFile> silence_;
  std::vector<std::string> levels_;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<Side> simulator_side(const std::string& model_file, const std::string& model_name) {
  return std::make_unique<SimulatorSide>(model_file, model_name);
}

}  // namespace openhb::verify
