// SPDX-License-Identifier: Apache-2.0
#include "common/text/text.h"

#include <algorithm>

#include "common/error.h"

namespace openhb {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Insertions, deletions, substitutions and swaps of neighbours, letter case ignored (optimal string
// alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

// Columns that a terminal needs for UTF-8 text of single-width characters.
size_t display_width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  // Longer words cannot be somebody's misspelling of ours, and the distance takes quadratic time.
  if (word.size() > 200) return "";
  // One slip is always forgiven, but a word must keep at least one of its letters.
  size_t best = std::min(std::max<size_t>(1, word.size() / 3) + 1, word.size());
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string suggestion(std::string_view word, std::span<const std::string> candidates) {
  const std::string nearest = nearest_word(word, candidates);
  return nearest.empty() ? "" : fmt::format(" Did you mean '{}'?", nearest);
}

std::string trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (true) {
    const size_t end = text.find(separator);
    std::string piece = trim(text.substr(0, end));
    if (!piece.empty()) pieces.push_back(std::move(piece));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  size_t total = 0;
  for (size_t column = 0; column < header.size(); ++column) {
    size_t width = display_width(header[column]);
    for (const auto& row : rows)
      if (column < row.size()) width = std::max(width, display_width(row[column]));
    widths.push_back(width + 2);
    total += width + 2;
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    if (cells.size() > header.size())
      fail(ErrorCode::internal, "a table of {} columns has a row of {} cells", header.size(), cells.size());
    std::string text;
    for (size_t column = 0; column < header.size(); ++column) {
      const std::string_view cell =
          column < cells.size() ? std::string_view(cells[column]) : std::string_view();
      text.append(cell).append(widths[column] - display_width(cell), ' ');
    }
    return text + '\n';
  };
  std::string table = std::string(total, '=') + '\n' + line(header) + std::string(total, '-') + '\n';
  for (const auto& row : rows) table += line(row);
  return table;
}

}  // namespace openhb
