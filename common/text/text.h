// SPDX-License-Identifier: Apache-2.0
// Small text helpers: suggestions for misspelt words, tables, splitting.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace openhb {

// The candidate nearest to `word` (edit distance, at most a third of its length), or "".
std::string nearest_word(std::string_view word, std::span<const std::string> candidates);
// " Did you mean 'x'?" or "".
std::string suggestion(std::string_view word, std::span<const std::string> candidates);

// Pieces between separators, without surrounding blanks; empty pieces are dropped.
std::vector<std::string> split(std::string_view text, char separator);
std::string trim(std::string_view text);

// The documented table style: cells left aligned, padded to the longest cell + 2, "=" rule above the header,
// "-" rule below it, both as long as the sum of the padded widths.
std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows);

}  // namespace openhb
