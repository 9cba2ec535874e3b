// SPDX-License-Identifier: Apache-2.0
#include "host/verify/verify.h"

#include <algorithm>
#include <filesystem>
#include <future>
#include <set>

#include "common/io/file.h"
#include "common/io/file_name.h"
#include "common/io/interrupt.h"
#include "device/tools/model_exec/inputs.h"
#include "host/report/progress.h"
#include "host/report/provenance.h"
#include "host/verify/pairs.h"
#include "host/verify/side.h"
#include "host/verify/stages.h"
#include "host/verify/work_folder.h"

namespace openhb::verify {
namespace {

// A side, or why there is none any more.
struct Slot {
  std::string name;
  std::string stage;  // of the conversion
  bool board = false;
  bool reference = false;  // of --stages only: not a side of a pair
  std::unique_ptr<Side> side = {};
  SideInfo last = {};  // when it failed
  std::set<std::string> rows = {};

  bool works() const { return side != nullptr; }
};

struct Pair {
  size_t left, right;
  bool bit_exact;
};

class Verifier {
 public:
  Verifier(const VerifyOptions& options, report::Log& log)
      : options_(options), log_(log), package_(options.binary), model_(package_.select(options.model_name)) {}

  Verification run() {
    check_limits();
    result_.tool = options_.tool;
    result_.version = OPENHB_VERSION;
    result_.model = model_.name;
    result_.digits = options_.digits;
    if (!options_.quantized.empty())
      result_.files.push_back(report::hash_file("quantized model", options_.quantized));
    result_.files.push_back(report::hash_file("compiled model", options_.binary));
    const Samples samples(model_, options_.samples);
    result_.samples = samples.all();
    if (options_.samples.input.empty()) {
      result_.seed = options_.samples.seed;
      log_.info("The input is random, seed {}{}", options_.samples.seed,
                options_.seed_given ? "" : fmt::format("; the same again: --seed {}", options_.samples.seed));
    }
    make_slots();
    make_pairs();
    open_sides();
    {
      report::Progress bar("Verifying", "samples", log_.quiet() ? 0 : samples.all().size());
      for (size_t s = 0; s < samples.all().size(); ++s) {
        check_interrupt();
        keep_room([&] { run_sample(s, samples.load(s)); });
        bar.advance();
      }
    }
    if (options_.stages) analyse();
    finish();
    return std::move(result_);
  }

 private:
  void check_limits() const {
    if (!options_.first_output) return;
    if (package_.names().size() > 1)
      fail(ErrorCode::usage,
           "pack model is not supported: '{}' holds {} models; hb_verifier --model-name takes one",
           options_.binary, package_.names().size());
    if (model_.inputs.size() != 1)
      fail(ErrorCode::usage, "the model has {} inputs, {} is for models of one; use hb_verifier",
           model_.inputs.size(), options_.tool);
  }

  // "Quanti.onnx", or as the older tool writes it.
  std::string onnx_name() const { return options_.first_output ? "Quanti onnx" : "Quanti.onnx"; }

  void make_slots() {
    if (options_.stages) {
      files_ = stage_files(options_.quantized);
      slots_.push_back({.name = "Float", .stage = "float", .reference = true});
      slots_.push_back({.name = "Optimized", .stage = "optimized", .reference = true});
      slots_.push_back({.name = "Calibrated", .stage = "calibrated", .reference = true});
    }
    if (!options_.quantized.empty()) slots_.push_back({.name = onnx_name(), .stage = "quantized"});
    for (const Address& address : options_.boards)
      slots_.push_back({.name = options_.boards.size() == 1 ? "Arm" : "Arm " + address.text(),
                        .stage = "board",
                        .board = true});
    if (options_.simulator) slots_.push_back({.name = "Sim", .stage = "simulator"});
  }

  void make_pairs() {
    std::vector<size_t> boards;
    size_t onnx = slots_.size(), simulator = slots_.size();
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].board) boards.push_back(i);
      if (slots_[i].stage == "quantized") onnx = i;
      if (slots_[i].stage == "simulator") simulator = i;
    }
    const bool all = options_.bit_exact == BitExact::all;
    const bool machines = options_.bit_exact != BitExact::none;
    if (onnx < slots_.size()) {
      for (const size_t b : boards) pairs_.push_back({onnx, b, all});
      if (simulator < slots_.size()) pairs_.push_back({onnx, simulator, all});
    }
    if (simulator < slots_.size())
      for (const size_t b : boards) pairs_.push_back({b, simulator, machines});
    if (pairs_.empty())
      for (size_t i = 1; i < boards.size(); ++i) pairs_.push_back({boards[0], boards[i], machines});
    if (pairs_.empty())
      fail(ErrorCode::usage,
           "there is nothing to compare: give two of a quantized .onnx and a .bin (-m), a board (-b), the "
           "simulator (-s True)");
  }

  // Boards at the same time, the rest meanwhile. With several boards one that fails does not end the others.
  template <class OnBoard, class Here>
  void everywhere(OnBoard on_board, Here here) {
    std::vector<std::pair<size_t, std::future<void>>> running;
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].board && slots_[i].last.error.empty())
        running.emplace_back(i, std::async(std::launch::async, [&, i] { on_board(i); }));
    std::exception_ptr first;
    try {
      for (size_t i = 0; i < slots_.size(); ++i)
        if (!slots_[i].board) check_interrupt(), here(i);
    } catch (...) {
      first = std::current_exception();
    }
    for (auto& [i, one] : running) try {
        one.get();
      } catch (const Error& e) {
        if (options_.boards.size() == 1) {
          if (!first) first = std::current_exception();
          continue;
        }
        Slot& slot = slots_[i];
        if (slot.side) slot.last = slot.side->info();
        slot.last.name = slot.name;
        slot.last.error = e.text();
        slot.side.reset();
        log_.error("{}: {}", slot.name, e.text());
        result_.passed = false;
      } catch (...) {
        if (!first) first = std::current_exception();
      }
    if (first) std::rethrow_exception(first);
  }

  void open_sides() {
    BoardOptions board = options_.board;
    std::string regions;
    for (const hbDNNRoi& r : model_exec::whole_pictures(model_))
      regions += fmt::format("{}{},{},{},{}", regions.empty() ? "" : ";", r.left, r.top, r.right, r.bottom);
    if (!regions.empty()) board.arguments = fmt::format("--roi_infer=true --roi={}", shell_quoted(regions));
    size_t address = 0;
    std::vector<Address> addresses(slots_.size());
    for (size_t i = 0; i < slots_.size(); ++i)
      if (slots_[i].board) addresses[i] = options_.boards[address++];
    everywhere(
        [&](size_t i) {
          slots_[i].side =
              board_side(slots_[i].name, addresses[i], options_.login, board, options_.binary, model_.name);
          log_facts(slots_[i]);
        },
        [&](size_t i) {
          Slot& slot = slots_[i];
          if (slot.stage == "simulator") {
            slot.side = simulator_side(options_.binary, model_.name);
          } else {
            const std::string& file = slot.reference ? files_[i].second : options_.quantized;
            slot.side = onnx_side(slot.name, file, options_.binary, model_.name, options_.threads);
          }
          log_facts(slot);
        });
  }

  void log_facts(const Slot& slot) {
    std::string text;
    for (const auto& [what, fact] : slot.side->info().facts)
      text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", what, fact);
    log_.info("{}: {}", slot.name, text);
  }

  std::string folder(size_t sample, const std::string& side) const {
    std::set<std::string> used;
    const std::string base = options_.dump_folder.empty() ? work_.path() : options_.dump_folder;
    return fmt::format("{}/{}/{}", base, sample, file_stem(side, used));
  }

  void run_sides(size_t s, const std::vector<Tensor>& inputs, bool all, const std::string& suffix) {
    const auto one = [&](size_t i) {
      if (slots_[i].works()) slots_[i].side->run(inputs, all, folder(s, slots_[i].name + suffix));
    };
    ensure_directory(folder(s, "").substr(0, folder(s, "").rfind('/')));
    everywhere(one, one);
  }

  // What to do when there is no room for the tensors of a run.
  template <class Body>
  void keep_room(Body body) const try {
    body();
  } catch (const Error& e) {
    if (e.code() != ErrorCode::file_unwritable || e.text().find(work_.path()) == std::string::npos) throw;
    fail(e.code(),
         "{}; tensors stay there until they are compared{}: set TMPDIR to a folder with more room{}",
         e.what(), options_.stages ? " (with --stages, those of all samples)" : "",
         result_.samples.size() > 1 && options_.stages ? ", or take fewer --samples" : "");
  }

  void run_sample(size_t s, const std::vector<Tensor>& inputs) {
    const bool all = options_.all_tensors || options_.stages;
    if (result_.samples.size() > 1) log_.info("Sample {}: {}", s, result_.samples[s].name);
    run_sides(s, inputs, all, "");
    for (const Pair& pair : pairs_) {
      if (!slots_[pair.left].works() || !slots_[pair.right].works()) continue;
      PairResult compared = compare(s, pair, all, "");
      if (pair.bit_exact && !compared.passed) find_first(s, inputs, pair, all, compared);
      log_pair(compared, options_, log_);
      for (const TensorResult& t : compared.tensors) {
        if (!t.row_left.empty()) slots_[pair.left].rows.insert(t.row_left);
        if (!t.row_right.empty()) slots_[pair.right].rows.insert(t.row_right);
      }
      result_.passed = result_.passed && compared.passed;
      result_.pairs.push_back(std::move(compared));
    }
    std::error_code ignored;
    if (options_.dump_folder.empty() && !options_.stages)
      std::filesystem::remove_all(fmt::format("{}/{}", work_.path(), s), ignored);
  }

  PairResult compare(size_t s, const Pair& pair, bool all, const std::string& suffix) {
    const std::string &left = slots_[pair.left].name, &right = slots_[pair.right].name;
    PairResult compared = compare_dumps(left, folder(s, left + suffix), right, folder(s, right + suffix),
                                        {.digits = options_.digits,
                                         .bit_exact = pair.bit_exact,
                                         .tensors = all,
                                         .first_output = options_.first_output});
    compared.sample = s;
    return compared;
  }

  // Where bits differ first: both sides once more with all tensors, unless they are there.
  void find_first(size_t s, const std::vector<Tensor>& inputs, const Pair& pair, bool all,
                  PairResult& compared) {
    std::string suffix;
    if (!all) {
      suffix = " all";
      const auto again_here = [&](size_t i) {
        if (i == pair.left || i == pair.right)
          slots_[i].side->run(inputs, true, folder(s, slots_[i].name + suffix));
      };
      everywhere(again_here, again_here);
      if (!slots_[pair.left].works() || !slots_[pair.right].works()) return;  // said already
      PairResult again = compare(s, pair, true, suffix);
      if (again.passed) {
        result_.notes.push_back(fmt::format(
            "{} and {} differed on sample {}, but not when it ran again with all tensors: one of them does "
            "not compute the same every time",
            compared.left, compared.right, s));
        log_.warning("{}", result_.notes.back());
        return;
      }
      again.passed = false;
      compared = std::move(again);
    }
    if (options_.reproducer_folder.empty()) return;
    // One per pair: a defect may show on all of a thousand samples.
    if (std::ranges::any_of(result_.pairs, [&](const PairResult& p) {
          return p.left == compared.left && p.right == compared.right && !p.reproducer.empty();
        }))
      return;
    std::vector<std::string> names;
    for (const auto& port : model_.inputs) names.push_back(port.name);
    try {
      compared.reproducer =
          write_reproducer(options_, compared, result_.samples[s], inputs, names,
                           folder(s, compared.left + suffix), folder(s, compared.right + suffix));
    } catch (const Error& e) {  // what was found is worth more than the folder
      result_.notes.push_back(fmt::format("no reproducer was written: {}", e.text()));
      log_.warning("{}", result_.notes.back());
    }
  }

  void analyse() {
    std::vector<StageDumps> dumps;
    for (const Slot& slot : slots_) {
      if (!slot.works()) continue;
      StageDumps one{slot.stage, slot.name, {}};
      for (size_t s = 0; s < result_.samples.size(); ++s) one.folders.push_back(folder(s, slot.name));
      dumps.push_back(std::move(one));
    }
    // A board computes what the simulator does: it comes behind it.
    const auto board = std::ranges::find(dumps, "board", &StageDumps::name);
    if (board != dumps.end() && dumps.back().name == "simulator")
      std::rotate(board, dumps.end() - 1, dumps.end());
    log_.info("Looking for where accuracy is lost, and for what brings it back");
    report::StageProgress bar(!log_.quiet());
    result_.stages = analyse_stages(
        dumps, files_[2].second, files_[3].second,
        [&](const std::string& part, size_t done, size_t total) { bar.show(part, done, total); });
  }

  void finish() {
    for (Slot& slot : slots_) {
      SideInfo info = slot.side ? slot.side->info() : slot.last;
      info.rows.assign(slot.rows.begin(), slot.rows.end());
      result_.sides.push_back(std::move(info));
    }
    if (result_.pairs.empty()) result_.passed = false;
  }

  const VerifyOptions& options_;
  report::Log& log_;
  WorkFolder work_;
  model_exec::Package package_;
  model_exec::ModelHandle model_;
  std::vector<std::pair<std::string, std::string>> files_;  // of --stages
  std::vector<Slot> slots_;
  std::vector<Pair> pairs_;
  Verification result_;
};

}  // namespace

Verification verify(const VerifyOptions& options, report::Log& log) {
  Verifier verifier(options, log);
  try {
    return verifier.run();
  } catch (const Interrupted&) {
    log.info("Interrupted: removing the tensors of this run");  // of large networks seconds
    throw;
  }
}

}  // namespace openhb::verify
