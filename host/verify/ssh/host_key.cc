// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/host_key.h"

#include <algorithm>
#include <cctype>

#include "common/error.h"
#include "host/verify/connection.h"
#include "host/verify/ssh/home.h"

namespace openhb::verify {
namespace {

struct Algorithm {
  ssh_keytypes_e type;
  const char* names;
};
constexpr Algorithm kAlgorithms[] = {
    {SSH_KEYTYPE_ED25519, "ssh-ed25519"},
    {SSH_KEYTYPE_ECDSA_P256, "ecdsa-sha2-nistp256"},
    {SSH_KEYTYPE_ECDSA_P384, "ecdsa-sha2-nistp384"},
    {SSH_KEYTYPE_ECDSA_P521, "ecdsa-sha2-nistp521"},
    {SSH_KEYTYPE_RSA, "rsa-sha2-512,rsa-sha2-256"},
};

bool same(const KnownKey& known, const Key& key) {
  return ::ssh_key_cmp(known.key.get(), key.get(), SSH_KEY_CMP_PUBLIC) == 0;
}

// Where the board keeps the public half: to compare the fingerprint there.
std::string check_command(const Key& key) {
  const std::string print = fingerprint(key.get());
  std::string type = print.substr(0, print.find(' '));
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
  return "ssh-keygen -lf /etc/ssh/ssh_host_" + type + "_key.pub";
}

}  // namespace

std::string known_hosts_file(const Login& login) {
  return login.known_hosts.empty() ? home_folder() + "/.ssh/known_hosts" : login.known_hosts;
}

std::string host_key_algorithms(const std::vector<KnownKey>& known) {
  std::string first, others;
  for (const Algorithm& algorithm : kAlgorithms) {
    const bool has = std::ranges::any_of(known, [&](const KnownKey& entry) {
      return !entry.revoked && ::ssh_key_type(entry.key.get()) == algorithm.type;
    });
    (has ? first : others) += std::string(",") + algorithm.names;
  }
  return (first + others).substr(1);
}

void check_host_key(Session& session, const Address& address, const Login& login,
                    const std::vector<KnownKey>& known) {
  ssh_key shown = nullptr;
  if (::ssh_get_server_publickey(session.get(), &shown) != SSH_OK)
    fail(ErrorCode::board_host_key, "{} shows no host key that libssh can read", session.name());
  const Key key(shown);
  const std::string print = fingerprint(shown), file = known_hosts_file(login);
  const std::string name = known_hosts_name(address);

  for (const KnownKey& entry : known)
    if (entry.revoked && same(entry, key))
      fail(ErrorCode::board_host_key, "the SSH host key of {} is {}, which line {} of {} revokes",
           session.name(), print, entry.line, file);
  for (const KnownKey& entry : known)
    if (!entry.revoked && same(entry, key)) return;

  const auto old = std::ranges::find_if(known, [](const KnownKey& entry) { return !entry.revoked; });
  if (old != known.end())
    fail(ErrorCode::board_host_key,
         "the SSH host key of {} has CHANGED: it is now {}, but line {} of {} says {}. Either the board was "
         "set up anew, or another machine answers at its address. Nothing was sent to it. If it is the right "
         "one ({} there prints its key), remove the old key: ssh-keygen -f {} -R {}",
         session.name(), print, old->line, file, fingerprint(old->key.get()), check_command(key),
         shell_quoted(file), shell_quoted(name));
  if (!login.accept_new_key)
    fail(ErrorCode::board_host_key,
         "the SSH host key of {} is unknown: {} ({} has no line for {}). Compare it with what {} prints on "
         "the board; if it is the same, accept it with --accept-new-host-key, once",
         session.name(), print, file, name, check_command(key));
  add_known_key(file, name, shown);
  if (login.notice) login.notice("added the host key of " + session.name() + ", " + print + ", to " + file);
}

}  // namespace openhb::verify
