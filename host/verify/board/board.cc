// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/board.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "common/error.h"
#include "common/io/file.h"
#include "common/program/pack.h"
#include "host/report/progress.h"
#include "host/verify/board/answer.h"
#include "host/verify/board/dump_stream.h"
#include "host/verify/board/elf.h"
#include "host/verify/board/lease.h"
#include "host/verify/board/probe.h"
#include "host/verify/board/steady.h"
#include "host/verify/board/store.h"
#include "host/verify/board/wording.h"

namespace openhb::verify {
namespace {

constexpr const char* kModel = "model.bin";
constexpr const char* kRuntime = "hrt_model_exec";
constexpr double kClockSkew = 60;  // seconds that are worth a word
constexpr double kLoading = 60;    // seconds; --run-timeout may be shorter, it is for a run
constexpr const char* kPluginPath = "HB_DNN_PLUGIN_PATH";
constexpr std::string_view kInstall =
    "install the board's package (docs/board.md), name the program, or let the static one be sent with "
    "--push-runtime";

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string duration_text(double seconds) {
  constexpr double kDay = 86400;
  return seconds < 2 * kDay ? fmt::format("{:.0f} s", seconds) : fmt::format("{:.0f} days", seconds / kDay);
}

// "arm64" is what other systems call it.
std::string machine_of(const std::string& architecture) {
  return architecture == "arm64" || architecture == "armv8l" ? "aarch64" : architecture;
}

Place choose_place(const std::vector<Place>& places, bool for_programs, const std::string& name) {
  const Place* chosen = nullptr;
  std::string problems;
  for (const Place& place : places) {
    std::string problem = place.problem;
    if (problem.empty() && for_programs && place.noexec)
      problem = "it is mounted noexec, a program that is sent there cannot run";
    if (problem.empty() && !chosen) chosen = &place;
    problems += fmt::format("{}'{}': {}", problems.empty() ? "" : "; ", place.asked, problem);
  }
  if (!chosen)
    fail(ErrorCode::board_storage,
         "no folder of the board {} can be used ({}); name one that can be written to with --board-dir", name,
         problems.empty() ? "it named none" : problems);
  return *chosen;
}

// Cuts the file `inputs` into in0.bin, in1.bin, ...
std::string cut_script(std::span<const Tensor> inputs) {
  std::string script;
  uint64_t start = 1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const size_t size = inputs[i].bytes().size();
    script += fmt::format("tail -c +{} inputs | head -c {} >in{}.bin && ", start, size, i);
    start += size;
  }
  return script + "rm -f inputs";
}

}  // namespace

class Board::Work {
 public:
  Work(std::unique_ptr<Connection> connection, BoardOptions options);
  void load(const std::string& model_file);
  void run(const std::string& model_name, std::span<const Tensor> inputs, bool all_tensors,
           const std::string& folder);
  const BoardFacts& facts() const { return facts_; }
  const Connection& connection() const { return connection_; }

 private:
  const FoundRuntime* usable(const Probe& probe) const;
  bool must_push(const FoundRuntime* runtime) const;
  void use_runtime(const FoundRuntime& runtime);
  void push_runtime();
  [[noreturn]] void no_runtime(const Probe& probe) const;
  std::string program() const;  // start of a command of hrt_model_exec
  void send_inputs(std::span<const Tensor> inputs);
  void infer(const std::string& model_name, size_t inputs, bool all_tensors);
  void fetch(const std::string& folder);
  CommandResult run_program(const std::string& words, const std::string& what, double limit);
  std::string version_advice() const;
  static std::string plugin_advice(const CommandResult& result);
  void tell(const std::function<void(const std::string&)>& to, const std::string& sentence) const {
    if (to) to(sentence);
  }

  BoardOptions options_;
  SteadyConnection connection_;
  BoardFacts facts_;
  Lease lease_;
  std::optional<Store> store_;
  bool loaded_ = false;
};

Board::Work::Work(std::unique_ptr<Connection> connection, BoardOptions options)
    : options_(std::move(options)), connection_(std::move(connection)) {
  if (options_.push_runtime && options_.runtime_file.empty())
    fail(ErrorCode::usage, "there is no static hrt_model_exec to send to the board {}; name the file",
         connection_.name());
  const double start = now();
  const CommandResult answer = connection_.run(probe_script(options_));
  const Probe probe = parse_probe(answer.out, (start + now()) / 2);
  facts_ = probe.facts;
  facts_.address = connection_.name();
  const FoundRuntime* runtime = usable(probe);
  const bool push = must_push(runtime);
  if (!runtime && !push) no_runtime(probe);
  const Place place = choose_place(probe.places, push, connection_.name());
  facts_.folder = place.path;
  facts_.free_bytes = place.free_bytes;
  if (std::abs(facts_.clock_difference) > kClockSkew)
    tell(options_.warn,
         fmt::format("the clock of the board {} is {} {} this machine's; results do not depend on it",
                     connection_.name(), duration_text(std::abs(facts_.clock_difference)),
                     facts_.clock_difference < 0 ? "behind" : "ahead of"));
  lease_ = take_lease(connection_, place.path, options_.timeout);
  store_.emplace(
      connection_, lease_,
      StoreOptions{.keep = options_.keep_cache, .progress = options_.progress, .info = options_.info});
  if (push)
    push_runtime();
  else
    use_runtime(*runtime);
}

const FoundRuntime* Board::Work::usable(const Probe& probe) const {
  for (const FoundRuntime& runtime : probe.runtimes)
    if (!runtime.version.empty() && runtime.path.starts_with('/')) return &runtime;
  return nullptr;
}

bool Board::Work::must_push(const FoundRuntime* runtime) const {
  return options_.push_runtime && (!runtime || runtime->version != OPENHB_VERSION);
}

void Board::Work::no_runtime(const Probe& probe) const {
  const std::string machine = machine_of(facts_.architecture);
  if (machine != "aarch64" && machine != "x86_64")
    fail(ErrorCode::board_unsuitable,
         "the board {} is {}; models run on aarch64 (and on x86_64, in the simulator)", connection_.name(),
         facts_.architecture);
  std::string found;
  for (const FoundRuntime& runtime : probe.runtimes) {
    const CommandResult result{.status = runtime.status, .signal = "", .out = "", .err = runtime.answer};
    found += fmt::format("; '{}' {}", printable(runtime.path, 200),
                         runtime.status == 0 ? "is not OpenHB's, it answers: " + runtime.answer
                                             : "does not run there: " + failure_text(result));
  }
  if (found.empty() && !options_.runtime.empty())
    found = fmt::format("; there is no file '{}'", options_.runtime);
  fail(ErrorCode::board_unsuitable, "the board {} ({}) has no hrt_model_exec that can be used{}; {}",
       connection_.name(), facts_.architecture, found, kInstall);
}

void Board::Work::use_runtime(const FoundRuntime& runtime) {
  facts_.runtime = runtime.path;
  facts_.runtime_version = runtime.version;
  if (runtime.version != OPENHB_VERSION)
    tell(options_.warn,
         fmt::format("the runtime of the board {} is version {}, this machine's {}: differences may "
                     "come from that",
                     connection_.name(), runtime.version, OPENHB_VERSION));
}

void Board::Work::push_runtime() {
  const std::string& file = options_.runtime_file;
  const std::string machine = elf_machine(MappedFile::open(file)->bytes());
  if (machine.empty())
    fail(ErrorCode::board_unsuitable,
         "'{}' is no program for Linux, the board {} needs a static hrt_model_exec", file,
         connection_.name());
  if (machine != machine_of(facts_.architecture))
    fail(ErrorCode::board_unsuitable,
         "'{}' is a program for {}, the board {} is {}; send the static hrt_model_exec that was built for it",
         file, machine, connection_.name(), facts_.architecture);
  store_->bring(file, kRuntime);
  facts_.runtime = lease_.folder + "/" + kRuntime;
  facts_.runtime_pushed = true;
  const CommandResult result = connection_.run(program() + " --version");
  if (!result.ok())
    fail(ErrorCode::board_unsuitable, "'{}' does not run on the board {}: {}", file, connection_.name(),
         failure_text(result));
  const size_t start = result.out.find("hrt_model_exec ");
  facts_.runtime_version =
      start == std::string::npos ? "" : runtime_version(std::string_view(result.out).substr(start));
  if (facts_.runtime_version.empty())
    fail(ErrorCode::board_unsuitable,
         "'{}' is not OpenHB's hrt_model_exec: asked for its version on the board {} "
         "it said: {}",
         file, connection_.name(), printable(result.out, 200));
}

std::string Board::Work::program() const {
  std::string command = lease_.enter();
  if (!options_.plugins.empty())
    command += fmt::format("export {}={}\n", kPluginPath, shell_quoted(options_.plugins));
  return command + "ulimit -c 0 2>/dev/null\nexec " + shell_quoted(facts_.runtime);
}

std::string Board::Work::version_advice() const {
  if (facts_.runtime_version == OPENHB_VERSION) return "";
  return fmt::format(
      ". The runtime there is version {}, this machine's {}: install the package of this version on "
      "the board, or use --push-runtime",
      facts_.runtime_version, OPENHB_VERSION);
}

// Whoever used this machine's plug-ins must learn that the board has its own.
std::string Board::Work::plugin_advice(const CommandResult& result) {
  if (result.err.find(kPluginPath) == std::string::npos) return "";
  return ". On the board plug-ins are looked for in the folder that --board-plugins names; a program that is "
         "linked statically, as the one that --push-runtime sends, cannot load plug-ins: install the board's "
         "package (docs/board.md)";
}

void Board::Work::load(const std::string& model_file) {
  read_programs(model_file);  // it is a model
  loaded_ = false;
  store_->bring(model_file, kModel);
  const CommandResult result =
      run_program(fmt::format("model_info --model_file={} --quiet", kModel),
                  fmt::format("loading '{}'", model_file), std::max(options_.run_timeout, kLoading));
  if (!result.ok())
    fail(ErrorCode::board_unsuitable, "the runtime of the board {} cannot load '{}': {}{}{}",
         connection_.name(), model_file, failure_text(result), version_advice(), plugin_advice(result));
  loaded_ = true;
}

// What it prints is dropped. `what` was done, for the message when it takes longer than `limit` seconds.
CommandResult Board::Work::run_program(const std::string& words, const std::string& what, double limit) {
  CommandOptions command;
  command.limit = limit;
  try {
    return connection_.run(fmt::format("{} {} >/dev/null", program(), words), command);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::board_timeout) throw;
    fail(ErrorCode::board_timeout, "{} on the board {}: {} (it may take {:g} s)", what, connection_.name(),
         e.what(), limit);
  }
}

void Board::Work::send_inputs(std::span<const Tensor> inputs) {
  std::vector<std::byte> joined;
  CommandOptions command;
  std::string script = "rm -rf dump in*.bin\n";
  if (inputs.size() == 1) {
    command.input = inputs[0].bytes();
    script += "cat >in0.bin";
  } else {
    for (const Tensor& input : inputs)
      joined.insert(joined.end(), input.bytes().begin(), input.bytes().end());
    command.input = joined;
    script += "cat >inputs && " + cut_script(inputs);
  }
  const uint64_t size = command.input.size();
  uint64_t shown = 0;
  report::Progress bar("sending inputs", "KiB", options_.progress ? size >> 10 : 0);
  command.progress = [&](uint64_t sent, uint64_t) {
    if (sent >> 10 > shown) bar.advance((sent >> 10) - shown);
    shown = std::max(shown, sent >> 10);
  };
  // Inputs that were cut short are noticed by the program, which knows their sizes.
  require_success(connection_.run(lease_.enter() + script, command), connection_.name(),
                  fmt::format("writing the inputs ({}) to {}", size_text(size), lease_.folder));
}

void Board::Work::infer(const std::string& model_name, size_t inputs, bool all_tensors) {
  std::string line = fmt::format(
      "infer --model_file={} --quiet --frame_count=0 --enable_dump=true --dump_path=dump", kModel);
  if (!model_name.empty()) line += " --model_name=" + shell_quoted(model_name);
  if (all_tensors) line += " --dump_intermediate=1";
  if (!options_.arguments.empty()) line += " " + options_.arguments;
  for (size_t i = 0; i < inputs; ++i) line += fmt::format("{}in{}.bin", i == 0 ? " --input_file=" : ",", i);
  const CommandResult result = run_program(line, "running the model", options_.run_timeout);
  if (result.ok()) return;
  const bool killed = result.signal == "KILL" || result.status == 128 + 9;
  fail(failure_code(result), "running the model on the board {} failed: {}{}", connection_.name(),
       failure_text(result),
       killed && facts_.memory_bytes > 0
           ? fmt::format("; the board has {} of memory", size_text(facts_.memory_bytes))
           : "");
}

void Board::Work::fetch(const std::string& folder) {
  FolderReceiver receiver(folder, "the board " + connection_.name());
  std::unique_ptr<report::Progress> bar;
  uint64_t shown = 0;
  CommandOptions command;
  command.sink = [&](std::span<const std::byte> bytes) {
    receiver.take(bytes);
    if (!bar && options_.progress && receiver.total() > 0)
      bar = std::make_unique<report::Progress>("fetching results", "KiB", receiver.total() >> 10);
    if (bar && receiver.received() >> 10 > shown) bar->advance((receiver.received() >> 10) - shown);
    shown = receiver.received() >> 10;
  };
  require_success(
      connection_.run(lease_.enter() + "cd dump || exit 125\n" + std::string(kSendFolder), command),
      connection_.name(), "fetching the results");
  receiver.finish();
}

void Board::Work::run(const std::string& model_name, std::span<const Tensor> inputs, bool all_tensors,
                      const std::string& folder) {
  if (!loaded_) fail(ErrorCode::internal, "no model is loaded on the board {}", connection_.name());
  send_inputs(inputs);
  infer(model_name, inputs.size(), all_tensors);
  fetch(folder);
}

Board::Board(std::unique_ptr<Connection> connection, BoardOptions options)
    : work_(std::make_unique<Work>(std::move(connection), std::move(options))) {}
Board::~Board() = default;
const BoardFacts& Board::facts() const { return work_->facts(); }
void Board::load(const std::string& model_file) { work_->load(model_file); }
void Board::run(const std::string& model_name, std::span<const Tensor> inputs, bool all_tensors,
                const std::string& folder) {
  work_->run(model_name, inputs, all_tensors, folder);
}
uint64_t Board::bytes_sent() const { return work_->connection().bytes_sent(); }
uint64_t Board::bytes_received() const { return work_->connection().bytes_received(); }

}  // namespace openhb::verify
