// SPDX-License-Identifier: Apache-2.0
// What this processor can do, and a mask to make it pretend to do less.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace openhb {

// Bits of a CpuFeatures set. A kernel row names the bits it needs.
enum CpuFeature : uint32_t {
  kCpuAvx2 = 1u << 0,        // AVX2, FMA, F16C
  kCpuAvx512 = 1u << 1,      // AVX512 F, BW, DQ, VL
  kCpuAvx512Vnni = 1u << 2,  // AVX512_VNNI
  kCpuAvxVnni = 1u << 3,     // AVX_VNNI (256 bit)
  kCpuAvx512Vbmi = 1u << 4,  // AVX512_VBMI
  kCpuNeon = 1u << 8,
  kCpuDotProd = 1u << 9,  // SDOT, UDOT
  kCpuI8mm = 1u << 10,    // SMMLA
};
using CpuFeatures = uint32_t;

// The features of the machine (0 where unknown).
CpuFeatures detect_cpu();

// Features of an ISA level and of all levels below it: "ref" (portable C++ only), "avx2", "avxvnni",
// "avx512", "avx512vnni", "avx512vbmi"; "neon", "dotprod", "i8mm". Throws Error(usage) for another name.
CpuFeatures isa_level(std::string_view name);

// The levels that this machine can run, lowest first, e.g. {"ref", "avx2", "avx512"}.
std::vector<std::string> runnable_isa_levels();

// detect_cpu() reduced to the level named by the environment variable OPENHB_ISA, if it is set.
CpuFeatures usable_cpu();

// Tells the core that this thread only waits for another one.
inline void relax_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace openhb
