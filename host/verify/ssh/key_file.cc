// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/key_file.h"

#include <cstring>
#include <exception>
#include <filesystem>

#include "host/verify/ssh/home.h"
#include "host/verify/ssh/secret.h"

namespace openhb::verify {
namespace {

struct Question {
  const Login& login;
  std::string prompt;
  bool asked = false, given_up = false;
  std::exception_ptr thrown;
};

// libssh asks for the passphrase of an encrypted key; -1: there is none.
int answer(const char*, char* buffer, size_t size, int, int, void* user) {
  Question& question = *static_cast<Question*>(user);
  question.asked = true;
  question.given_up = true;
  if (!question.login.ask_password) return -1;
  try {  // not through libssh
    std::optional<std::string> secret = question.login.ask_password(question.prompt);
    if (!secret) return -1;
    const WipeAtEnd wiped(*secret);
    if (secret->size() >= size) return -1;
    std::memcpy(buffer, secret->c_str(), secret->size() + 1);
    question.given_up = false;
    return 0;
  } catch (...) {
    question.thrown = std::current_exception();
    return -1;
  }
}

}  // namespace

std::vector<std::string> usual_key_files() {
  std::vector<std::string> files;
  for (const char* name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    std::error_code ignored;
    const std::string file = home_folder() + "/.ssh/" + name;
    if (std::filesystem::is_regular_file(file, ignored)) files.push_back(file);
  }
  return files;
}

Key public_half(const std::string& file) {
  ssh_key key = nullptr;
  if (::ssh_pki_import_pubkey_file((file + ".pub").c_str(), &key) == SSH_OK) return Key(key);
  if (::ssh_pki_import_pubkey_file(file.c_str(), &key) == SSH_OK) return Key(key);
  return nullptr;
}

Key private_key(const std::string& file, const Login& login, std::string& why) {
  for (int times = 1;; times++) {
    Question question{.login = login,
                      .prompt = (times == 1 ? "Passphrase of " : "Wrong. Passphrase of ") + file + ": ",
                      .thrown = nullptr};
    ssh_key key = nullptr;
    const int result = ::ssh_pki_import_privkey_file(file.c_str(), nullptr, answer, &question, &key);
    if (question.thrown) std::rethrow_exception(question.thrown);
    if (result == SSH_OK) return Key(key);
    if (result == SSH_EOF)
      why = "cannot be read";
    else if (!question.asked)
      why = "is no private key that libssh can read";
    else if (question.given_up)
      why = "is locked by a passphrase, and none was given";
    else if (times < 3)
      continue;
    else
      why = "is locked by another passphrase";
    return nullptr;
  }
}

}  // namespace openhb::verify
