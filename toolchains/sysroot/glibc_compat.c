// SPDX-License-Identifier: Apache-2.0
// What libstdc++.a of GCC 12 takes from a glibc newer than 2.31. scripts/sysroot puts this file beside that
// library; hidden, so that no program offers these names to others.
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

// glibc 2.32. "No" is always a right answer: libstdc++ then counts references with atomic operations.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;

// glibc 2.36; behind std::random_device.
__attribute__((visibility("hidden"))) uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value) abort();
  return value;
}
