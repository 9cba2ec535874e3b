// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include "common/error.h"
#include "common/io/interrupt.h"
#include "host/verify/remote_text.h"
#include "host/verify/ssh/channel.h"
#include "host/verify/ssh/host_key.h"
#include "host/verify/ssh/login.h"
#include "host/verify/ssh/socket.h"

namespace openhb::verify {
namespace {

constexpr size_t kMostKept = 64 << 20;     // of a command's output without a sink
constexpr size_t kLongestLine = 64 << 10;  // of a held command
constexpr double kGrace = 1;               // for a command to end after it was asked to
constexpr double kQuickGrace = 0.2;        // after Ctrl-C

// A command and what has moved so far.
struct Exchange {
  Channel& channel;
  const CommandOptions& options;
  std::span<const std::byte> input;
  bool end_sent = false;
  uint64_t received = 0;
  uint32_t window = 0;
  double moved = now_seconds();
};

class SshConnection : public Connection {
 public:
  SshConnection(std::unique_ptr<Session> session, double timeout)
      : session_(std::move(session)), timeout_(timeout) {}

  CommandResult run(const std::string& command, const CommandOptions& options) override;
  std::string hold(const std::string& command, double interval) override;
  std::string name() const override { return session_->name(); }
  uint64_t bytes_sent() const override { return sent_; }
  uint64_t bytes_received() const override { return received_; }

 private:
  void check_usable();
  bool step(Exchange& exchange);
  void pump(int milliseconds);
  void beat();
  void stop(Channel& channel, double grace);
  // The connection may have ended, or the other machine hang.
  void check_answers(double moved);

  std::unique_ptr<Session> session_;
  double timeout_;
  std::unique_ptr<Channel> held_;
  double interval_ = 0, last_beat_ = 0, last_probe_ = 0;
  uint64_t sent_ = 0, received_ = 0;
};

void SshConnection::check_usable() {
  check_interrupt();
  session_->pump(0);
  if (!session_->alive()) session_->lost("it was not used");
}

// One slice: what came is recorded in the channels.
void SshConnection::pump(int milliseconds) {
  session_->pump(milliseconds);
  beat();
  const double now = now_seconds();
  const double pause = std::min(5.0, timeout_ / 8);
  if (now - std::max(session_->heard(), last_probe_) > pause) {
    last_probe_ = now;
    session_->keep_alive();
  }
}

void SshConnection::beat() {
  if (!held_ || held_->closed) return;
  if (now_seconds() - last_beat_ < interval_) return;
  last_beat_ = now_seconds();
  if (held_->beat()) sent_++;
}

void SshConnection::stop(Channel& channel, double grace) {
  channel.terminate();
  const Deadline deadline(grace);
  while (!channel.closed && session_->alive() && !deadline.passed()) {
    session_->pump(deadline.slice(kSliceMs));
    channel.out.clear();
  }
}

void SshConnection::check_answers(double moved) {
  if (!session_->alive()) session_->lost("a command was running");
  if (now_seconds() - std::max(moved, session_->heard()) < timeout_) return;
  session_->kill("it did not answer");
  fail(ErrorCode::board_timeout, "{} has not answered for {:g} seconds, not even to say that it is there",
       session_->name(), timeout_);
}

CommandResult SshConnection::run(const std::string& command, const CommandOptions& options) {
  check_usable();
  beat();
  Channel channel(*session_);
  channel.start(command, timeout_);
  Exchange exchange{.channel = channel, .options = options, .input = options.input};
  const Deadline limit(options.limit > 0 ? options.limit : 1e9);
  double grace = kGrace;
  try {
    while (!step(exchange)) {
      grace = kQuickGrace;
      check_interrupt();
      grace = kGrace;
      check_answers(exchange.moved);
      if (limit.passed())
        fail(ErrorCode::board_timeout, "a command on {} was stopped after {:g} seconds", session_->name(),
             options.limit);
      if (options.limit <= 0 && now_seconds() - exchange.moved > timeout_)
        fail(ErrorCode::board_timeout, "a command on {} made no progress for {:g} seconds{}",
             session_->name(), timeout_,
             channel.status ? "; it has ended, but left something running that keeps its output open" : "");
    }
  } catch (...) {
    stop(channel, grace);
    throw;
  }
  if (!channel.status && channel.signal.empty())
    fail(ErrorCode::board_command, "{} ended a command without telling how; it printed '{}'",
         session_->name(), remote_text(channel.err));
  return {.status = channel.signal.empty() ? *channel.status : -1,
          .signal = std::move(channel.signal),
          .out = std::move(channel.out),
          .err = std::move(channel.err)};
}

// Sends and receives what can be at the moment, for a slice of time. True: the command has ended.
bool SshConnection::step(Exchange& exchange) {
  Channel& channel = exchange.channel;
  const CommandOptions& options = exchange.options;
  const size_t sent = channel.send(exchange.input.data(), exchange.input.size());
  exchange.input = exchange.input.subspan(sent);
  sent_ += sent;
  if (exchange.input.empty() && !std::exchange(exchange.end_sent, true)) channel.send_end();
  if (!channel.closed) pump(sent > 0 ? 0 : kSliceMs);
  // A window that grows: the command takes what was sent long ago.
  const bool progress =
      sent > 0 || channel.received != exchange.received || channel.window() > exchange.window;
  exchange.window = channel.window();
  if (!progress) return channel.closed;
  exchange.moved = now_seconds();
  session_->moved();  // sending, too
  received_ += channel.received - exchange.received;
  exchange.received = channel.received;
  if (options.sink && !channel.out.empty()) {
    options.sink(std::as_bytes(std::span<const char>(channel.out)));
    channel.out.clear();
  }
  if (channel.out.size() > kMostKept)
    fail(ErrorCode::board_command, "a command on {} printed more than {} MiB", session_->name(),
         kMostKept >> 20);
  if (options.progress) options.progress(options.input.size() - exchange.input.size(), exchange.received);
  return channel.closed;
}

std::string SshConnection::hold(const std::string& command, double interval) {
  check_usable();
  if (held_) fail(ErrorCode::internal, "only one command can be held on {}", session_->name());
  auto channel = std::make_unique<Channel>(*session_);
  channel->start(command, timeout_);
  const Deadline deadline(timeout_);
  size_t end = std::string::npos;
  while ((end = channel->out.find('\n')) == std::string::npos) {
    check_interrupt();
    if (!channel->closed) check_answers(0);
    if (channel->closed || channel->out.size() > kLongestLine)
      fail(ErrorCode::board_command, "a command that should wait on {} {}: '{}'", session_->name(),
           channel->closed ? "ended" : "prints too much",
           remote_text(channel->err.empty() ? channel->out : channel->err));
    if (deadline.passed()) {
      stop(*channel, kGrace);
      fail(ErrorCode::board_timeout, "a command that should wait on {} was not ready within {:g} seconds",
           session_->name(), timeout_);
    }
    pump(kSliceMs);
  }
  received_ += channel->received;
  channel->keep = false;
  std::string line = channel->out.substr(0, end);
  held_ = std::move(channel);
  interval_ = interval;
  last_beat_ = now_seconds();
  return line;
}

}  // namespace

std::unique_ptr<Connection> connect_ssh(const Address& address, const Login& login) {
  const std::vector<KnownKey> known = known_keys(known_hosts_file(login), known_hosts_name(address));
  const int socket = connect_socket(address, login.timeout);
  auto session = std::make_unique<Session>(socket, address.text(), login.user, host_key_algorithms(known));
  session->handshake(login.timeout);
  check_host_key(*session, address, login, known);
  log_in(*session, address, login);
  return std::make_unique<SshConnection>(std::move(session), login.timeout);
}

}  // namespace openhb::verify
