// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/elf.h"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>

namespace openhb::verify {

std::string elf_machine(std::span<const std::byte> bytes) {
  Elf64_Ehdr header;
  if (bytes.size() < sizeof(header)) return "";
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_DATA] != ELFDATA2LSB) return "";
  switch (header.e_machine) {  // at the same place in files of 32 bits
    case EM_AARCH64:
      return "aarch64";
    case EM_X86_64:
      return "x86_64";
    case EM_ARM:
      return "arm";
    case EM_386:
      return "i386";
    case EM_RISCV:
      return "riscv";
    default:
      return fmt::format("machine {}", header.e_machine);
  }
}

}  // namespace openhb::verify
