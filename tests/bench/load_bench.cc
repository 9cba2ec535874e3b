// SPDX-License-Identifier: Apache-2.0
// What loading costs: load_bench MODEL.bin... prints for each file the time to load it when it is not in the
// system's cache (cold) and when it is (warm), the time for the first handle (arena, kernels), the time of a
// run, from submitting to the start on an idle core, and what another load of the same file, with a handle,
// takes beside the arena.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "dnn/hb_dnn.h"
#include "dnn/openhb_ext.h"

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

void check(int32_t status) {
  if (status != 0) throw std::runtime_error(openhbGetLastError());
}

// Memory that only this process has and that is there (not only asked for).
double private_kib() {
  ::malloc_trim(0);
  std::FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  double kib = 0;
  char line[256];
  while (file && std::fgets(line, sizeof line, file))
    if (std::strncmp(line, "Private_Dirty:", 14) == 0) kib = std::atof(line + 14);
  if (file) std::fclose(file);
  return kib;
}

void forget(const char* path) {
  const int file = ::open(path, O_RDONLY);
  if (file < 0) return;
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

struct Loaded {
  hbPackedDNNHandle_t packed = nullptr;
  hbDNNHandle_t model = nullptr;
  double load_ms = 0, handle_ms = 0;
};

Loaded load(const char* path) {
  Loaded l;
  auto start = Clock::now();
  check(hbDNNInitializeFromFiles(&l.packed, &path, 1));
  l.load_ms = ms_since(start);
  const char** names = nullptr;
  int32_t count = 0;
  check(hbDNNGetModelNameList(&names, &count, l.packed));
  start = Clock::now();
  check(hbDNNGetModelHandle(&l.model, l.packed, names[0]));
  l.handle_ms = ms_since(start);
  return l;
}

std::vector<hbDNNTensor> tensors(hbDNNHandle_t model, bool inputs) {
  int32_t count = 0;
  check((inputs ? hbDNNGetInputCount : hbDNNGetOutputCount)(&count, model));
  std::vector<hbDNNTensor> all(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    hbDNNTensor& t = all[static_cast<size_t>(i)];
    check((inputs ? hbDNNGetInputTensorProperties : hbDNNGetOutputTensorProperties)(&t.properties, model, i));
    check(hbSysAllocCachedMem(&t.sysMem[0], static_cast<uint32_t>(t.properties.alignedByteSize)));
    check(hbSysFlushMem(&t.sysMem[0], HB_SYS_MEM_CACHE_CLEAN));
  }
  return all;
}

void measure(const char* path) {
  forget(path);
  const Loaded cold = load(path);
  check(hbDNNRelease(cold.packed));
  std::vector<double> warm, handle;
  for (int i = 0; i < 31; ++i) {
    const Loaded l = load(path);
    warm.push_back(l.load_ms), handle.push_back(l.handle_ms);
    check(hbDNNRelease(l.packed));
  }
  const Loaded l = load(path);
  auto in = tensors(l.model, true), out = tensors(l.model, false);
  std::vector<double> pending, run;
  for (int i = 0; i < 30; ++i) {
    hbDNNInferCtrlParam control;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
    hbDNNTaskHandle_t task = nullptr;
    hbDNNTensor* output = out.data();
    check(hbDNNInfer(&task, &output, in.data(), l.model, &control));
    check(hbDNNWaitTaskDone(task, 0));
    openhbTaskTimes times{};
    times.structSize = sizeof times;
    check(openhbGetTaskTimes(&times, task));
    check(hbDNNReleaseTask(task));
    if (i < 5) continue;
    pending.push_back(static_cast<double>(times.pendingNs) / 1000);
    run.push_back(static_cast<double>(times.runningNs) / 1e6);
  }
  constexpr int kMore = 8;
  Loaded more[kMore];
  const double before = private_kib();
  for (Loaded& m : more) m = load(path);
  const double each = (private_kib() - before) / kMore;
  openhbModelMemory memory{};
  memory.structSize = sizeof memory;
  check(openhbGetModelMemory(&memory, l.model));
  const char* name = std::strrchr(path, '/');
  std::printf("%-34s %8.2f %8.2f %8.2f %9.3f %9.1f %10.0f %10.0f %10.0f\n", name ? name + 1 : path,
              cold.load_ms, median(warm), median(handle), median(run), median(pending),
              static_cast<double>(memory.weightBytes) / 1024, static_cast<double>(memory.arenaBytes) / 1024,
              each - static_cast<double>(memory.arenaBytes) / 1024);
  for (const Loaded& m : more) check(hbDNNRelease(m.packed));
  for (auto* list : {&in, &out})
    for (hbDNNTensor& t : *list) check(hbSysFreeMem(&t.sysMem[0]));
  check(hbDNNRelease(l.packed));
}

}  // namespace

int main(int argc, char** argv) {
  // Large blocks go back to the system at once: else later ones would lie in memory that is there already.
  ::mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  std::printf("%-34s %8s %8s %8s %9s %9s %10s %10s %10s\n", "file", "cold ms", "warm ms", "handle", "run ms",
              "start us", "weight KiB", "arena KiB", "+KiB/load");
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    try {
      measure(argv[i]);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s: %s\n", argv[i], e.what());
      ++failures;
    }
  }
  return failures ? 1 : 0;
}
