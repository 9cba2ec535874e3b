// SPDX-License-Identifier: Apache-2.0
#include "host/verify/ssh/known_hosts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/error.h"
#include "host/verify/ssh/host_key.h"

namespace openhb::verify {
namespace {

constexpr char kEd25519[] = "AAAAC3NzaC1lZDI1NTE5AAAAILjfM0jXa958F/Vpnew4YuB0LwzycKCQT+6BD7NHaozQ";

class KnownHosts : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "openhb_known_hosts_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
    file_ = folder_ + "/known_hosts";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) { std::ofstream(file_, std::ios::binary) << text; }
  std::string content() const {
    std::ostringstream text;
    text << std::ifstream(file_, std::ios::binary).rdbuf();
    return text.str();
  }
  std::vector<size_t> lines(const std::string& name) const {
    std::vector<size_t> found;
    for (const KnownKey& key : known_keys(file_, name)) found.push_back(key.line);
    return found;
  }
  static Key generate(ssh_keytypes_e type, int bits) {
    ssh_key key = nullptr;
    EXPECT_EQ(::ssh_pki_generate(type, bits, &key), SSH_OK);
    return Key(key);
  }

  std::string folder_, file_;
};

TEST_F(KnownHosts, FindsLines) {
  const std::string key = std::string(" ssh-ed25519 ") + kEd25519;
  write("# a comment\n\nother" + key + "\n10.0.0.2,board" + key + " root@board\n  board\tssh-ed25519\t" +
        kEd25519 + "\n*.local" + key + "\n[board]:2222" + key + "\n" +
        "|1|AAECAwQFBgcICQoLDA0ODxAREhM=|V+PjFGZIJ+F1cwN5uhd7LZL6h6I=" + key + "\nboard" + key);
  EXPECT_EQ(lines("board"), (std::vector<size_t>{4, 5, 9}));
  EXPECT_EQ(lines("10.0.0.2"), (std::vector<size_t>{4}));
  EXPECT_EQ(lines("x.local"), (std::vector<size_t>{6}));
  EXPECT_EQ(lines("[board]:2222"), (std::vector<size_t>{7}));
  EXPECT_EQ(lines("hashed.board"), (std::vector<size_t>{8}));
  EXPECT_EQ(lines("[board]:2223"), (std::vector<size_t>{}));
}

TEST_F(KnownHosts, DamagedLinesAreNoKeys) {
  const std::string key = std::string(" ssh-ed25519 ") + kEd25519;
  write("board\nboard ssh-ed25519\nboard ssh-ed25519 AAAA\nboard ssh-ed25519 ???\nboard ssh-rsa " +
        std::string(kEd25519) + "\nboard nonsense " + kEd25519 + "\n" + std::string(100000, 'x') +
        "\nboard ssh-ed25519 " + std::string(100000, 'A') + "\n@cert-authority board" + key +
        "\n@revoked board" + key + "\n|1|x|y" + key + "\n|1|" + key + "\n");
  const std::vector<KnownKey> keys = known_keys(file_, "board");
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].line, 10u);
  EXPECT_TRUE(keys[0].revoked);
}

TEST_F(KnownHosts, Missing) {
  EXPECT_TRUE(known_keys(file_, "board").empty());
  EXPECT_THROW(known_keys(folder_, "board"), Error);
}

TEST_F(KnownHosts, AddsLines) {
  const Key ed25519 = generate(SSH_KEYTYPE_ED25519, 0), ecdsa = generate(SSH_KEYTYPE_ECDSA, 384);
  const Key rsa = generate(SSH_KEYTYPE_RSA, 2048);
  file_ = folder_ + "/ssh/known_hosts";
  add_known_key(file_, "board", ed25519.get());
  struct stat facts{};
  ASSERT_EQ(::stat(file_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0600u);
  write("other key");  // somebody forgot the line end
  add_known_key(file_, "board", ecdsa.get());
  add_known_key(file_, "[::1]:2222", rsa.get());
  EXPECT_TRUE(content().starts_with("other key\nboard ecdsa-sha2-nistp384 AAAA")) << content();
  EXPECT_EQ(content().back(), '\n');
  const auto board = known_keys(file_, "board"), other = known_keys(file_, "[::1]:2222");
  ASSERT_EQ(board.size(), 1u);
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(board[0].line, 2u);
  EXPECT_EQ(::ssh_key_cmp(board[0].key.get(), ecdsa.get(), SSH_KEY_CMP_PUBLIC), 0);
  EXPECT_EQ(::ssh_key_cmp(other[0].key.get(), rsa.get(), SSH_KEY_CMP_PUBLIC), 0);
}

TEST_F(KnownHosts, AddedAtOnceByMany) {
  const Key key = generate(SSH_KEYTYPE_ED25519, 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 10; k++)
        add_known_key(file_, "board" + std::to_string(i) + "x" + std::to_string(k), key.get());
    });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < 10; k++)
      EXPECT_EQ(lines("board" + std::to_string(i) + "x" + std::to_string(k)).size(), 1u);
}

TEST_F(KnownHosts, NotWritable) {
  const Key key = generate(SSH_KEYTYPE_ED25519, 0);
  for (const std::string& file : {folder_, file_ + "/a/b", std::string("/dev/full")}) {
    SCOPED_TRACE(file);
    try {
      add_known_key(file, "board", key.get());
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::file_unwritable);
      EXPECT_NE(std::string(error.what()).find(file), std::string::npos);
    }
  }
}

TEST_F(KnownHosts, AsksForKnownTypesFirst) {
  EXPECT_TRUE(host_key_algorithms({}).starts_with("ssh-ed25519,"));
  const Key rsa = generate(SSH_KEYTYPE_RSA, 2048), ecdsa = generate(SSH_KEYTYPE_ECDSA, 256);
  add_known_key(file_, "board", rsa.get());
  EXPECT_EQ(host_key_algorithms(known_keys(file_, "board")),
            "rsa-sha2-512,rsa-sha2-256,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
            "ecdsa-sha2-nistp521");
  add_known_key(file_, "board", ecdsa.get());
  EXPECT_TRUE(
      host_key_algorithms(known_keys(file_, "board")).starts_with("ecdsa-sha2-nistp256,rsa-sha2-512,"));
}

TEST_F(KnownHosts, Fingerprint) {
  write(std::string("board ssh-ed25519 ") + kEd25519 + "\n");
  const auto keys = known_keys(file_, "board");
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(fingerprint(keys[0].key.get()), "ED25519 SHA256:cOhqFUXwEcPgpUw6cfXDLCTfeK8qQJ6KFG5GADSpb2I");
  EXPECT_TRUE(fingerprint(generate(SSH_KEYTYPE_ECDSA, 521).get()).starts_with("ECDSA SHA256:"));
  EXPECT_TRUE(fingerprint(generate(SSH_KEYTYPE_RSA, 2048).get()).starts_with("RSA SHA256:"));
}

}  // namespace
}  // namespace openhb::verify
