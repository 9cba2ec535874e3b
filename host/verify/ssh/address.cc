// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "common/error.h"
#include "host/verify/remote_text.h"
#include "host/verify/ssh/ssh.h"

namespace openhb::verify {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

bool only(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

// With a zone or without: "fe80::1%eth0".
bool is_ipv6(const std::string& text) {
  const size_t percent = text.find('%');
  in6_addr address;
  if (::inet_pton(AF_INET6, text.substr(0, percent).c_str(), &address) != 1) return false;
  if (percent == std::string::npos) return true;
  const std::string zone = text.substr(percent + 1);
  return !zone.empty() && zone.size() < 16 && only(zone, kNameCharacters);
}

// What this refuses cannot be a name, and could be more than one word of a known_hosts line.
bool is_name(const std::string& text) {
  if (text.empty() || text.size() > 253 || text.front() == '-' || text.front() == '.') return false;
  if (!only(text, kNameCharacters) || text.find("..") != std::string::npos) return false;
  in_addr address;
  return !only(text, "0123456789.") || ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

[[noreturn]] void refuse(const std::string& text, const std::string& reason) {
  fail(ErrorCode::usage,
       "'{}' is not the address of a board: {}; expected a name, an IPv4 or an IPv6 address, with a port "
       "when it is not 22: 10.0.0.2, board.local:2222, [fe80::1%eth0]:2222",
       remote_text(text), reason);
}

}  // namespace

std::string Address::text() const {
  if (port == 22) return host;
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

Address parse_address(const std::string& text) {
  if (text.empty()) refuse(text, "it is empty");
  if (text.find('@') != std::string::npos) refuse(text, "the user has an option of its own");
  Address address;
  std::string port;
  bool has_port = false, bracket = text.front() == '[';
  if (bracket) {
    const size_t end = text.find(']');
    if (end == std::string::npos) refuse(text, "']' is missing");
    address.host = text.substr(1, end - 1);
    has_port = end + 1 < text.size();
    if (has_port && text[end + 1] != ':') refuse(text, "behind ']' there can only be a port");
    if (has_port) port = text.substr(end + 2);
  } else if (std::ranges::count(text, ':') == 1) {
    const size_t colon = text.find(':');
    address.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  } else {
    address.host = text;
  }
  if (has_port) {
    const char* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data(), end, address.port);
    if (!only(port, kDigits) || error != std::errc() || stop != end || address.port < 1 ||
        address.port > 65535)
      refuse(text, "the port must be a number from 1 to 65535");
  }
  if (is_ipv6(address.host)) return address;
  if (address.host.find(':') != std::string::npos) refuse(text, "this is no IPv6 address");
  if (bracket) refuse(text, "in brackets there can only be an IPv6 address");
  if (!is_name(address.host)) refuse(text, "the host has characters or a form that no name has");
  return address;
}

}  // namespace openhb::verify
