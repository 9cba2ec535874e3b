// SPDX-License-Identifier: Apache-2.0
#include "device/plugin/library.h"

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/error.h"

// Of programs with a dynamic section, which those without shared libraries do not have.
extern "C" const char _DYNAMIC[] __attribute__((weak, visibility("hidden")));

namespace openhb::plugin {
namespace {

namespace fs = std::filesystem;

struct Machine {
  Elf64_Half number;
  const char* name;
};
constexpr std::array<Machine, 4> kMachines{
    {{EM_X86_64, "x86-64"}, {EM_AARCH64, "aarch64"}, {EM_386, "32-bit x86"}, {EM_ARM, "32-bit ARM"}}};
#if defined(__aarch64__)
constexpr Elf64_Half kThisMachine = EM_AARCH64;
#else
constexpr Elf64_Half kThisMachine = EM_X86_64;
#endif

std::string machine_name(Elf64_Half number) {
  for (const Machine& m : kMachines)
    if (m.number == number) return m.name;
  return fmt::format("another machine (ELF {})", number);
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  fail(ErrorCode::plugin_load, "cannot load plug-in '{}': {}", path, why);
}

// A file that ends before its segments do would be a bus error inside of the dynamic linker.
bool is_whole(std::ifstream& file, const Elf64_Ehdr& header, uint64_t size) {
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0) return false;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  file.seekg(static_cast<std::streamoff>(header.e_phoff));
  file.read(reinterpret_cast<char*>(segments.data()),
            static_cast<std::streamsize>(segments.size() * sizeof(Elf64_Phdr)));
  return file && std::ranges::all_of(segments, [size](const Elf64_Phdr& s) {
           return s.p_type != PT_LOAD || (s.p_offset <= size && s.p_filesz <= size - s.p_offset);
         });
}

// The dynamic linker's own words for a file of another machine are "no such file".
void check_file(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) refuse(path, "there is no such file");
  if (!fs::is_regular_file(path, error)) refuse(path, "it is not a file");
  Elf64_Ehdr header{};
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, "it cannot be read; check its permissions");
  file.read(reinterpret_cast<char*>(&header), sizeof(header));
  if (!file || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    refuse(path, "it is not a shared library (.so), or it is cut off");
  if (header.e_machine != kThisMachine)
    refuse(path, fmt::format("it is for {}, this program is for {}; build it for this machine",
                             machine_name(header.e_machine), machine_name(kThisMachine)));
  const auto size = fs::file_size(path, error);
  if (error || !is_whole(file, header, size))
    refuse(path, "it is cut off or damaged; copy it again in binary mode");
}

const openhb_plugin* checked_table(const std::string& path, void* library) {
  void* symbol = ::dlsym(library, "openhb_plugin_get");
  if (!symbol)
    refuse(path,
           "it does not export openhb_plugin_get, so it is no plug-in, or hides its symbols; see "
           "docs/custom-operators.md");
  const openhb_plugin* table = reinterpret_cast<decltype(&openhb_plugin_get)>(symbol)(OPENHB_PLUGIN_ABI);
  if (!table)
    refuse(path, fmt::format("it has no table for version {} of the plug-in interface; build it with this "
                             "release's openhb_plugin.h",
                             OPENHB_PLUGIN_ABI));
  if (table->abi != OPENHB_PLUGIN_ABI)
    refuse(path, fmt::format("it is built for version {} of the plug-in interface, this program has version "
                             "{}; build it with this release's openhb_plugin.h",
                             table->abi, OPENHB_PLUGIN_ABI));
  if (table->size < sizeof(openhb_plugin) || !table->name || !table->version || !table->ops ||
      table->op_count < 1)
    refuse(path, "its table is incomplete: size, name, version and at least one operator are needed");
  return table;
}

}  // namespace

const openhb_plugin* open_plugin(const std::string& path) {
  check_file(path);
  if (!_DYNAMIC)
    refuse(path,
           "this program is linked statically and cannot load libraries; use the dynamically linked one, or "
           "an application that registers the operator (hbDNNRegisterLayerCreator)");
  std::error_code error;
  const std::string absolute = fs::absolute(path, error).string();  // else the linker would search its paths
  void* library = ::dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    refuse(path, why ? why : "the dynamic linker does not say why");
  }
  try {
    return checked_table(path, library);
  } catch (...) {
    ::dlclose(library);
    throw;
  }
}

std::vector<std::string> list_plugins(const std::string& folders, std::vector<std::string>& problems) {
  std::vector<std::string> files;
  for (size_t first = 0; first <= folders.size();) {
    const size_t end = std::min(folders.find(':', first), folders.size());
    const std::string folder = folders.substr(first, end - first);
    first = end + 1;
    if (folder.empty()) continue;
    std::error_code error;
    std::vector<std::string> found;
    for (fs::directory_iterator it(folder, error), last; !error && it != last; it.increment(error))
      if (it->path().extension() == ".so") found.push_back(it->path().string());
    if (error) problems.push_back(fmt::format("'{}' cannot be read: {}", folder, error.message()));
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

}  // namespace openhb::plugin
