// SPDX-License-Identifier: Apache-2.0
// A folder for what lives as long as one run of a tool.
#pragma once

#include <string>

namespace openhb::verify {

class WorkFolder {
 public:
  // Below $TMPDIR or /tmp. Throws Error(file_unwritable).
  WorkFolder();
  ~WorkFolder();  // removes it with everything in it
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace openhb::verify
