// SPDX-License-Identifier: Apache-2.0
// Tensors in files of several kinds, for vec_diff: .bin, .txt, .npy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/program/program.h"
#include "common/tensor.h"
#include "host/verify/dump_folder.h"

namespace openhb::verify {

enum class FileKind { bin, npy, txt };
// By the file's extension, in any case; nothing for files that hold no tensor.
std::optional<FileKind> file_kind(std::string_view file);

struct ValueFile {
  Tensor values;
  QuantParams quant;         // of codes
  bool shape_known = false;  // else one axis
};

// `entry`: what dump_index.json says about the file, or nullptr; its type and shape count, and its scales
// make real numbers of codes. `dtype`: of a .bin or .txt file without an entry; without both a .bin file
// holds float32, and a .txt file int64 when all its numbers are whole, else float32. Text: numbers between
// white space or commas, nan and inf among them; the rest of a line after # is left out. Throws Error: file_*
// (also for empty files), data_bad_size, data_bad_value.
ValueFile read_values(const std::string& path, const DumpEntry* entry, std::optional<DType> dtype);

// The numbers of a text as a tensor of one axis; `what` names it in errors.
Tensor parse_numbers(std::string_view text, std::optional<DType> dtype, const std::string& what);

}  // namespace openhb::verify
