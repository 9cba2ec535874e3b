// SPDX-License-Identifier: Apache-2.0
// Logins that take more than a key or a password, and servers that misbehave behind the login.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "common/error.h"
#include "host/verify/ssh/ssh.h"
#include "tests/host/verify/ssh/test_server.h"

namespace openhb::verify {
namespace {

class Server : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "openhb_ssh_server_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_ + "/.ssh");
    ::setenv("HOME", folder_.c_str(), 1);
    ::unsetenv("SSH_AUTH_SOCK");
    login_.known_hosts = folder_ + "/known_hosts";
    login_.password = "right";
    login_.timeout = 30;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(Manners manners) {
    server_ = std::make_unique<TestServer>(std::move(manners));
    std::ofstream(login_.known_hosts) << server_->known_hosts_line();
  }
  std::unique_ptr<Connection> connect() { return connect_ssh({"127.0.0.1", server_->port()}, login_); }
  // A time-out that passes soon, but not before this machine can do what takes longest, a key exchange.
  void be_impatient() {
    const Manners plain;
    TestServer server(plain);
    const std::string known = folder_ + "/measured";
    std::ofstream(known) << server.known_hosts_line();
    Login login = login_;
    login.known_hosts = known;
    const auto start = std::chrono::steady_clock::now();
    connect_ssh({"127.0.0.1", server.port()}, login);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    login_.timeout = std::max(1.0, 20 * took.count());
  }
  // The client is asked, and answers from this list.
  void answers(std::vector<std::optional<std::string>> list) {
    login_.ask_password = [this, list, next = size_t{0}](const std::string& prompt) mutable {
      asked_.push_back(prompt);
      return next < list.size() ? list[next++] : std::nullopt;
    };
  }
  // The error of a call, which must have these words.
  template <class Call>
  void expect(ErrorCode code, const std::string& words, Call call) {
    try {
      call();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.text();
      const std::string text = error.what();
      EXPECT_NE(text.find(words), std::string::npos) << text;
      EXPECT_EQ(text.find_first_of("\x1b\n\r"), std::string::npos) << text;
      EXPECT_EQ(text.find("right"), std::string::npos) << "a password in: " << text;
    }
  }

  std::string folder_;
  Login login_;
  std::vector<std::string> asked_;
  std::unique_ptr<TestServer> server_;
};

using Words = std::vector<std::string>;

Manners interactive(std::vector<std::vector<Question>> rounds) {
  Manners manners;
  manners.methods = SSH_AUTH_METHOD_INTERACTIVE;
  manners.rounds = std::move(rounds);
  return manners;
}

TEST_F(Server, Password) {
  start({});
  EXPECT_EQ(connect()->name(), "127.0.0.1:" + std::to_string(server_->port()));
  login_.password = "wrong";
  expect(ErrorCode::board_login, "Tried: password (refused). The server offers: password.",
         [&] { connect(); });
  EXPECT_EQ(server_->heard(), (Words{"right", "wrong"})) << "once each";
}

TEST_F(Server, PasswordByQuestion) {
  start(interactive({{{"Password: ", "right"}}}));
  connect();
  EXPECT_EQ(server_->heard(), (Words{"right"}));
  login_.password.reset();
  answers({"right"});
  connect();
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_EQ(asked_[0], "root@127.0.0.1:" + std::to_string(server_->port()) + " asks: Password:  ");
}

TEST_F(Server, WrongPasswordByQuestion) {
  start(interactive({{{"Password: ", "right"}}}));
  login_.password = "wrong";
  expect(ErrorCode::board_login,
         "Tried: keyboard-interactive (refused). The server offers: keyboard-interactive.",
         [&] { connect(); });
  EXPECT_EQ(server_->heard(), (Words{"wrong"}));
}

TEST_F(Server, SeveralQuestions) {
  start(interactive({{}, {{"Password: ", "right"}, {"Colour?", "blue", true}}, {{"Code: ", "1234"}}}));
  expect(ErrorCode::board_login, "no answer to 'Colour?'", [&] { connect(); });
  answers({"blue", "1234"});
  connect();
  EXPECT_EQ(server_->heard(), (Words{"right", "blue", "1234"}));
  EXPECT_EQ(asked_.size(), 2u);
}

// The password counts for the password only, not for the code that follows it.
TEST_F(Server, TwoFactors) {
  Manners manners = interactive({{{"One-time password: ", "1234"}}});
  manners.methods = SSH_AUTH_METHOD_PASSWORD;
  manners.after_password = SSH_AUTH_METHOD_INTERACTIVE;
  start(manners);
  expect(ErrorCode::board_login,
         "Tried: password (accepted, but not enough), keyboard-interactive (no answer to",
         [&] { connect(); });
  start(manners);
  answers({"1234"});
  connect();
  EXPECT_EQ(server_->heard(), (Words{"right", "1234"}));
}

TEST_F(Server, QuestionsWithoutEnd) {
  Manners manners = interactive({{{"Password: ", "right"}}});
  manners.endless_rounds = true;
  start(manners);
  login_.ask_password = [&](const std::string& prompt) {
    asked_.push_back(prompt);
    return "again";
  };
  expect(ErrorCode::board_login, "keyboard-interactive (refused)", [&] { connect(); });
  EXPECT_LT(asked_.size(), 12u);
  start(interactive({std::vector<Question>(300, {"Password: ", "right"})}));
  be_impatient();
  expect(ErrorCode::board_timeout, "did not answer to the login", [&] { connect(); });
}

TEST_F(Server, QuestionsAreShownSafely) {
  start(interactive({{{"\x1b[2JPassword of\r\n another host" + std::string(500, '!'), "right", true}}}));
  answers({std::nullopt});
  expect(ErrorCode::board_login, "no answer to '?[2JPassword of?? another host!!", [&] { connect(); });
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_LT(asked_[0].size(), 150u);
  EXPECT_EQ(asked_[0].find('\x1b'), std::string::npos);
}

TEST_F(Server, NothingFits) {
  start({.methods = SSH_AUTH_METHOD_PUBLICKEY});
  expect(ErrorCode::board_login, "Tried: nothing", [&] { connect(); });
  start({.methods = SSH_AUTH_METHOD_HOSTBASED});
  expect(ErrorCode::board_login, "The server offers: hostbased", [&] { connect(); });
  start({.ignore_login = true});
  be_impatient();
  expect(ErrorCode::board_timeout, "did not answer to the login", [&] { connect(); });
}

TEST_F(Server, Commands) {
  start({.command = [](ssh_session, ssh_channel channel, const std::string& command) {
    finish_command(channel, "done: " + command, 7);
  }});
  const auto connection = connect();
  for (int i = 0; i < 50; i++) {
    const CommandResult result = connection->run("work");
    EXPECT_EQ(result.out, "done: work");
    EXPECT_EQ(result.status, 7);
  }
  expect(ErrorCode::board_command, "runs no commands", [&] { connection->run("refused"); });
  EXPECT_EQ(connection->run("again").out, "done: again");
  EXPECT_EQ(connection->bytes_received(), 50 * 10u + 11);
}

TEST_F(Server, NoChannels) {
  start({.deny_channels = true});
  auto connection = connect();
  expect(ErrorCode::board_command, "opens no channel", [&] { connection->run("true"); });
  start({.ignore_channels = true});
  be_impatient();
  connection = connect();
  expect(ErrorCode::board_timeout, "did not start a command", [&] { connection->run("true"); });
  expect(ErrorCode::board_lost, "it did not answer", [&] { connection->run("true"); });
}

TEST_F(Server, EndsThatTellNothing) {
  start({.command = [](ssh_session session, ssh_channel channel, const std::string& command) {
    if (command == "close") ::ssh_channel_close(channel);
    if (command == "end") ::ssh_channel_send_eof(channel);
    if (command == "status") ::ssh_channel_request_send_exit_status(channel, 0);
    if (command == "signal") {
      ::ssh_channel_request_send_exit_signal(channel, "\x1b[2JEVIL and much, much too long", 1, "\x1b", "");
      ::ssh_channel_close(channel);
    }
    if (command == "leave") (void)::shutdown(::ssh_get_fd(session), SHUT_RDWR);
  }});
  be_impatient();
  auto connection = connect();
  expect(ErrorCode::board_command, "without telling how", [&] { connection->run("close"); });
  EXPECT_EQ(connection->run("signal").signal, "?[2JEVIL and muc...");
  expect(ErrorCode::board_timeout, "made no progress for ", [&] { connection->run("end"); });
  expect(ErrorCode::board_timeout, "left something running", [&] { connection->run("status"); });
  expect(ErrorCode::board_lost, "a command was running", [&] { connection->run("leave"); });
  expect(ErrorCode::board_lost, "it was not used", [&] { connection->run("true"); });
  expect(ErrorCode::board_lost, "it was not used", [&] { connection->hold("true", 1); });
}

TEST_F(Server, Floods) {
  const std::string piece(30000, 'x');
  start({.command = [piece](ssh_session session, ssh_channel channel, const std::string& command) {
    const auto size = static_cast<uint32_t>(piece.size());
    const auto connected = [&] {
      return (::ssh_get_status(session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0 && ::ssh_get_fd(session) >= 0;
    };
    if (command == "ignore")
      while (connected() && ::ssh_send_ignore(session, piece.c_str()) == SSH_OK);
    if (command == "out")
      while (connected() && ::ssh_channel_write(channel, piece.data(), size) > 0);
    if (command == "err") {
      for (int i = 0; i < 400; i++) ::ssh_channel_write_stderr(channel, piece.data(), size);
      finish_command(channel, "", 0);
    }
  }});
  auto connection = connect();
  const CommandResult result = connection->run("err");
  EXPECT_EQ(result.err.size(), 65536u);
  EXPECT_EQ(connection->bytes_received(), 400 * piece.size());
  expect(ErrorCode::board_command, "more than 64 MiB", [&] { connection->run("out"); });
  connection = connect();
  expect(ErrorCode::board_lost, "endless packets", [&] { connection->run("ignore"); });
  connection = connect();
  struct Enough {};
  const auto sink = [](std::span<const std::byte>) { throw Enough(); };
  EXPECT_THROW(connection->run("out", {.sink = sink}), Enough);
}

// Nobody reads what a held command prints later: however much it is, commands go on beside it.
TEST_F(Server, HeldCommandFloods) {
  ssh_channel held = nullptr;
  start({.command = [&held](ssh_session, ssh_channel channel, const std::string& command) {
    if (command == "hold") {
      held = channel;
      ::ssh_channel_write(held, "ready\n", 6);
      return;
    }
    const std::string piece(30000, 'x');
    int64_t left = 100 << 20;
    while (left > 0 && ::ssh_channel_write(held, piece.data(), 30000) > 0) left -= 30000;
    finish_command(channel, left > 0 ? "cut off" : "done", 0);
  }});
  const auto connection = connect();
  EXPECT_EQ(connection->hold("hold", 1), "ready");
  EXPECT_EQ(connection->run("work").out, "done");
}

}  // namespace
}  // namespace openhb::verify
