// SPDX-License-Identifier: Apache-2.0
// The test vectors of docs/numerics.md: inputs, parameters and outputs of every step as files.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "device/engine/cpu.h"

namespace openhb::test {

struct VectorFile {
  std::string name;  // "<case>.in0.npy", "<case>.out.npy", "<case>.txt" (parameters)
  std::vector<std::byte> bytes;
};

// The same on every machine; `cpu` chooses the kernel rows that compute the outputs.
std::vector<VectorFile> make_vectors(CpuFeatures cpu);

// One line per file: its name and the 64-bit XXH3 of its bytes in hexadecimal.
std::string checksum_lines(const std::vector<VectorFile>& files);

// Writes the files and their checksums (numerics-vectors.txt) into an existing folder.
void write_vectors(const std::string& folder, const std::vector<VectorFile>& files);

}  // namespace openhb::test
