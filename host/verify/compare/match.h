// SPDX-License-Identifier: Apache-2.0
// Which file of one folder is to be compared with which one of another, for vec_diff.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/verify/compare/value_file.h"
#include "host/verify/dump_folder.h"

namespace openhb::verify {

// A tensor in a folder: one file, or several of different kinds.
struct TensorFiles {
  std::string stem;                // name of the files without extension
  std::vector<std::string> files;  // names in the folder: .bin, .npy, .txt, as far as there
  std::optional<DumpEntry> entry;  // of dump_index.json
};

struct TensorFolder {
  std::string path;
  std::vector<TensorFiles> tensors;  // in the order of dump_index.json, all others behind it by name
  std::vector<std::string> missing;  // files that dump_index.json lists and the folder lacks
};

// All .bin, .npy and .txt files. With `use_index`, and when it is there, dump_index.json tells their names,
// types and scales. Throws Error: file_missing, file_unreadable, and what read_dump_index throws.
TensorFolder list_tensors(const std::string& folder, bool use_index);

struct TensorPair {
  const TensorFiles *left, *right;
  std::string left_file, right_file;  // names in the folders: of the same kind if possible
};
struct Matches {
  std::vector<TensorPair> pairs;  // in the order of the left side
  std::vector<const TensorFiles*> only_left, only_right;
};

// Partners have, whatever comes first: the same name and kind in both indexes, the same file name but for the
// extension, the same name in both indexes, the same file name but for the extension and "_float", a file
// name that is the other side's tensor name with '/' as '_'.
Matches match(const TensorFolder& left, const TensorFolder& right);

}  // namespace openhb::verify
