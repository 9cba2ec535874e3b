// SPDX-License-Identifier: Apache-2.0
// Board over a shell of this machine: what works.
#include "host/verify/board/board.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <thread>

#include "common/error.h"
#include "common/io/file.h"
#include "common/program/file.h"
#include "device/plugin/attributes.h"
#include "host/verify/board/steady.h"
#include "host/verify/board/store.h"
#include "tests/device/engine/sample_programs.h"
#include "tests/host/verify/board/local_board.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;
using openhb::testing::LocalBoard;

class BoardTest : public ::testing::TestWithParam<std::string> {
 protected:
  LocalBoard here_{GetParam()};
};

TEST_P(BoardTest, RunsAModel) {
  const std::string model = here_.model();
  const Tensor input = LocalBoard::input();
  uint64_t first = 0;
  {
    Board board(here_.connect(), here_.options());
    const BoardFacts& f = board.facts();
    EXPECT_EQ(f.architecture, "x86_64");
    EXPECT_EQ(f.folder, here_.data());
    EXPECT_GT(f.processors, 0);
    EXPECT_GT(f.memory_bytes, 0u);
    EXPECT_GT(f.free_bytes, 0u);
    EXPECT_FALSE(f.features.empty());
    EXPECT_TRUE(f.libc.starts_with("glibc 2.")) << f.libc;
    EXPECT_LT(std::abs(f.clock_difference), 60);
    EXPECT_TRUE(f.runtime.ends_with("/bin/hrt_model_exec")) << f.runtime;
    EXPECT_EQ(f.runtime_version, OPENHB_VERSION);
    board.load(model);
    board.run("", {&input, 1}, true, here_.local("all"));
    board.run("small", {&input, 1}, false, here_.local("outputs"));
    first = board.bytes_sent();
  }
  EXPECT_EQ(first, fs::file_size(model) + 2 * input.bytes().size());
  EXPECT_TRUE(fs::exists(here_.local("all/dump_index.json")));
  EXPECT_EQ(fs::file_size(here_.local("all/y.bin")), 64u);
  EXPECT_FALSE(fs::exists(here_.local("outputs/y.bin")));
  EXPECT_EQ(read_file(here_.local("all/model_infer_input_0.bin")),
            std::vector<std::byte>(input.bytes().begin(), input.bytes().end()));
  EXPECT_EQ(read_file(here_.local("all/model_infer_output_0.bin")),
            read_file(here_.local("outputs/model_infer_output_0.bin")));
  EXPECT_TRUE(here_.warned.empty()) << here_.warned[0];
  here_.expect_clean();
  // The second time only the input is sent.
  Board board(here_.connect(), here_.options());
  board.load(model);
  board.run("", {&input, 1}, true, here_.local("again"));
  EXPECT_EQ(board.bytes_sent(), input.bytes().size());
  EXPECT_EQ(read_file(here_.local("all/z.bin")), read_file(here_.local("again/z.bin")));
}

TEST_P(BoardTest, SeveralInputs) {
  here_.set_runtime(
      "case $1 in --version) echo 'hrt_model_exec " OPENHB_VERSION
      " (OpenHB), libdnn';; model_info) ;;\n"
      "infer) mkdir dump; cp in1.bin dump/out.bin; [ \"$(cat in0.bin in2.bin)\" = 0123 ] || exit 9\n"
      "case \"$*\" in "
      "*--input_file=in0.bin,in1.bin,in2.bin*--model_name*|*--model_name=\"it's\"*--input_file=in0.bin,in1."
      "bin,in2.bin*);; *) "
      "exit 8;; esac\n"
      "printf '{\"tensors\": [{\"files\": [\"out.bin\"], \"dtype\": \"uint8\", \"shape\": [5]}]}' "
      ">dump/dump_index.json;; esac");
  const auto bytes = [](std::string_view text) {
    return Tensor::from<uint8_t>({static_cast<int64_t>(text.size())},
                                 std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  };
  const std::vector<Tensor> inputs = {bytes("01"), bytes("hello"), bytes("23")};
  Board board(here_.connect(), here_.options());
  board.load(here_.model());
  board.run("it's", inputs, false, here_.local("out"));
  EXPECT_EQ(read_text_file(here_.local("out/out.bin")), "hello");
}

TEST_P(BoardTest, ThePluginPathReachesTheProgram) {
  const auto error = [&](const BoardOptions& options) -> std::string {
    Board board(here_.connect(), options);
    try {
      board.load(here_.model());
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::board_unsuitable);
      return e.what();
    }
    return "no error";
  };
  const std::string script = "case $1 in --version) echo 'hrt_model_exec " OPENHB_VERSION
                             " (OpenHB), libdnn';;\n"
                             "*) echo \"HB_DNN_PLUGIN_PATH=<$HB_DNN_PLUGIN_PATH>\" >&2; exit 1;; esac";
  here_.set_runtime(script);
  BoardOptions options = here_.options();
  options.plugins = "/opt/a b:/$HOME'";
  std::string text = error(options);
  EXPECT_TRUE(text.contains("</opt/a b:/$HOME'>")) << text;
  EXPECT_TRUE(text.contains("--board-plugins")) << text;
  options.plugins = "";
  text = error(options);
  EXPECT_TRUE(text.contains("<>") && text.contains("--board-plugins")) << text;
}

TEST_P(BoardTest, OperatorsOfPlugIns) {
  openhb::testing::ProgramBuilder b("custom");
  const uint32_t x = b.tensor("x", DType::f32, {1, 16}), y = b.tensor("y", DType::f32, {1, 16});
  b.step(CustomParams{"my.ops", "HardMish", openhb::plugin::encode_attributes({}), 0}, {x}, y);
  b.input(x);
  b.output(y);
  const std::string model = here_.local("custom.bin");
  write_program(model, b.finish());
  BoardOptions options = here_.options();
  try {
    Board(here_.connect(), options).load(model);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::board_unsuitable);
    EXPECT_TRUE(std::string_view(e.what()).contains("my.ops::HardMish")) << e.what();
    EXPECT_TRUE(std::string_view(e.what()).contains("--board-plugins")) << e.what();
  }
  options.plugins = "/nowhere:" + fs::path(OPENHB_HARD_MISH).parent_path().string();
  Board board(here_.connect(), options);
  board.load(model);
  const Tensor input = LocalBoard::input();
  board.run("", {&input, 1}, false, here_.local("out"));
  EXPECT_EQ(fs::file_size(here_.local("out/model_infer_output_0.bin")), 64u);
}

TEST_P(BoardTest, DamagedCacheIsSentAgain) {
  const std::string model = here_.model();
  const auto run = [&] {
    Board board(here_.connect(), here_.options());
    board.load(model);
    return board.bytes_sent();
  };
  const uint64_t size = fs::file_size(model);
  EXPECT_EQ(run(), size);
  EXPECT_EQ(run(), 0u);
  ASSERT_EQ(here_.cache().size(), 1u);
  const std::string cached = here_.data() + "/.openhb/cache/" + here_.cache()[0];
  const auto whole = read_file(cached);
  fs::resize_file(cached, size - 1);
  EXPECT_EQ(run(), size);
  std::fstream(cached, std::ios::in | std::ios::out).write("?", 1);
  EXPECT_EQ(run(), size);
  fs::remove(cached);
  fs::create_symlink("/etc/passwd", cached);
  EXPECT_EQ(run(), size);
  EXPECT_FALSE(fs::is_symlink(cached));
  EXPECT_EQ(read_file(cached), whole);
}

TEST_P(BoardTest, WithoutCacheNothingStays) {
  {
    BoardOptions options = here_.options();
    options.keep_cache = false;
    Board board(here_.connect(), options);
    board.load(here_.model());
    const Tensor input = LocalBoard::input();
    board.run("", {&input, 1}, false, here_.local("out"));
  }
  here_.expect_clean();
  EXPECT_TRUE(fs::is_empty(here_.data()));
}

TEST_P(BoardTest, OldFilesLeaveTheCache) {
  const fs::path cache = here_.data() + "/.openhb/cache";
  fs::create_directories(cache);
  const auto add = [&](int i, uint64_t size) {
    const fs::path file = cache / fmt::format("{:032x}", i);
    std::ofstream(file).put('x');
    fs::resize_file(file, size);
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(100 - i));
  };
  for (int i = 0; i < 30; ++i) add(i, 10);
  add(50, kCacheBytes - 5000);  // sparse
  std::ofstream(cache / "not ours").put('x');
  Board board(here_.connect(), here_.options());
  board.load(here_.model());
  // As many as fit beside the large one, which was used last.
  EXPECT_EQ(here_.cache().size(), kCacheFiles + 1) << "and what is not ours";
  EXPECT_FALSE(fs::exists(cache / fmt::format("{:032x}", 11)));
  EXPECT_TRUE(fs::exists(cache / fmt::format("{:032x}", 12)));
  EXPECT_TRUE(fs::exists(cache / fmt::format("{:032x}", 50)));
}

TEST_P(BoardTest, TheStaticProgramIsPushed) {
  here_.set_runtime("");
  BoardOptions options = here_.options();
  options.push_runtime = true;
  options.runtime_file = OPENHB_HRT_MODEL_EXEC;
  const Tensor input = LocalBoard::input();
  uint64_t sent = 0;
  for (const std::string turn : {"first", "second"}) {
    Board board(here_.connect(), options);
    EXPECT_TRUE(board.facts().runtime_pushed);
    EXPECT_EQ(board.facts().runtime_version, OPENHB_VERSION);
    board.load(here_.model());
    board.run("", {&input, 1}, false, here_.local(turn));
    if (turn == "first") sent = board.bytes_sent();
    if (turn == "second") {
      EXPECT_EQ(board.bytes_sent(), input.bytes().size());
    }
  }
  EXPECT_GT(sent, fs::file_size(OPENHB_HRT_MODEL_EXEC));
  // One that is there already is good enough.
  here_.set_runtime("exec " OPENHB_HRT_MODEL_EXEC " \"$@\"");
  EXPECT_FALSE(Board(here_.connect(), options).facts().runtime_pushed);
  // Another version is not, but is used when nothing is to be pushed.
  here_.set_runtime("echo 'hrt_model_exec 0.0.1 (OpenHB), libdnn'");
  EXPECT_TRUE(Board(here_.connect(), options).facts().runtime_pushed);
  EXPECT_TRUE(here_.warned.empty());
  options.push_runtime = false;
  EXPECT_EQ(Board(here_.connect(), options).facts().runtime_version, "0.0.1");
  ASSERT_EQ(here_.warned.size(), 1u);
  EXPECT_TRUE(here_.warned[0].contains("0.0.1")) << here_.warned[0];
}

TEST_P(BoardTest, TwoAtTheSameTime) {
  const std::string model = here_.model();
  const Tensor input = LocalBoard::input();
  LocalBoard* const here = &here_;
  const auto verify = [&](const std::string& name) {
    BoardOptions options = here->options();
    options.info = options.warn = nullptr;
    for (int turn = 0; turn < 3; ++turn) {
      Board board(here->connect(), options);
      board.load(model);
      board.run("", {&input, 1}, true, here->local(fmt::format("{}{}", name, turn)));
    }
  };
  std::future<void> other = std::async(std::launch::async, verify, "other");
  verify("one");
  other.get();
  for (const char* name : {"one1", "one2", "other0", "other1", "other2"})
    EXPECT_EQ(read_file(here_.local(name) + std::string("/z.bin")), read_file(here_.local("one0/z.bin")));
  EXPECT_EQ(here_.cache().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Shells, BoardTest, ::testing::ValuesIn(openhb::testing::local_shells()),
                         [](const auto& info) { return info.param; });

// Counts empty commands; the second one fails.
class CountingConnection final : public Connection {
 public:
  explicit CountingConnection(std::atomic<int>& count) : count_(count) {}
  CommandResult run(const std::string& command, const CommandOptions&) override {
    EXPECT_EQ(command, ":");
    if (++count_ == 2) fail(ErrorCode::board_command, "busy");
    return {.status = 0, .signal = "", .out = "", .err = ""};
  }
  std::string hold(const std::string&, double) override { return ""; }
  std::string name() const override { return ""; }
  uint64_t bytes_sent() const override { return 0; }
  uint64_t bytes_received() const override { return 0; }

 private:
  std::atomic<int>& count_;
};

TEST(SteadyConnection, BeatsWhileNobodyUsesIt) {
  std::atomic<int> count = 0;
  SteadyConnection connection(std::make_unique<CountingConnection>(count));
  connection.hold("", 0.01);
  while (count < 4) std::this_thread::yield();
}

}  // namespace
}  // namespace openhb::verify
