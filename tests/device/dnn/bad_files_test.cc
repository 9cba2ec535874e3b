// SPDX-License-Identifier: Apache-2.0
// Files and memory that are not a model, not a whole one, or not one for this library.
#include <sys/stat.h>

#include <limits>
#include <random>
#include <set>

#include "common/io/file.h"
#include "common/program/container.h"
#include "common/program/file.h"
#include "tests/device/dnn/refused.h"
#include "tests/device/dnn/test_client.h"
#include "tests/device/dnn/test_models.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {
namespace {

using Bytes = std::vector<std::byte>;

int32_t load_file(hbPackedDNNHandle_t* packed, const std::string& path) {
  const char* name = path.c_str();
  return hbDNNInitializeFromFiles(packed, &name, 1);
}

int32_t load_memory(hbPackedDNNHandle_t* packed, const Bytes& bytes) {
  const void* data = bytes.data();
  int32_t length = static_cast<int32_t>(bytes.size());
  return hbDNNInitializeFromDDR(packed, &data, &length, 1);
}

class BadFiles : public ::testing::Test {
 protected:
  // Refused from a file and from memory, and by the plan of memory.
  void expect_bad(const Bytes& bytes, int32_t expected, const std::string& word = "") {
    const std::string file = folder_.path("bad.bin");
    write_file_atomically(file, bytes);
    Untouched<hbPackedDNNHandle_t> packed;
    EXPECT_REFUSED(expected, load_file(&packed, file), word, "bad.bin");
    openhbMemoryPlan plan = {};
    plan.structSize = sizeof plan;
    EXPECT_REFUSED(expected, openhbGetFileMemoryPlan(&plan, file.c_str(), nullptr), word);
    EXPECT_EQ(plan.peakBytes, 0u);
    if (!bytes.empty()) EXPECT_REFUSED(expected, load_memory(&packed, bytes), word);
  }

  ModelFolder folder_{"bad_files"};
  const Bytes good_ = serialize_program(quantized_network());
};

TEST_F(BadFiles, Arguments) {
  Untouched<hbPackedDNNHandle_t> packed;
  const std::string file = folder_.add(small_network());
  const char* name = file.c_str();
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromFiles(nullptr, &name, 1));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromFiles(&packed, nullptr, 1));
  for (int32_t count : {0, -1, std::numeric_limits<int32_t>::min()})
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromFiles(&packed, &name, count));
  const char* with_null[] = {name, nullptr};
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromFiles(&packed, with_null, 2));

  const void* data = good_.data();
  int32_t length = static_cast<int32_t>(good_.size());
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(nullptr, &data, &length, 1));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(&packed, nullptr, &length, 1));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(&packed, &data, nullptr, 1));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(&packed, &data, &length, 0));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(&packed, &data, &length, -7));
  const void* null = nullptr;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(&packed, &null, &length, 1));
  for (int32_t bad : {0, -1, std::numeric_limits<int32_t>::min()})
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromDDR(&packed, &data, &bad, 1));

  openhbMemoryPlan plan = {};
  plan.structSize = sizeof plan;
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetFileMemoryPlan(nullptr, name, nullptr));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetFileMemoryPlan(&plan, nullptr, nullptr));
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetFileMemoryPlan(&plan, name, "no such"), "no such",
                 "small_network");
  for (uint32_t size : {0u, 1u, 7u}) {
    plan.structSize = size;
    EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, openhbGetFileMemoryPlan(&plan, name, nullptr), "structSize");
  }
}

TEST_F(BadFiles, NotThere) {
  Untouched<hbPackedDNNHandle_t> packed;
  EXPECT_REFUSED(HB_DNN_CAN_NOT_OPEN_FILE, load_file(&packed, folder_.path("none.bin")), "none.bin");
  EXPECT_REFUSED(HB_DNN_CAN_NOT_OPEN_FILE, load_file(&packed, ""));
  EXPECT_REFUSED(HB_DNN_CAN_NOT_OPEN_FILE, load_file(&packed, folder_.path("")));  // the folder
  EXPECT_REFUSED(HB_DNN_CAN_NOT_OPEN_FILE, load_file(&packed, std::string(10000, 'x')));
  openhbMemoryPlan plan = {};
  plan.structSize = sizeof plan;
  EXPECT_REFUSED(HB_DNN_CAN_NOT_OPEN_FILE,
                 openhbGetFileMemoryPlan(&plan, folder_.path("none.bin").c_str(), nullptr), "none.bin");
  // A pipe that nobody writes: refused at once, not waited for.
  const std::string pipe = folder_.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int32_t status = load_file(&packed, pipe);
  EXPECT_TRUE(status == HB_DNN_CAN_NOT_OPEN_FILE || status == HB_DNN_INVALID_MODEL) << status;
  // The second of two: nothing of the first stays behind.
  const std::string good = folder_.add(small_network()), none = folder_.path("none.bin");
  const char* names[] = {good.c_str(), none.c_str()};
  EXPECT_REFUSED(HB_DNN_CAN_NOT_OPEN_FILE, hbDNNInitializeFromFiles(&packed, names, 2), "none.bin");
}

TEST_F(BadFiles, SameNameTwice) {
  Untouched<hbPackedDNNHandle_t> packed;
  const std::string one = folder_.add(small_network()), two = folder_.path("two.bin");
  write_program(two, small_network());
  const char* names[] = {one.c_str(), two.c_str()};
  EXPECT_REFUSED(HB_DNN_INVALID_ARGUMENT, hbDNNInitializeFromFiles(&packed, names, 2), "small_network");
}

TEST_F(BadFiles, NotModels) {
  expect_bad({}, HB_DNN_INVALID_MODEL);
  std::mt19937 random(5);
  for (size_t size : {size_t{1}, size_t{7}, size_t{8}, size_t{63}, size_t{64}, size_t{65}, size_t{100000}}) {
    Bytes bytes(size);
    expect_bad(bytes, HB_DNN_INVALID_MODEL);  // zeros
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    expect_bad(bytes, HB_DNN_INVALID_MODEL);
  }
  for (const std::string text : {"\x7f"
                                 "ELF\2\1\1",
                                 "#!/bin/sh\necho\n", "\xff\xd8\xff\xe0", "PK\3\4", "\x08\x07\x12\x04onnx"}) {
    std::string padded = text;
    padded.resize(4096, 'x');
    const auto bytes = std::as_bytes(std::span(padded));
    expect_bad(Bytes(bytes.begin(), bytes.end()), HB_DNN_INVALID_MODEL);
  }
  // The start of a model, then anything.
  Bytes bytes(good_.begin(), good_.begin() + 8);
  for (int i = 0; i < 5000; ++i) bytes.push_back(static_cast<std::byte>(random()));
  hbPackedDNNHandle_t packed = nullptr;
  EXPECT_NE(load_memory(&packed, bytes), 0);
}

// Cut at, before and behind every border of the container, with and without checksums that fit.
TEST_F(BadFiles, Truncated) {
  const auto sections = container::parse(good_, container::Checksums::verify);
  std::set<size_t> borders = {0, 8, 12, 16, 24, 28, 32, 40, 64, 96, 128};
  for (const auto section : {sections.metadata, sections.weights}) {
    const auto first = static_cast<size_t>(section.data() - good_.data());
    borders.insert({first, first + section.size(), first + section.size() / 2});
  }
  borders.insert(good_.size());
  for (size_t border : borders) {
    for (size_t size : {border - 1, border, border + 1}) {
      if (size == 0 || size >= good_.size()) continue;  // border 0 - 1 is large
      SCOPED_TRACE(size);
      Bytes cut(good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size));
      expect_bad(cut, HB_DNN_INVALID_MODEL);
      if (size < 64) continue;
      // As if it had been written so: size and checksums are those of what is there.
      const uint64_t file_size = size;
      std::memcpy(cut.data() + 16, &file_size, sizeof file_size);
      container::repair_checksums(cut);
      expect_bad(cut, HB_DNN_INVALID_MODEL);
    }
  }
  Bytes longer = good_;
  longer.resize(longer.size() + 64);
  expect_bad(longer, HB_DNN_INVALID_MODEL);
}

TEST_F(BadFiles, FlippedBits) {
  std::mt19937 random(6);
  for (int i = 0; i < 400; ++i) {
    Bytes bytes = good_;
    // Half of them in the header and the table.
    const size_t at = random() % (i % 2 == 0 ? 128 : bytes.size());
    bytes[at] ^= static_cast<std::byte>(1u << random() % 8);
    SCOPED_TRACE(at);
    hbPackedDNNHandle_t packed = nullptr;
    const int32_t status = load_memory(&packed, bytes);
    EXPECT_TRUE(status == HB_DNN_INVALID_MODEL || status == HB_DNN_INCOMPATIBLE_MODEL)
        << openhbGetStatusName(status);
    EXPECT_EQ(packed, nullptr);
  }
}

TEST_F(BadFiles, NewerFormat) {
  const auto with_version = [&](uint32_t major, uint32_t minor) {
    Bytes bytes = good_;
    std::memcpy(bytes.data() + 8, &major, sizeof major);
    std::memcpy(bytes.data() + 12, &minor, sizeof minor);
    container::repair_checksums(bytes);
    return bytes;
  };
  const std::string ours = fmt::format("{}.{}", kFormatMajor, kFormatMinor);
  const std::string newer = fmt::format("{}.7", kFormatMajor + 1);
  expect_bad(with_version(kFormatMajor + 1, 7), HB_DNN_INCOMPATIBLE_MODEL, newer);
  expect_bad(with_version(kFormatMajor + 1, 7), HB_DNN_INCOMPATIBLE_MODEL, ours);
  expect_bad(with_version(1u << 31, 0), HB_DNN_INCOMPATIBLE_MODEL, "2147483648.0");
  // Files with additions that need not be understood are accepted.
  hbPackedDNNHandle_t packed = nullptr;
  ASSERT_DONE(load_memory(&packed, with_version(kFormatMajor, kFormatMinor + 1)));
  EXPECT_DONE(hbDNNRelease(packed));
}

// Written, but not a program that can run: indexes, shapes, overlaps.
TEST_F(BadFiles, BadPrograms) {
  const auto expect_bad_program = [&](const char* title, auto change) {
    SCOPED_TRACE(title);
    Program program = quantized_network();
    change(program);
    const Bytes bytes = container::assemble(encode_metadata(program), program.weights);
    Untouched<hbPackedDNNHandle_t> packed;
    EXPECT_REFUSED(HB_DNN_INVALID_MODEL, load_memory(&packed, bytes));
    write_file_atomically(folder_.path("bad.bin"), bytes);
    EXPECT_REFUSED(HB_DNN_INVALID_MODEL, load_file(&packed, folder_.path("bad.bin")), "bad.bin");
  };
  expect_bad_program("offset", [](Program& p) { p.tensors[0].offset = p.arena_size; });
  expect_bad_program("extent", [](Program& p) { p.tensors[1].dims[1] = 1 << 30; });
  expect_bad_program("index", [](Program& p) { p.steps[0].inputs[0] = 10000; });
  expect_bad_program("type", [](Program& p) { p.tensors[p.steps[0].outputs[0]].dtype = DType::f64; });
  expect_bad_program("arena", [](Program& p) { p.arena_size = 64; });
  expect_bad_program("huge arena", [](Program& p) { p.arena_size = uint64_t{1} << 60; });
  expect_bad_program("no input", [](Program& p) { p.inputs[0].tensor = 99999; });
}

TEST_F(BadFiles, TooManyModels) {
  // More models than any application has: either all are loaded or the limit is told, and all of it can be
  // given back.
  const std::string file = folder_.add(small_network());
  std::vector<hbPackedDNNHandle_t> packs;
  int32_t status = 0;
  while (packs.size() < 100000) {
    hbPackedDNNHandle_t packed = nullptr;
    if ((status = load_file(&packed, file)) != 0) break;
    packs.push_back(packed);
  }
  EXPECT_EQ(status, HB_DNN_MODEL_NUMBER_EXCEED_LIMIT) << packs.size();
  EXPECT_GE(packs.size(), 32u);
  Untouched<hbPackedDNNHandle_t> packed;
  EXPECT_REFUSED(HB_DNN_MODEL_NUMBER_EXCEED_LIMIT, load_file(&packed, file), "release");
  for (hbPackedDNNHandle_t p : packs) EXPECT_DONE(hbDNNRelease(p));
  const Pack again({file});
  Tensors tensors(again.model("small_network"), 1);
  EXPECT_DONE(tensors.run());
}

TEST_F(BadFiles, MemoryIsCopiedAndMayBeUnaligned) {
  Bytes shifted(good_.size() + 1);
  std::copy(good_.begin(), good_.end(), shifted.begin() + 1);
  const void* data = shifted.data() + 1;
  int32_t length = static_cast<int32_t>(good_.size());
  hbPackedDNNHandle_t packed = nullptr;
  ASSERT_DONE(hbDNNInitializeFromDDR(&packed, &data, &length, 1));
  std::fill(shifted.begin(), shifted.end(), std::byte{0xff});
  hbDNNHandle_t model = nullptr;
  ASSERT_DONE(hbDNNGetModelHandle(&model, packed, "quantized_network"));
  Tensors copied(model, 3);
  ASSERT_DONE(copied.run());
  const Pack mapped({folder_.add(quantized_network())});
  Tensors expected(mapped.model("quantized_network"), 3);
  ASSERT_DONE(expected.run());
  EXPECT_EQ(copied.output_bytes(), expected.output_bytes());
  EXPECT_DONE(hbDNNRelease(packed));
}

TEST_F(BadFiles, LogLine) {
  ::testing::internal::CaptureStderr();
  hbPackedDNNHandle_t packed = nullptr;
  load_file(&packed, folder_.path("none.bin"));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_TRUE(log.starts_with("[E][DNN][")) << log;
  EXPECT_NE(log.find(openhbGetLastError()), std::string::npos) << log;
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
}

}  // namespace
}  // namespace openhb::testing
