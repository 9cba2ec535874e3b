// SPDX-License-Identifier: Apache-2.0
// Checks of a JPEG file's structure that the decoder omits.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace openhb {

// What is wrong with the file, or "". Finds files that end early, of which stb_image would fill the rest with
// grey, and Huffman tables that are too long or missing, with which it would leave its arrays. `bytes` begins
// with FF D8.
std::string jpeg_problem(std::span<const uint8_t> bytes);

}  // namespace openhb
