// SPDX-License-Identifier: Apache-2.0
// Reading the YAML document into checked values, one table row at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/error.h"
#include "host/config/keys.h"

namespace openhb::config {

// Collects errors so that all can be reported at once.
class Problems {
 public:
  template <class... Args>
  void add(ErrorCode code, int line, fmt::format_string<Args...> format, Args&&... args) {
    insert({code, line, fmt::format(format, std::forward<Args>(args)...)});
  }
  // Throws one Error with the code of the first problem, in the order of lines, if there is any.
  void throw_if_any(const std::string& path) const;

 private:
  struct Problem {
    ErrorCode code;
    int line;  // 0: of the file as a whole
    std::string text;
  };
  void insert(Problem problem);
  std::vector<Problem> found_;  // in the order of lines
};

// A key that the file gives, with one value, or one per input.
struct Given {
  int line = 0;
  std::vector<Value> values;
};

// Keys whose values passed the checks of their row. `given` also knows the keys whose values did not.
struct Document {
  std::map<std::string_view, Given> values;  // by the name in the table
  std::map<std::string_view, int> lines;     // of every non-empty known key
  std::map<Group, int> groups;               // lines of the groups that are there

  const Given* find(std::string_view key) const {
    const auto it = values.find(key);
    return it == values.end() ? nullptr : &it->second;
  }
  int line(std::string_view key) const {
    const auto it = lines.find(key);
    return it == lines.end() ? 0 : it->second;
  }
};

Document read_document(const std::string& text, Problems& problems);

}  // namespace openhb::config
