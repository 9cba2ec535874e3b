// SPDX-License-Identifier: Apache-2.0
// What a result was made from: hashes of files, and the date that SOURCE_DATE_EPOCH names.
#pragma once

#include <span>
#include <string>

#include "host/report/conversion.h"

namespace openhb::report {

// Size and XXH3 hash (128 bits, as xxh128sum prints it) of one file. Throws as reading it does.
File hash_file(std::string role, const std::string& path);
// Of several files of one folder as one entry: the hash of what `xxh128sum FILES...` prints inside it.
File hash_files(std::string role, std::string folder, std::span<const std::string> paths);

// "2026-01-31 12:00:00 UTC" of SOURCE_DATE_EPOCH, or "" without it: results hold no other date, so that equal
// inputs give equal bytes. Error(usage) when the variable is no number of seconds.
std::string source_date();

}  // namespace openhb::report
