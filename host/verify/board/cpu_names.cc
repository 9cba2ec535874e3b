// SPDX-License-Identifier: Apache-2.0
// Arm's part numbers: "Main ID Register" in the cores' manuals. Bits of AT_HWCAP: the kernel's
// Documentation/arch/arm64/elf_hwcaps.rst.
#include <algorithm>
#include <array>

#include "host/verify/board/probe.h"

namespace openhb::verify {
namespace {

struct CpuRow {
  uint32_t implementer, part;
  std::string_view name;
};
constexpr uint32_t kArm = 0x41;
constexpr std::array kCpus = {
    CpuRow{kArm, 0xd02, "Cortex-A34"},    CpuRow{kArm, 0xd03, "Cortex-A53"},
    CpuRow{kArm, 0xd04, "Cortex-A35"},    CpuRow{kArm, 0xd05, "Cortex-A55"},
    CpuRow{kArm, 0xd06, "Cortex-A65"},    CpuRow{kArm, 0xd07, "Cortex-A57"},
    CpuRow{kArm, 0xd08, "Cortex-A72"},    CpuRow{kArm, 0xd09, "Cortex-A73"},
    CpuRow{kArm, 0xd0a, "Cortex-A75"},    CpuRow{kArm, 0xd0b, "Cortex-A76"},
    CpuRow{kArm, 0xd0c, "Neoverse-N1"},   CpuRow{kArm, 0xd0d, "Cortex-A77"},
    CpuRow{kArm, 0xd0e, "Cortex-A76AE"},  CpuRow{kArm, 0xd40, "Neoverse-V1"},
    CpuRow{kArm, 0xd41, "Cortex-A78"},    CpuRow{kArm, 0xd42, "Cortex-A78AE"},
    CpuRow{kArm, 0xd43, "Cortex-A65AE"},  CpuRow{kArm, 0xd44, "Cortex-X1"},
    CpuRow{kArm, 0xd46, "Cortex-A510"},   CpuRow{kArm, 0xd47, "Cortex-A710"},
    CpuRow{kArm, 0xd48, "Cortex-X2"},     CpuRow{kArm, 0xd49, "Neoverse-N2"},
    CpuRow{kArm, 0xd4b, "Cortex-A78C"},   CpuRow{kArm, 0xd4d, "Cortex-A715"},
    CpuRow{kArm, 0xd4e, "Cortex-X3"},     CpuRow{kArm, 0xd4f, "Neoverse-V2"},
    CpuRow{kArm, 0xd80, "Cortex-A520"},   CpuRow{kArm, 0xd81, "Cortex-A720"},
    CpuRow{kArm, 0xd82, "Cortex-X4"},     CpuRow{0x46, 0x001, "A64FX"},
    CpuRow{0x48, 0xd01, "TSV110"},        CpuRow{0x4e, 0x004, "Carmel"},
    CpuRow{0x51, 0x804, "Kryo 4xx Gold"}, CpuRow{0x51, 0x805, "Kryo 4xx Silver"},
};

constexpr std::array<std::string_view, 32> kHwcap = {
    "fp",      "asimd", "evtstrm", "aes",   "pmull",    "sha1",   "sha2", "crc32",
    "atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
    "dcpop",   "sha3",  "sm3",     "sm4",   "asimddp",  "sha512", "sve",  "asimdfhm",
    "dit",     "uscat", "ilrcpc",  "flagm", "ssbs",     "sb",     "paca", "pacg"};
constexpr std::array<std::string_view, 15> kHwcap2 = {
    "dcpodp", "sve2",    "sveaes",   "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2",
    "frint",  "svei8mm", "svef32mm", "svef64mm", "svebf16",    "i8mm",    "bf16"};

template <size_t N>
void add_bits(uint64_t bits, const std::array<std::string_view, N>& names, std::vector<std::string>& found) {
  for (size_t i = 0; i < N; ++i)
    if (bits >> i & 1) found.emplace_back(names[i]);
}

}  // namespace

std::string_view cpu_name(uint32_t implementer, uint32_t part) {
  for (const CpuRow& row : kCpus)
    if (row.implementer == implementer && row.part == part) return row.name;
  return "";
}

std::vector<std::string> aarch64_features(uint64_t hwcap, uint64_t hwcap2) {
  std::vector<std::string> found;
  add_bits(hwcap, kHwcap, found);
  add_bits(hwcap2, kHwcap2, found);
  return found;
}

}  // namespace openhb::verify
