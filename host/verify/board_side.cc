// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "host/verify/board/wording.h"
#include "host/verify/side.h"

namespace openhb::verify {
namespace {

class BoardSide final : public Side {
 public:
  BoardSide(std::string name, const Address& address, const Login& login, const BoardOptions& options,
            const std::string& model_file, std::string model_name)
      : name_(std::move(name)),
        model_name_(std::move(model_name)),
        start_(std::chrono::steady_clock::now()),
        board_(connect_ssh(address, login), options) {
    board_.load(model_file);
    add_time();
  }

  SideInfo info() const override {
    const BoardFacts& f = board_.facts();
    SideInfo info;
    info.name = name_;
    info.facts = {{"address", f.address}, {"architecture", f.architecture}, {"kernel", f.kernel}};
    const auto add = [&](const char* what, const std::string& text) {
      if (!text.empty()) info.facts.emplace_back(what, text);
    };
    add("C library", f.libc);
    add("CPU", f.cpu);
    add("CPU features", fmt::format("{}", fmt::join(f.features, " ")));
    if (f.processors > 0) add("processors", std::to_string(f.processors));
    if (f.memory_bytes > 0) add("memory", size_text(f.memory_bytes));
    add("free space", fmt::format("{} in {}", size_text(f.free_bytes), f.folder));
    add("runtime", fmt::format("{} {}{}", f.runtime, f.runtime_version, f.runtime_pushed ? " (pushed)" : ""));
    info.seconds = seconds_;
    info.bytes_sent = board_.bytes_sent(), info.bytes_received = board_.bytes_received();
    return info;
  }

  void run(std::span<const Tensor> inputs, bool all_tensors, const std::string& folder) override {
    start_ = std::chrono::steady_clock::now();
    board_.run(model_name_, inputs, all_tensors, folder);
    add_time();
  }

 private:
  void add_time() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

  std::string name_, model_name_;
  std::chrono::steady_clock::time_point start_;
  Board board_;
  double seconds_ = 0;
};

}  // namespace

std::unique_ptr<Side> board_side(std::string name, const Address& address, const Login& login,
                                 const BoardOptions& options, const std::string& model_file,
                                 const std::string& model_name) {
  return std::make_unique<BoardSide>(std::move(name), address, login, options, model_file, model_name);
}

}  // namespace openhb::verify
