// SPDX-License-Identifier: Apache-2.0
#include "device/engine/cpu.h"

#include <cstdlib>

#include "common/error.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace openhb {
namespace {

struct Level {
  std::string_view name;
  CpuFeatures features;  // its own and those of the levels below
};

constexpr CpuFeatures kAvx512Level = kCpuAvx2 | kCpuAvx512;
constexpr CpuFeatures kDotProdLevel = kCpuNeon | kCpuDotProd;
constexpr Level kLevels[] = {{"ref", 0},
                             {"avx2", kCpuAvx2},
                             {"avxvnni", kCpuAvx2 | kCpuAvxVnni},
                             {"avx512", kAvx512Level},
                             {"avx512vnni", kAvx512Level | kCpuAvx512Vnni},
                             {"avx512vbmi", kAvx512Level | kCpuAvx512Vnni | kCpuAvx512Vbmi},
                             {"neon", kCpuNeon},
                             {"dotprod", kDotProdLevel},
                             {"i8mm", kDotProdLevel | kCpuI8mm}};

}  // namespace

CpuFeatures detect_cpu() {
  CpuFeatures features = 0;
#if defined(__x86_64__)
  // These ask the operating system's saved state (XCR0) too, not only cpuid.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    features |= kCpuAvx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    features |= kCpuAvx512;
  if (__builtin_cpu_supports("avx512vnni")) features |= kCpuAvx512Vnni;
  if (__builtin_cpu_supports("avx512vbmi")) features |= kCpuAvx512Vbmi;
  if (__builtin_cpu_supports("avxvnni")) features |= kCpuAvxVnni;
#elif defined(__aarch64__)
  features |= kCpuNeon;  // part of the architecture
#if defined(__linux__)
  // Bits of the kernel's interface (arch/arm64/include/uapi/asm/hwcap.h); older headers lack the names.
  constexpr unsigned long kHwcapAsimdDp = 1ul << 20, kHwcap2I8mm = 1ul << 13;
  if (getauxval(AT_HWCAP) & kHwcapAsimdDp) features |= kCpuDotProd;
  if (getauxval(AT_HWCAP2) & kHwcap2I8mm) features |= kCpuI8mm;
#endif
#endif
  return features;
}

CpuFeatures isa_level(std::string_view name) {
  std::string known;
  for (const Level& level : kLevels) {
    if (level.name == name) return level.features;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", level.name);
  }
  fail(ErrorCode::usage, "unknown instruction set level '{}'; known levels are {}", name, known);
}

std::vector<std::string> runnable_isa_levels() {
  const CpuFeatures cpu = detect_cpu();
  std::vector<std::string> names;
  for (const Level& level : kLevels)
    if ((level.features & ~cpu) == 0) names.emplace_back(level.name);
  return names;
}

CpuFeatures usable_cpu() {
  const char* level = std::getenv("OPENHB_ISA");
  return level && *level ? detect_cpu() & isa_level(level) : detect_cpu();
}

}  // namespace openhb
