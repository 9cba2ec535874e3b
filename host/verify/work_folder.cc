// SPDX-License-Identifier: Apache-2.0
#include "host/verify/work_folder.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/error.h"

namespace openhb::verify {

WorkFolder::WorkFolder() {
  const char* base = std::getenv("TMPDIR");
  path_ = fmt::format("{}/hb_verifier.XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(path_.data()))
    fail(ErrorCode::file_unwritable, "cannot make the folder '{}': {}; set TMPDIR to one that can be written",
         path_, std::strerror(errno));
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace openhb::verify
