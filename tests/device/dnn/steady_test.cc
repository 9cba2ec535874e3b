// SPDX-License-Identifier: Apache-2.0
// One task at a time, again and again, after some to warm up: no memory is asked for, no mutex locked, no
// system call made. The last is counted by a tracing parent process.
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <thread>

#include "tests/device/dnn/hooks.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define OPENHB_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define OPENHB_SANITIZED 1
#endif
#endif
#ifndef OPENHB_SANITIZED
#define OPENHB_SANITIZED 0
#endif

namespace openhb::testing {
namespace {

// A thread that is put aside by the system for longer than the library stays awake makes others sleep. The
// runs are therefore counted in groups, and a group that nobody disturbed must be without a single call.
constexpr int kGroups = 400, kRuns = 20;

bool run_times(Tensors& tensors, int times) {
  for (int i = 0; i < times; ++i) {
    hbDNNTaskHandle_t task = nullptr;
    if (tensors.submit(&task, control_parameters()) != 0 || hbDNNWaitTaskDone(task, 0) != 0 ||
        hbDNNReleaseTask(task) != 0)
      return false;
  }
  return true;
}

std::vector<Program> models() {
  return {small_network(), float_network(), quantized_network(), nv12_network(InputSource::pyramid)};
}

TEST(Steady, NeitherMemoryNorLocks) {
  const ModelFolder folder("steady");
  for (const Program& program : models()) {
    SCOPED_TRACE(program.name);
    const Pack pack({folder.add(program)});
    Tensors tensors(pack.model(program.name), 1);
    if (program.name == "nv12_pyramid") {  // planes apart, too
      hbDNNTensor& input = tensors.inputs[0];
      input.properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
      input.sysMem[1] = input.sysMem[0];
    }
    ASSERT_TRUE(run_times(tensors, 50)) << openhbGetLastError();
    const hooks::Counts before = hooks::counts();
    ASSERT_TRUE(run_times(tensors, kGroups * kRuns)) << openhbGetLastError();
    const hooks::Counts after = hooks::counts();
    EXPECT_EQ(after.allocations - before.allocations, 0u);
    EXPECT_EQ(after.locks - before.locks, 0u);
    EXPECT_EQ(after.threads - before.threads, 0u);
  }
}

// Calls that do not exist: they stand for the start and the end of a group.
constexpr long kBegin = 100001, kEnd = 100002;

// Of the child, from here on; waits until the parent traces it.
[[noreturn]] void run_as_child(const std::string& file) {
  const Pack pack({file});
  Tensors tensors(pack.model("small_network"), 1);
  if (!run_times(tensors, 200)) ::_exit(1);
  for (int i = 0; i < kGroups; ++i) {
    ::syscall(kBegin);
    if (!run_times(tensors, kRuns)) ::_exit(1);
    ::syscall(kEnd);
  }
  ::_exit(0);
}

struct Trace {
  std::vector<int> groups;        // calls in each
  std::map<uint64_t, int> calls;  // by number, all groups
  int exit_status = -1;
  std::string not_possible;
};

// Follows the child and all its threads.
Trace trace(pid_t child) {
  Trace result;
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
    if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
    return result;
  }
  if (::ptrace(PTRACE_SETOPTIONS, child, nullptr,
               reinterpret_cast<void*>(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) !=
      0) {
    result.not_possible = std::string("PTRACE_SETOPTIONS: ") + std::strerror(errno);
    return result;
  }
  const auto go_on = [](pid_t thread, int signal) {
    ::ptrace(PTRACE_SYSCALL, thread, nullptr, reinterpret_cast<void*>(static_cast<intptr_t>(signal)));
  };
  go_on(child, 0);
  bool in_group = false;
  for (;;) {
    const pid_t thread = ::waitpid(-1, &status, __WALL);
    if (thread < 0) return result;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread != child) continue;
      result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      return result;
    }
    if (!WIFSTOPPED(status)) continue;
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      const int signal = WSTOPSIG(status);
      go_on(thread, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
      continue;
    }
    __ptrace_syscall_info info = {};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, thread, reinterpret_cast<void*>(sizeof info), &info) <= 0) {
      result.not_possible = std::string("PTRACE_GET_SYSCALL_INFO: ") + std::strerror(errno);
      ::kill(child, SIGKILL);
      return result;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      if (info.entry.nr == kBegin) {
        in_group = true;
        result.groups.push_back(0);
      } else if (info.entry.nr == kEnd) {
        in_group = false;
      } else if (in_group) {
        ++result.groups.back();
        ++result.calls[info.entry.nr];
      }
    }
    go_on(thread, 0);
  }
}

TEST(Steady, NoSystemCalls) {
  if (OPENHB_SANITIZED) GTEST_SKIP() << "sanitizers make calls of their own";
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "with one CPU a thread that waits must sleep";
  const ModelFolder folder("steady_calls");
  const std::string file = folder.add(small_network());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
    ::raise(SIGSTOP);
    run_as_child(file);
  }
  const Trace result = trace(child);
  if (!result.not_possible.empty()) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    GTEST_SKIP() << "cannot trace a process here: " << result.not_possible;
  }
  if (result.exit_status == 77) GTEST_SKIP() << "cannot trace a process here";
  ASSERT_EQ(result.exit_status, 0);
  ASSERT_EQ(result.groups.size(), static_cast<size_t>(kGroups));
  const auto quiet = std::count(result.groups.begin(), result.groups.end(), 0);
  std::printf("%d of %d groups of %d runs without a system call\n", static_cast<int>(quiet), kGroups, kRuns);
  for (const auto& [number, count] : result.calls)
    std::printf("  call %llu: %d times in the others\n", static_cast<unsigned long long>(number), count);
  EXPECT_GT(quiet, 0);
}

}  // namespace
}  // namespace openhb::testing
