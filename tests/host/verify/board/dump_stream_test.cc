// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/dump_stream.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "common/error.h"
#include "common/io/file.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;

const std::string kIndex =
    R"({"model": "m", "tensors": [{"files": ["a b.bin"], "kind": "output", "name": "a b", "dtype": "int8", "shape": [1, 5]},
 {"files": ["empty.bin"], "kind": "tensor", "name": "e", "dtype": "float32", "shape": [0]},
 {"files": [".x.bin"], "kind": "tensor", "name": ".x", "dtype": "float32", "shape": [2, 1]}]})";

struct Piece {
  std::string name, content;
};
const std::vector<Piece> kPieces = {
    {"./a b.bin", "hello"}, {"./empty.bin", ""}, {"./dump_index.json", kIndex}, {"./.x.bin", "12345678"}};

std::string stream(const std::vector<Piece>& pieces) {
  std::string list = "noise of a login script\n@openhb\n", contents;
  size_t total = 0;
  for (const Piece& piece : pieces) {
    list += fmt::format("{:7} {}\n", piece.content.size(), piece.name);
    contents += piece.content;
    total += piece.content.size();
  }
  return list + fmt::format("{} total\n@files\n", total) + contents;
}

class DumpStream : public ::testing::Test {
 protected:
  DumpStream() : base_(fs::path(::testing::TempDir()) / fmt::format("dump_stream_{}", getpid())) {
    fs::remove_all(base_);
    fs::create_directories(base_);
  }
  ~DumpStream() override { fs::remove_all(base_); }
  std::string folder() const { return base_ / "dump"; }

  void receive(const std::string& text, size_t step) const {
    FolderReceiver receiver(folder(), "the board");
    for (size_t i = 0; i < text.size(); i += step)
      receiver.take(std::as_bytes(std::span(text)).subspan(i, std::min(step, text.size() - i)));
    receiver.finish();
    EXPECT_EQ(receiver.received(), receiver.total());
  }
  // Refused with this code and a sentence that has these words; nothing stays behind.
  void expect_refused(const std::string& text, std::string_view words,
                      ErrorCode code = ErrorCode::board_command) const {
    for (const size_t step : {size_t{1}, size_t{100}, text.size()}) {
      try {
        receive(text, std::max<size_t>(step, 1));
        ADD_FAILURE() << words << " was not refused";
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), code) << e.what();
        EXPECT_TRUE(std::string_view(e.what()).contains(words)) << e.what();
      }
      EXPECT_TRUE(fs::is_empty(base_)) << "after " << words;
    }
  }
  std::vector<Piece> with(const std::function<void(std::vector<Piece>&)>& change) const {
    std::vector<Piece> pieces = kPieces;
    change(pieces);
    return pieces;
  }
  fs::path base_;
};

TEST_F(DumpStream, WritesTheFolder) {
  for (const size_t step : {size_t{1}, size_t{7}, size_t{1} << 20}) {
    receive(stream(kPieces), step);
    for (const Piece& piece : kPieces) EXPECT_EQ(read_text_file(folder() + "/" + piece.name), piece.content);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder()), {}), 4);
    EXPECT_EQ(std::distance(fs::directory_iterator(base_), {}), 1);
    fs::remove_all(folder());
  }
}

TEST_F(DumpStream, NamesThatLeaveTheFolder) {
  for (const char* name :
       {"./../evil", "/etc/passwd", "./a/b.bin", "./..", "./", ".", "evil", "./a\x1b[31mb", "./\x01"})
    expect_refused(stream(with([&](auto& p) { p[0].name = name; })), "is called");
  expect_refused(stream(with([&](auto& p) { p[0].name = "./" + std::string(300, 'x'); })), "is called");
  expect_refused(stream(with([](auto& p) { p[1].name = p[0].name; })), "two files");
}

TEST_F(DumpStream, WrongSizes) {
  expect_refused(stream(with([](auto& p) { p[0].content += "x"; })), "has 6 bytes, its tensor 5");
  expect_refused(stream(with([](auto& p) { p[0].content = "hell"; })), "has 4 bytes, its tensor 5");
  std::string text = stream(kPieces);
  expect_refused(text + "more", "longer than their list");
  text.pop_back();
  expect_refused(text, "bytes came");
  expect_refused(stream(kPieces).substr(0, 60), "did not come");
  expect_refused("", "did not come");
}

TEST_F(DumpStream, HugeAndEndlessAnswers) {
  expect_refused("@openhb\n99999999999999 ./x.bin\n@files\n", "free", ErrorCode::file_unwritable);
  expect_refused("@openhb\n100000000 ./dump_index.json\n@files\n", "has 95.4 MiB");
  expect_refused("@openhb\n18446744073709551615 ./dump_index.json\n@files\n", "too much");
  expect_refused("@openhb\n-5 ./dump_index.json\n@files\n", "a line of the list");
  expect_refused("@openhb\nls: nothing here\n@files\n", "a line of the list");
  expect_refused("no mark\n@files\n", "no start");
  FolderReceiver receiver(folder(), "the board");
  const std::string noise(1 << 20, 'y');
  EXPECT_THROW(for (int i = 0; i < 100; ++i) receiver.take(std::as_bytes(std::span(noise))), Error);
}

TEST_F(DumpStream, WrongIndexes) {
  const auto index = [&](const std::string& text) {
    return stream(with([&](auto& p) { p[2].content = text; }));
  };
  expect_refused(index("{"), "damaged");
  expect_refused(index("[]"), "damaged");
  expect_refused(index(R"({"tensors": [5]})"), "damaged");
  expect_refused(index(R"({"tensors": []})"), "does not name");
  expect_refused(index(std::string(100'000, '[')), "damaged");
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string text = kIndex;
    text.replace(text.find(from), from.size(), to);
    return index(text);
  };
  expect_refused(replaced("\"a b.bin\"", "\"../../etc/passwd\""), "did not come");
  expect_refused(replaced("\"a b.bin\"", "17"), "did not come");
  expect_refused(replaced("[1, 5]", "[1, 6]"), "its tensor 6");
  expect_refused(replaced("[1, 5]", "[-1, -5]"), "damaged");
  expect_refused(replaced("[1, 5]", "[\"a\"]"), "damaged");
  expect_refused(replaced("[1, 5]", "5"), "damaged");
  expect_refused(replaced("\"int8\"", "\"int7\""), "damaged");
  expect_refused(replaced("\"int8\"", "8"), "damaged");
  expect_refused(stream(with([](auto& p) { p.erase(p.begin() + 2); })), "no dump_index.json");
  expect_refused(stream(with([](auto& p) { p.push_back({"./extra.bin", "x"}); })), "does not name");
  EXPECT_THROW(receive(replaced("[1, 5]", "[4611686018427387904, 4611686018427387904]"), 1000), Error);
  EXPECT_TRUE(fs::is_empty(base_));
}

TEST_F(DumpStream, FoldersThatAreThere) {
  fs::create_directories(folder());
  receive(stream(kPieces), 100);  // empty: it is replaced
  EXPECT_THROW(FolderReceiver(folder(), "the board"), Error);
  EXPECT_EQ(std::distance(fs::directory_iterator(base_), {}), 1);
}

}  // namespace
}  // namespace openhb::verify
