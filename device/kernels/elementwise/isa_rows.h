// SPDX-License-Identifier: Apache-2.0
// Tables of inner loops, one per ISA level. A *.loops.cc file is compiled once per level (cmake/isa.cmake)
// and defines the table in a namespace of the level's name; here the levels become kernel rows.
#pragma once

#include "device/kernels/kernel.h"

// After OPENHB_LOOP_ROWS(Type, kName), inside a namespace: `choose_kName(cpu)` gives the KernelRow<const
// Type*>.
#define OPENHB_DECLARE_LOOPS(level, Type, name) \
  namespace level {                             \
  extern const Type name;                       \
  }
#define OPENHB_CHOOSE_LOOPS(Type, name, ...)                            \
  inline const KernelRow<const Type*>& choose_##name(CpuFeatures cpu) { \
    static constexpr KernelRow<const Type*> kRows[] = {__VA_ARGS__};    \
    return choose_row(kRows, cpu);                                      \
  }

#if defined(__x86_64__)
#define OPENHB_LOOP_ROWS(Type, name)                                                       \
  OPENHB_DECLARE_LOOPS(ref, Type, name)                                                    \
  OPENHB_DECLARE_LOOPS(avx2, Type, name)                                                   \
  OPENHB_DECLARE_LOOPS(avx512, Type, name)                                                 \
  OPENHB_CHOOSE_LOOPS(Type, name, {"ref", 0, &ref::name}, {"avx2", kCpuAvx2, &avx2::name}, \
                      {"avx512", kCpuAvx2 | kCpuAvx512, &avx512::name})
#elif defined(__aarch64__)
#define OPENHB_LOOP_ROWS(Type, name)     \
  OPENHB_DECLARE_LOOPS(ref, Type, name)  \
  OPENHB_DECLARE_LOOPS(neon, Type, name) \
  OPENHB_CHOOSE_LOOPS(Type, name, {"ref", 0, &ref::name}, {"neon", kCpuNeon, &neon::name})
#else
#define OPENHB_LOOP_ROWS(Type, name)    \
  OPENHB_DECLARE_LOOPS(ref, Type, name) \
  OPENHB_CHOOSE_LOOPS(Type, name, {"ref", 0, &ref::name})
#endif
