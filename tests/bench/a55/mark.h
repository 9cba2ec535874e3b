// SPDX-License-Identifier: Apache-2.0
/* The mark between a measured program and the counting plugin: getpid with arguments that it ignores. (C and
 * C++.) */
#pragma once

enum {
  kMarkSyscall = 172,      /* getpid on aarch64 */
  kMarkMagic = 0x4f484231, /* first argument; the second one is a tag of the program's choice */
};
