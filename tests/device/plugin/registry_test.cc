// SPDX-License-Identifier: Apache-2.0
// Finding and refusing plug-ins. OPENHB_PLUGIN_FOLDER holds those of odd_plugin.c, by the names of their
// cases. In a statically linked program all of them must be refused.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "common/error.h"
#include "device/plugin/registry.h"

namespace openhb::plugin {
namespace {

namespace fs = std::filesystem;

std::string path_of(const std::string& name) {
  return std::string(OPENHB_PLUGIN_FOLDER) + "/" + name + ".so";
}

std::string error_of(const std::string& path, ErrorCode code = ErrorCode::plugin_load) {
  try {
    load_file(path);
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
    return e.what();
  }
}
void expect_part(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' has no '" << part << "'";
}

bool can_load() {
  try {
    load_file(path_of("sound"));
    return true;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("linked statically"), std::string::npos) << e.what();
    return false;
  }
}

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "openhb_plugins_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string copy(const std::string& name, const std::string& as) const {
    fs::copy_file(path_of(name), path_ / (as + ".so"));
    return (path_ / (as + ".so")).string();
  }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return (path_ / name).string();
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(Registry, Files) {
  const Folder folder;
  expect_part(error_of("/nonexistent/x.so"), "no such file");
  expect_part(error_of(folder.path().string()), "not a file");
  expect_part(error_of(folder.write("text.so", "#!/bin/sh\n")), "not a shared library");
  expect_part(error_of(folder.write("empty.so", "")), "not a shared library");
  std::ifstream file(path_of("sound"), std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  expect_part(error_of(folder.write("cut.so", bytes.substr(0, 20))), "cut off");
#if defined(__aarch64__)
  bytes[18] = 62;  // e_machine
  expect_part(error_of(folder.write("other.so", bytes)), "it is for x86-64, this program is for aarch64");
#else
  bytes[18] = static_cast<char>(183);
  expect_part(error_of(folder.write("other.so", bytes)), "it is for aarch64, this program is for x86-64");
#endif
}

TEST(Registry, DamagedLibrary) {
  if (!can_load()) GTEST_SKIP() << "statically linked";
  const Folder folder;
  std::ifstream file(path_of("sound"), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  for (size_t n = 20; n < bytes.size(); n += bytes.size() / 50) {
    // What is behind the last segment (symbols for debuggers, tables of sections) is not missed.
    const std::string path = folder.write(fmt::format("cut_{}.so", n), bytes.substr(0, n));
    try {
      load_file(path);
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == ErrorCode::plugin_load || e.code() == ErrorCode::plugin_conflict) << e.what();
    }
    if (n < bytes.size() / 4) {
      EXPECT_NE(error_of(path), "") << n;
    }
  }
}

TEST(Registry, Tables) {
  if (!can_load()) GTEST_SKIP() << "statically linked";
  expect_part(error_of(path_of("no_symbol")), "does not export openhb_plugin_get");
  expect_part(error_of(path_of("wrong_abi")),
              "version 77 of the plug-in interface, this program has version 1");
  expect_part(error_of(path_of("no_table")), "no table for version 1");
  expect_part(error_of(path_of("short_table")), "its table is incomplete");
  expect_part(error_of(path_of("no_operators")), "at least one operator");
  expect_part(error_of(path_of("no_run")), "Copy: it has no infer() or no run()");
  expect_part(error_of(path_of("short_operator")), "24 bytes");
  EXPECT_EQ(load_file(path_of("newer")), std::vector<std::string>{"test::Later"});
}

TEST(Registry, TheSameOperatorTwice) {
  if (!can_load()) GTEST_SKIP() << "statically linked";
  EXPECT_EQ(load_file(path_of("sound")), std::vector<std::string>{"test::Copy"});  // again: nothing happens
  const std::string text = error_of(path_of("twin"), ErrorCode::plugin_conflict);
  expect_part(text, path_of("sound"));
  expect_part(text, "operator test::Copy");
}

// Files that cannot be loaded do not keep others from being found, and are told when nothing is found.
TEST(Registry, SearchPath) {
  const Folder first, second;
  first.write("text.so", "nothing");
  first.write("note.txt", "not a plug-in by its name");
  second.copy("wrong_abi", "a");
  const std::string path = first.path().string() + "::/nonexistent:" + second.path().string();
  ::setenv(kSearchPath, path.c_str(), 1);
  EXPECT_EQ(find_operator("test", "Unheard"), nullptr);
  const std::string text = why_missing("test", "Unheard");
  for (const char* part : {"text.so", "a.so", "'/nonexistent' cannot be read", "test::Unheard"})
    expect_part(text, part);
  EXPECT_EQ(text.find("note.txt"), std::string::npos);
  if (can_load()) {
    second.copy("newer", "b");
    // Another table of an operator that is there already.
    bool known = find_operator("test", "Later") != nullptr;
    EXPECT_TRUE(known);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([] { EXPECT_NE(find_operator("test", "Later"), nullptr); });
    for (std::thread& t : threads) t.join();
  }
  ::unsetenv(kSearchPath);
}

int32_t infer(const openhb_node*, openhb_tensor*, openhb_error*) { return -1; }
int32_t run(void*, const openhb_run*, openhb_error*) { return -1; }

openhb_op sound_op() {
  openhb_op op{};
  op.size = sizeof(op);
  op.domain = "test", op.type = "Registered";
  op.max_inputs = op.min_outputs = op.max_outputs = 1;
  op.infer = infer, op.run = run;
  return op;
}

TEST(Registry, OperatorsOfTheApplication) {
  static const openhb_op op = sound_op();
  add_operator(&op);
  add_operator(&op);
  const Operator* found = find_operator("test", "Registered");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->origin, "the application");
  static const openhb_op other = sound_op();
  EXPECT_THROW(add_operator(&other), Error);
  EXPECT_THROW(add_operator(nullptr), Error);
  const openhb_attribute_rule twice[] = {{"a", OPENHB_ATTRIBUTE_INT, 0}, {"a", OPENHB_ATTRIBUTE_INT, 0}};
  const openhb_attribute_rule kind[] = {{"a", 5, 0}};
  const std::pair<const char*, void (*)(openhb_op&)> kWrong[] = {
      {"type", [](openhb_op& o) { o.type = nullptr; }},
      {"printable", [](openhb_op& o) { o.type = "a b"; }},
      {"domain", [](openhb_op& o) { o.domain = "a\n"; }},
      {"inputs", [](openhb_op& o) { o.max_inputs = 63; }},
      {"inputs", [](openhb_op& o) { o.min_inputs = 2; }},
      {"outputs", [](openhb_op& o) { o.min_outputs = 0; }},
      {"infer()", [](openhb_op& o) { o.infer = nullptr; }},
      {"run()", [](openhb_op& o) { o.run = nullptr; }},
      {"list of attributes", [](openhb_op& o) { o.attribute_count = 1; }},
      {"list of attributes", [](openhb_op& o) { o.attribute_count = -1; }}};
  for (const auto& [part, change] : kWrong) {
    openhb_op bad = sound_op();
    change(bad);
    try {
      add_operator(&bad);
      ADD_FAILURE() << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::plugin_load);
      expect_part(e.what(), part);
    }
  }
  for (const auto& [rules, count, part] :
       {std::tuple{twice, 2, "'a' is there twice"}, std::tuple{kind, 1, "unknown kind 5"}}) {
    openhb_op bad = sound_op();
    bad.type = "Bad", bad.attributes = rules, bad.attribute_count = count;
    try {
      add_operator(&bad);
      ADD_FAILURE() << part;
    } catch (const Error& e) {
      expect_part(e.what(), part);
    }
  }
}

}  // namespace
}  // namespace openhb::plugin
