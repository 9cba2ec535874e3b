// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/login.h"

#include <fmt/ranges.h>

#include <functional>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "host/verify/remote_text.h"
#include "host/verify/ssh/agent.h"
#include "host/verify/ssh/key_file.h"
#include "host/verify/ssh/secret.h"

namespace openhb::verify {
namespace {

constexpr int kMostQuestions = 3;  // for a password
constexpr int kMostRounds = 10;    // of questions that the server may ask

struct Method {
  int bit;
  const char* name;
};
constexpr Method kMethods[] = {{SSH_AUTH_METHOD_PUBLICKEY, "publickey"},
                               {SSH_AUTH_METHOD_PASSWORD, "password"},
                               {SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"},
                               {SSH_AUTH_METHOD_HOSTBASED, "hostbased"},
                               {SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi-with-mic"}};

class LogIn {
 public:
  LogIn(Session& session, const Address& address, const Login& login)
      : session_(session), login_(login), who_(remote_text(login.user) + "@" + address.text()) {}
  void run();

 private:
  // What libssh's functions return: SSH_AUTH_SUCCESS, _PARTIAL, _DENIED, ...
  using State = int;
  struct Way {
    int bit;
    std::function<State()> go;
    bool gone = false;
  };

  template <class Call>
  State call(Call function);
  State key_file(const std::string& file);
  State agent();
  State password();
  State interactive();
  std::optional<std::string> ask(const std::string& prompt);
  void note(std::string what) { tried_.push_back(std::move(what)); }
  std::vector<std::string> offered() const;
  [[noreturn]] void refused(const std::string& reason) const;

  Session& session_;
  const Login& login_;
  std::string who_;
  bool password_used_ = false, password_refused_ = false;
  std::vector<std::string> tried_;
};

void LogIn::run() {
  State state = call([&] { return ::ssh_userauth_none(session_.get(), nullptr); });
  if (state == SSH_AUTH_SUCCESS) return;

  std::vector<Way> ways;
  const auto add = [&](int bit, std::function<State()> go) { ways.push_back({bit, std::move(go)}); };
  const auto add_password = [&] {
    add(SSH_AUTH_METHOD_PASSWORD, [this] { return password(); });
    add(SSH_AUTH_METHOD_INTERACTIVE, [this] { return interactive(); });
  };
  if (!login_.key_file.empty()) add(SSH_AUTH_METHOD_PUBLICKEY, [this] { return key_file(login_.key_file); });
  if (login_.password) add_password();
  if (login_.key_file.empty()) {
    add(SSH_AUTH_METHOD_PUBLICKEY, [this] { return agent(); });
    for (const std::string& file : usual_key_files())
      add(SSH_AUTH_METHOD_PUBLICKEY, [this, file] { return key_file(file); });
  }
  if (!login_.password) add_password();

  for (;;) {
    const int methods = ::ssh_userauth_list(session_.get(), nullptr);
    Way* next = nullptr;
    for (Way& way : ways)
      if (!next && !way.gone && (methods & way.bit) != 0) next = &way;
    if (!next) refused("");
    next->gone = true;
    state = next->go();
    if (state == SSH_AUTH_SUCCESS) return;
    // Else refused, or a part of what the server wants: it then offers what is left.
  }
}

// One request and its answer.
template <class Call>
LogIn::State LogIn::call(Call function) {
  State state = SSH_AUTH_ERROR;
  const bool done = session_.finish(Deadline(login_.timeout), SSH_AUTH_AGAIN, state, function);
  session_.moved();
  if (state == SSH_AUTH_ERROR) session_.pump(0);  // notices when it is the connection that failed
  if (!session_.alive()) {
    // A server that has had enough of failures says so and closes, or only closes.
    const bool said = session_.why().find("DISCONNECT") != std::string::npos;
    if (said || (!tried_.empty() && session_.why() == kClosed))
      refused(said ? " It ended the connection: " + session_.why() : " It closed the connection.");
    session_.lost("logging in");
  }
  if (!done) {
    session_.kill("it did not answer");
    fail(ErrorCode::board_timeout, "{} did not answer to the login within {:g} seconds", session_.name(),
         login_.timeout);
  }
  return state;
}

LogIn::State LogIn::key_file(const std::string& file) {
  const std::string name = "key " + file;
  // Asking for a passphrase makes sense only when the server wants this key.
  if (const Key half = public_half(file)) {
    const State state =
        call([&] { return ::ssh_userauth_try_publickey(session_.get(), nullptr, half.get()); });
    if (state != SSH_AUTH_SUCCESS) {
      note(name + " (not accepted)");
      return state;
    }
  }
  std::string why;
  const Key key = private_key(file, login_, why);
  if (!key) {
    note(name + " (" + why + ")");
    return SSH_AUTH_DENIED;
  }
  const State state = call([&] { return ::ssh_userauth_publickey(session_.get(), nullptr, key.get()); });
  note(name + (state == SSH_AUTH_PARTIAL ? " (accepted, but not enough)" : " (not accepted)"));
  return state;
}

LogIn::State LogIn::agent() {
  AgentWatch agent(session_.get(), login_.timeout);
  if (!agent.there()) return SSH_AUTH_DENIED;
  const State state = call([&] {
    agent.restart();
    return ::ssh_userauth_agent(session_.get(), nullptr);
  });
  note(state == SSH_AUTH_PARTIAL ? "keys of the agent (accepted, but not enough)"
       : agent.expired()         ? "keys of the agent (it did not answer)"
                                 : "keys of the agent (none accepted)");
  return state;
}

std::optional<std::string> LogIn::ask(const std::string& prompt) {
  return login_.ask_password ? login_.ask_password(prompt) : std::nullopt;
}

LogIn::State LogIn::password() {
  const auto attempt = [&](const std::string& secret) {
    const State state =
        call([&] { return ::ssh_userauth_password(session_.get(), nullptr, secret.c_str()); });
    password_refused_ = state == SSH_AUTH_DENIED;
    if (state != SSH_AUTH_SUCCESS)
      note(state == SSH_AUTH_PARTIAL ? "password (accepted, but not enough)" : "password (refused)");
    return state;
  };
  password_used_ = true;
  if (login_.password) return attempt(*login_.password);
  for (int times = 0; times < kMostQuestions; times++) {
    std::optional<std::string> secret =
        ask((times == 0 ? "Password of " : "Refused. Password of ") + who_ + ": ");
    if (!secret) {
      note("password (none given)");
      break;
    }
    const WipeAtEnd wiped(*secret);
    const State state = attempt(*secret);
    if (state != SSH_AUTH_DENIED) return state;
  }
  return SSH_AUTH_DENIED;
}

// The server asks what it likes: for the password, and perhaps for a one-time code.
LogIn::State LogIn::interactive() {
  if (password_refused_) return SSH_AUTH_DENIED;  // it would be asked for, and refused, again
  State state = call([&] { return ::ssh_userauth_kbdint(session_.get(), nullptr, nullptr); });
  for (int round = 0; state == SSH_AUTH_INFO && round < kMostRounds; round++) {
    const int prompts = ::ssh_userauth_kbdint_getnprompts(session_.get());
    for (int i = 0; i < prompts; i++) {
      char echo = 0;
      const auto index = static_cast<unsigned>(i);
      const char* text = ::ssh_userauth_kbdint_getprompt(session_.get(), index, &echo);
      const std::string prompt = remote_text(text ? text : "", 80);
      const bool wants_password = !echo && prompt.find("assword") != std::string::npos;
      if (wants_password && login_.password && !password_used_) {
        password_used_ = true;
        ::ssh_userauth_kbdint_setanswer(session_.get(), index, login_.password->c_str());
        continue;
      }
      std::optional<std::string> secret = ask(who_ + " asks: " + prompt + " ");
      if (!secret) {
        note("keyboard-interactive (no answer to '" + prompt + "')");
        return SSH_AUTH_DENIED;
      }
      const WipeAtEnd wiped(*secret);
      ::ssh_userauth_kbdint_setanswer(session_.get(), index, secret->c_str());
    }
    state = call([&] { return ::ssh_userauth_kbdint(session_.get(), nullptr, nullptr); });
  }
  if (state != SSH_AUTH_SUCCESS)
    note(state == SSH_AUTH_PARTIAL ? "keyboard-interactive (accepted, but not enough)"
                                   : "keyboard-interactive (refused)");
  return state;
}

std::vector<std::string> LogIn::offered() const {
  std::vector<std::string> names;
  const int methods = ::ssh_userauth_list(session_.get(), nullptr);
  for (const Method& method : kMethods)
    if ((methods & method.bit) != 0) names.push_back(method.name);
  return names;
}

void LogIn::refused(const std::string& reason) const {
  const std::vector<std::string> names = offered();
  fail(ErrorCode::board_login, "{} is refused. Tried: {}. The server offers: {}.{}", who_,
       tried_.empty() ? "nothing, for want of a key or password that it takes"
                      : fmt::format("{}", fmt::join(tried_, ", ")),
       names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", ")), reason);
}

}  // namespace

void log_in(Session& session, const Address& address, const Login& login) {
  LogIn(session, address, login).run();
}

}  // namespace openhb::verify
