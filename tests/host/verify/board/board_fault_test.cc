// SPDX-License-Identifier: Apache-2.0
// Board over a shell of this machine: what goes wrong, what the user is told, and that nothing is left.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "common/error.h"
#include "common/io/file.h"
#include "common/io/interrupt.h"
#include "host/verify/board/board.h"
#include "tests/host/verify/board/local_board.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;
using openhb::testing::LocalBoard;

const std::string kVersion =
    "case $1 in --version) echo 'hrt_model_exec " OPENHB_VERSION " (OpenHB), libdnn';;";

class BoardFault : public ::testing::TestWithParam<std::string> {
 protected:
  // The error's code and words; and no folder of results.
  void expect_error(ErrorCode code, const std::vector<std::string_view>& words,
                    const std::function<void()>& act) {
    try {
      act();
      ADD_FAILURE() << "no error";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.text();
      for (const std::string_view word : words)
        EXPECT_TRUE(std::string_view(e.what()).contains(word)) << "no '" << word << "' in: " << e.text();
    }
    for (const auto& entry : fs::directory_iterator(here_.local("")))
      EXPECT_EQ(entry.path().extension(), ".bin") << "left behind: " << entry.path();
  }
  void connect() { Board(here_.connect(), here_.options()); }
  void run() {
    Board board(here_.connect(), here_.options());
    board.load(here_.model());
    const Tensor input = LocalBoard::input();
    board.run("", {&input, 1}, true, here_.local("out"));
  }
  void set_infer(const std::string& script) { here_.set_runtime(kVersion + " infer) " + script + ";; esac"); }

  LocalBoard here_{GetParam()};
};

// Tests with other tools on the board: this busybox's shell does not look for them.
class BoardTools : public BoardFault {
 protected:
  void SetUp() override {
    if (GetParam() == "busybox") GTEST_SKIP() << "its tools cannot be replaced";
  }
};

TEST_P(BoardFault, NoRuntime) {
  here_.set_runtime("");
  expect_error(ErrorCode::board_unsuitable, {"has no hrt_model_exec", "--push-runtime"}, [&] { connect(); });
  here_.set_runtime("echo hrt_model_exec version 1.9");
  expect_error(ErrorCode::board_unsuitable, {"is not OpenHB's", "version 1.9"}, [&] { connect(); });
  here_.set_runtime("echo bad option >&2; exit 4");
  expect_error(ErrorCode::board_unsuitable, {"exit status 4", "bad option"}, [&] { connect(); });
  here_.set_runtime("kill -SEGV $$");
  expect_error(ErrorCode::board_unsuitable, {"does not run there", "SEGV"}, [&] { connect(); });
  BoardOptions options = here_.options();
  options.runtime = "/nowhere/hrt_model_exec";
  expect_error(ErrorCode::board_unsuitable, {"no file '/nowhere/hrt_model_exec'"},
               [&] { Board(here_.connect(), options); });
  EXPECT_TRUE(fs::is_empty(here_.data()));
}

TEST_P(BoardTools, WrongArchitecture) {
  here_.set_runtime("");
  here_.add_program("uname", "case $1 in -m) echo armv7l;; *) echo 4.9;; esac");
  expect_error(ErrorCode::board_unsuitable, {"is armv7l", "aarch64"}, [&] { connect(); });
  here_.add_program("uname", "case $1 in -m) echo aarch64;; *) echo 4.9;; esac");
  BoardOptions options = here_.options();
  options.push_runtime = true;
  options.runtime_file = OPENHB_HRT_MODEL_EXEC;
  expect_error(ErrorCode::board_unsuitable, {"a program for x86_64", "is aarch64"},
               [&] { Board(here_.connect(), options); });
  options.runtime_file = here_.model();
  expect_error(ErrorCode::board_unsuitable, {"is no program"}, [&] { Board(here_.connect(), options); });
  options.runtime_file = here_.local("missing");
  expect_error(ErrorCode::file_missing, {}, [&] { Board(here_.connect(), options); });
  EXPECT_TRUE(here_.cache().empty());
}

TEST_P(BoardFault, FileForAnotherMachine) {
  std::ofstream(here_.local("static.bin"), std::ios::binary)
      << read_text_file(OPENHB_HRT_MODEL_EXEC).substr(0, 5000);
  BoardOptions options = here_.options();
  options.push_runtime = true;
  options.runtime_file = here_.local("static.bin");
  here_.set_runtime("");
  expect_error(ErrorCode::board_unsuitable, {"does not run on the board"},
               [&] { Board(here_.connect(), options); });
}

TEST_P(BoardFault, FoldersThatCannotBeUsed) {
  BoardOptions options = here_.options();
  options.folder = here_.data() + "/nowhere";
  expect_error(ErrorCode::board_storage, {"nowhere", "no such folder", "--board-dir"},
               [&] { Board(here_.connect(), options); });
  options.folder = "/proc";
  expect_error(ErrorCode::board_storage, {"/proc"}, [&] { Board(here_.connect(), options); });
  fs::create_directory(here_.data() + "/real");
  fs::create_symlink(here_.data() + "/real", here_.data() + "/.openhb");
  expect_error(ErrorCode::board_storage, {"belongs to somebody else"}, [&] { connect(); });
  fs::remove(here_.data() + "/.openhb");
}

TEST_P(BoardTools, DiskFull) {
  here_.add_program("df", "echo head; echo '/dev/full 1000 1000 4 100% /data'");
  expect_error(ErrorCode::board_storage, {"needs 25", "4.0 KiB free", "--board-dir"}, [&] { run(); });
  here_.expect_clean();
  fs::remove(here_.data() + "/../tools/df");
  // It becomes full while the model is sent; only there `cat` has no arguments.
  here_.add_program(
      "cat",
      "[ $# != 0 ] || { head -c 100; echo 'cat: write error: No space left on device' >&2; exit 1; }\n"
      "exec /bin/cat \"$@\"");
  expect_error(ErrorCode::board_storage, {"sending", "No space left on device"}, [&] { run(); });
  EXPECT_TRUE(here_.cache().empty());
  fs::remove(here_.data() + "/../tools/cat");
  set_infer(
      "mkdir dump; echo half >dump/y.bin; echo 'OHB-0102: cannot write: No space left on device' >&2; exit "
      "1");
  expect_error(ErrorCode::board_storage, {"running the model", "OHB-0102"}, [&] { run(); });
}

TEST_P(BoardTools, SilentlyShortUpload) {
  here_.add_program("cat", "[ $# != 0 ] || exec head -c 100\nexec /bin/cat \"$@\"");
  expect_error(ErrorCode::board_command, {"it has 100 bytes instead of"}, [&] { run(); });
  EXPECT_TRUE(here_.cache().empty());
}

TEST_P(BoardFault, ModelThatTheRuntimeCannotRead) {
  here_.set_runtime(
      "case $1 in --version) echo 'hrt_model_exec 0.0.1 (OpenHB), libdnn';;"
      " *) echo 'OHB-0501: format 1.0 is newer than this runtime' >&2; exit 1;; esac");
  expect_error(ErrorCode::board_unsuitable, {"OHB-0501", "version 0.0.1", "--push-runtime"}, [&] { run(); });
  expect_error(ErrorCode::file_missing, {"nothing.bin"},
               [&] { Board(here_.connect(), here_.options()).load(here_.local("nothing.bin")); });
  std::ofstream(here_.local("noise.bin")) << "noise";
  expect_error(ErrorCode::program_format, {},
               [&] { Board(here_.connect(), here_.options()).load(here_.local("noise.bin")); });
}

TEST_P(BoardFault, ProgramsThatFail) {
  set_infer("echo 'OHB-0403: no' >&2; exit 1");
  expect_error(ErrorCode::board_command, {"exit status 1", "OHB-0403: no"}, [&] { run(); });
  set_infer("kill -SEGV $$");
  expect_error(ErrorCode::board_command, {"signal SEGV", "crashed"}, [&] { run(); });
  set_infer("kill -KILL $$");
  expect_error(ErrorCode::board_command, {"signal KILL", "memory", "the board has"}, [&] { run(); });
  set_infer("rm -f in0.bin; sh -c 'kill -ILL $$'; exit $?");
  expect_error(ErrorCode::board_command, {"ILL", "instruction"}, [&] { run(); });
  set_infer("exec /nowhere/libexec");
  expect_error(ErrorCode::board_command, {"exit status 127"}, [&] { run(); });
  set_infer(":");
  expect_error(ErrorCode::board_command, {"exit status 125"}, [&] { run(); });
  set_infer("i=0; while [ $i -lt 20000 ]; do echo xxxxxxxxxxxxxxxxx >&2; i=$((i+1)); done; exit 7");
  expect_error(ErrorCode::board_command, {"exit status 7"}, [&] { run(); });
}

TEST_P(BoardFault, HostileResults) {
  const std::string index =
      "printf '{\"tensors\": [{\"files\": [\"%s\"], \"dtype\": \"uint8\", \"shape\": [%s]}]}' ";
  set_infer("mkdir dump; echo x >dump/out.bin; " + index + "../../etc/passwd 2 >dump/dump_index.json");
  expect_error(ErrorCode::board_command, {"did not come"}, [&] { run(); });
  set_infer("mkdir dump; echo x >dump/out.bin; " + index + "out.bin 3 >dump/dump_index.json");
  expect_error(ErrorCode::board_command, {"has 2 bytes, its tensor 3"}, [&] { run(); });
  set_infer("mkdir dump; echo x >dump/out.bin");
  expect_error(ErrorCode::board_command, {"no dump_index.json"}, [&] { run(); });
  set_infer("mkdir -p dump/deep; echo x >dump/deep/out.bin");
  expect_error(ErrorCode::board_command, {"is called"}, [&] { run(); });
}

TEST_P(BoardTools, ResultsThatFitNowhere) {
  set_infer("mkdir dump; echo x >dump/out.bin");
  Board board(here_.connect(), here_.options());
  board.load(here_.model());
  here_.add_program("wc", "echo '100000000000000 ./out.bin'");
  const Tensor input = LocalBoard::input();
  expect_error(ErrorCode::file_unwritable, {"free"},
               [&] { board.run("", {&input, 1}, true, here_.local("out")); });
}

TEST_P(BoardFault, LoginScriptThatPrints) {
  here_.login_script = "echo Welcome";
  expect_error(ErrorCode::board_unsuitable, {"'Welcome'", "login script"}, [&] { connect(); });
}

TEST_P(BoardTools, EndlessAnswers) {
  here_.add_program("uname", "exec yes");
  here_.timeout = 60;
  expect_error(ErrorCode::board_command, {}, [&] { connect(); });
}

TEST_P(BoardFault, ProgramThatHangs) {
  set_infer("sleep 1000");
  BoardOptions options = here_.options();
  options.run_timeout = 1;
  expect_error(ErrorCode::board_timeout, {"running the model", "1 s"}, [&] {
    Board board(here_.connect(), options);
    board.load(here_.model());
    const Tensor input = LocalBoard::input();
    board.run("", {&input, 1}, true, here_.local("out"));
  });
  here_.expect_clean();
}

TEST_P(BoardFault, ConnectionIsLostWhileSending) {
  here_.faults->cut_after = 50;
  expect_error(ErrorCode::board_lost, {}, [&] { run(); });
  here_.expect_clean();
  EXPECT_TRUE(here_.cache().empty());
}

TEST_P(BoardFault, ConnectionIsLostInARun) {
  set_infer("echo started; sleep 1000");
  here_.faults->cut_at_command = 6;
  expect_error(ErrorCode::board_lost, {}, [&] { run(); });
  EXPECT_TRUE(here_.faults->commands().back().contains(" infer ")) << here_.faults->commands().back();
  here_.expect_clean();
}

// Nobody tells the board: it misses the heartbeats.
TEST_P(BoardFault, ConnectionIsLostSilently) {
  set_infer("echo started; sleep 1000");
  here_.faults->cut_at_command = 6;
  here_.faults->silent = true;
  BoardOptions options = here_.options();
  options.timeout = 2;  // after twice that the board gives up
  Board board(here_.connect(), options);
  board.load(here_.model());
  const Tensor input = LocalBoard::input();
  expect_error(ErrorCode::board_lost, {}, [&] { board.run("", {&input, 1}, true, here_.local("out")); });
  here_.expect_clean();  // while the end of the connection is still open
}

TEST_P(BoardFault, InterruptedRun) {
  set_infer("sleep 1000");
  Board board(here_.connect(), here_.options());
  board.load(here_.model());
  const Tensor input = LocalBoard::input();
  std::jthread user([&] {
    while (here_.faults->commands().empty() || !openhb::testing::processes_with(here_.data()).size())
      usleep(1000);
    usleep(300'000);
    mark_interrupted(SIGINT);
  });
  EXPECT_THROW(board.run("", {&input, 1}, true, here_.local("out")), Interrupted);
  user.join();
  mark_interrupted(0);
  EXPECT_FALSE(fs::exists(here_.local("out")));
}

TEST_P(BoardFault, LeftoversOfARunWhoseScriptDied) {
  const fs::path base = here_.data() + "/.openhb", gone = base / "run-999999999-abc";
  fs::create_directories(gone);
  fs::create_directories(base / fmt::format("run-{}-abc", getpid()));  // a process that is no such script
  std::jthread program(
      [&] { std::ignore = std::system(fmt::format("cd {} && exec sleep 1000", gone.string()).c_str()); });
  while (std::system(fmt::format("ls -l /proc/*/cwd 2>&1 | grep -q {}", gone.string()).c_str()) != 0)
    usleep(1000);
  Board alive(here_.connect(), here_.options());
  EXPECT_EQ(here_.runs().size(), 1u);
  program.join();
  Board second(here_.connect(), here_.options());
  EXPECT_EQ(here_.runs().size(), 2u) << "a run that is alive is left alone";
  alive.load(here_.model());
}

INSTANTIATE_TEST_SUITE_P(Shells, BoardTools, ::testing::ValuesIn(openhb::testing::local_shells()),
                         [](const auto& info) { return info.param; });
INSTANTIATE_TEST_SUITE_P(Shells, BoardFault, ::testing::ValuesIn(openhb::testing::local_shells()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace openhb::verify
