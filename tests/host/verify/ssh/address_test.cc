// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "common/error.h"
#include "host/verify/connection.h"
#include "host/verify/ssh/known_hosts.h"
#include "host/verify/ssh/ssh.h"

namespace openhb::verify {
namespace {

TEST(Address, Forms) {
  struct Case {
    const char *text, *host;
    int port;
    const char *shown, *known;
  };
  const Case cases[] = {
      {"10.0.0.2", "10.0.0.2", 22, "10.0.0.2", "10.0.0.2"},
      {"10.0.0.2:2222", "10.0.0.2", 2222, "10.0.0.2:2222", "[10.0.0.2]:2222"},
      {"Board.Local", "Board.Local", 22, "Board.Local", "board.local"},
      {"my_board-7:1", "my_board-7", 1, "my_board-7:1", "[my_board-7]:1"},
      {"board:65535", "board", 65535, "board:65535", "[board]:65535"},
      {"fe80::1", "fe80::1", 22, "fe80::1", "fe80::1"},
      {"::1", "::1", 22, "::1", "::1"},
      {"[::1]", "::1", 22, "::1", "::1"},
      {"[fe80::A%eth0]:2222", "fe80::A%eth0", 2222, "[fe80::A%eth0]:2222", "[fe80::a%eth0]:2222"},
      {"fe80::1%enp3s0.7", "fe80::1%enp3s0.7", 22, "fe80::1%enp3s0.7", "fe80::1%enp3s0.7"},
      {"::ffff:10.0.0.2", "::ffff:10.0.0.2", 22, "::ffff:10.0.0.2", "::ffff:10.0.0.2"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const Address address = parse_address(c.text);
    EXPECT_EQ(address.host, c.host);
    EXPECT_EQ(address.port, c.port);
    EXPECT_EQ(address.text(), c.shown);
    EXPECT_EQ(known_hosts_name(address), c.known);
    EXPECT_EQ(parse_address(address.text()).text(), address.text());
  }
}

TEST(Address, Refused) {
  for (const char* text : {"",
                           " ",
                           "a b",
                           "root@board",
                           "board:",
                           ":22",
                           "board:0",
                           "board:65536",
                           "board:99999999999",
                           "board:22x",
                           "board:-1",
                           "board: 22",
                           "[::1",
                           "[::1]x",
                           "[::1]:",
                           "[board]",
                           "[10.0.0.2]:22",
                           "1::2::3",
                           "fe80::1%",
                           "fe80::1%a/b",
                           "fe80::1%averyverylongname",
                           "10.0.0",
                           "300.1.1.1",
                           "1234",
                           "-board",
                           ".board",
                           "a..b",
                           "board,other",
                           "*",
                           "board\n",
                           "b\x1b[2J",
                           "b\xc3\xb6rd",
                           "::1:22:",
                           "a/b"}) {
    SCOPED_TRACE(text);
    try {
      parse_address(text);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_EQ(std::string(error.what()).find_first_of("\n\x1b"), std::string::npos);
    }
  }
  EXPECT_THROW(parse_address(std::string(300, 'a')), Error);
  EXPECT_THROW(parse_address(std::string("bo\0rd", 5)), Error);
}

TEST(Quoting, AnyWord) {
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("a b$(c)`d`\\"), "'a b$(c)`d`\\'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace openhb::verify
