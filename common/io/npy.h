// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files, versions 1 and 2 (numpy.lib.format): dense; both byte orders, both index orders.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "common/tensor.h"

namespace openhb {

// Throws Error: file_* as read_file does; data_bad_value for a damaged or unsupported header (objects,
// structures); data_bad_size when header and length disagree.
Tensor read_npy(const std::string& path);
// The same for bytes in memory; `what` names them in errors.
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& what);

// Version 1, bytes as numpy.save writes them.
std::vector<std::byte> serialize_npy(const Tensor& tensor);
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace openhb
