// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/known_hosts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "common/error.h"
#include "common/io/file.h"

namespace openhb::verify {
namespace {

// "ssh-ed25519", "ecdsa-sha2-nistp256".
std::string type_name(ssh_key key) {
  const ssh_keytypes_e type = ::ssh_key_type(key);
  const bool curve =
      type == SSH_KEYTYPE_ECDSA_P256 || type == SSH_KEYTYPE_ECDSA_P384 || type == SSH_KEYTYPE_ECDSA_P521;
  const char* name = curve ? ::ssh_pki_key_ecdsa_name(key) : ::ssh_key_type_to_char(type);
  return name ? name : "?";
}

[[noreturn]] void refuse(const std::string& file, int error) {
  fail(ErrorCode::file_unwritable, "cannot add a host key to {}: {}", file,
       std::generic_category().message(error));
}

struct Descriptor {
  int number;
  ~Descriptor() { ::close(number); }
};

}  // namespace

std::string known_hosts_name(const Address& address) {
  std::string host = address.host;
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return address.port == 22 ? host : "[" + host + "]:" + std::to_string(address.port);
}

std::vector<KnownKey> known_keys(const std::string& file, const std::string& name) {
  std::vector<KnownKey> keys;
  std::error_code ignored;
  const auto kind = std::filesystem::status(file, ignored).type();
  // None, or a device like /dev/null: whoever names that wants no keys to be known.
  if (kind != std::filesystem::file_type::regular && kind != std::filesystem::file_type::directory)
    return keys;
  std::istringstream lines(read_text_file(file));
  std::string line;
  for (size_t number = 1; std::getline(lines, line); number++) {
    std::istringstream words(line);
    std::string marker, names, type, key;
    words >> names;
    if (names.starts_with('@')) {
      marker = names;
      words >> names;
    }
    words >> type >> key;
    if (names.starts_with('#') || key.empty() || marker == "@cert-authority") continue;
    ssh_knownhosts_entry* entry = nullptr;
    const std::string plain = names + " " + type + " " + key;
    if (::ssh_known_hosts_parse_line(name.c_str(), plain.c_str(), &entry) != SSH_OK) continue;
    keys.push_back({number, Key(std::exchange(entry->publickey, nullptr)), marker == "@revoked"});
    ::ssh_knownhosts_entry_free(entry);
  }
  return keys;
}

void add_known_key(const std::string& file, const std::string& name, ssh_key key) {
  char* base64 = nullptr;
  if (::ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
    fail(ErrorCode::internal, "libssh cannot write the host key of {}", name);
  std::string line = name + " " + type_name(key) + " " + base64 + "\n";
  ::ssh_string_free_char(base64);

  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) refuse(file, errno);
  const Descriptor out{::open(file.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
  struct stat facts{};
  // Locked: another board's key may be added at the same moment, by this program or by another one.
  if (out.number < 0 || ::flock(out.number, LOCK_EX) != 0 || ::fstat(out.number, &facts) != 0)
    refuse(file, errno);
  char last = '\n';
  if (facts.st_size > 0 && ::pread(out.number, &last, 1, facts.st_size - 1) != 1) refuse(file, errno);
  if (last != '\n') line.insert(0, "\n");
  const ssize_t written = ::write(out.number, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return;
  const int error = written < 0 ? errno : ENOSPC;
  (void)::ftruncate(out.number, facts.st_size);
  refuse(file, error);
}

std::string fingerprint(ssh_key key) {
  unsigned char* hash = nullptr;
  size_t size = 0;
  if (::ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0) return type_name(key);
  char* text = ::ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
  std::string type = type_name(key);
  if (type.starts_with("ssh-")) type = type.substr(4);
  if (type.starts_with("ecdsa")) type = "ecdsa";
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::toupper(c); });
  const std::string result = type + " " + (text ? text : "");
  ::ssh_string_free_char(text);
  ::ssh_clean_pubkey_hash(&hash);
  return result;
}

}  // namespace openhb::verify
