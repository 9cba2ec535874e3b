// SPDX-License-Identifier: Apache-2.0
// The files that a run leaves in its folder: all of them, or none.
//
// They are written into the hidden folder `.PREFIX.new` beside their places. To commit is to rename that
// folder to `.PREFIX.done` (one atomic step) and to move its files out of it. A run that was killed before
// that step has changed nothing, and one that was killed after it is completed by the next run with the same
// folder and prefix, before it does anything else.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace openhb::compiler {

class Artefacts {
 public:
  // Makes the folder, completes what a killed run had committed and removes what it had not. Throws
  // Error(file_unwritable) when the folder cannot be written or another run is using it.
  Artefacts(std::string folder, std::string prefix);
  // Without commit() nothing has changed.
  ~Artefacts();
  Artefacts(const Artefacts&) = delete;
  Artefacts& operator=(const Artefacts&) = delete;

  // Where file `name` will be, for messages. Names may hold folders: "calibration_data/x/0.npy".
  std::string path(std::string_view name) const;
  // Where to write it until then. Its folder exists. Throws Error(file_unwritable) when a folder of this name
  // is in the way.
  std::string staged(std::string_view name) const;
  void write(std::string_view name, std::span<const std::byte> bytes) const;
  void write(std::string_view name, std::string_view text) const;
  // Puts all files in their places. Throws Error(file_unwritable).
  void commit();

 private:
  std::string place(std::string_view suffix) const;
  void lock_folder();
  void recover() const;

  std::string folder_, prefix_;
  int lock_ = -1;  // of the staging folder; the system releases it when the process ends, however it does
};

}  // namespace openhb::compiler
