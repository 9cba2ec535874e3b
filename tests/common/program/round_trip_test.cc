// SPDX-License-Identifier: Apache-2.0
// A program survives its file, the bytes depend on nothing else, and the container's rules hold.
#include <filesystem>

#include "common/io/file.h"
#include "common/program/container.h"
#include "common/program/file.h"
#include "tests/common/program/random_program.h"

namespace openhb {
namespace {

using testing::expect_equal;
using testing::RandomProgram;

ErrorCode parse_error(std::span<const std::byte> bytes, std::string* message = nullptr) {
  try {
    parse_program(bytes, nullptr);
  } catch (const Error& e) {
    if (message) *message = e.what();
    return e.code();
  }
  ADD_FAILURE() << "the bytes were accepted";
  return ErrorCode::internal;
}

TEST(ProgramFile, RoundTripOfRandomPrograms) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    const Program program = RandomProgram(seed).make();
    const auto bytes = serialize_program(program);
    const Program again = parse_program(bytes, nullptr);
    expect_equal(program, again);
    EXPECT_EQ(bytes, serialize_program(again));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(again.weights.data()) % kTensorAlignment, 0u);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(ProgramFile, SameProgramSameBytes) {
  for (uint32_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(serialize_program(RandomProgram(seed).make()), serialize_program(RandomProgram(seed).make()));
}

TEST(ProgramFile, MapsAFile) {
  const std::string path = ::testing::TempDir() + "openhb_round_trip.bin";
  Program again;
  const Program program = RandomProgram(7).make();
  write_program(path, program);
  again = read_program(path);
  std::filesystem::remove(path);  // the mapping stays
  expect_equal(program, again);
}

TEST(ProgramFile, ErrorsNameTheFile) {
  try {
    read_program("/nonexistent/model.bin");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::file_missing);
    EXPECT_NE(std::string(e.what()).find("/nonexistent/model.bin"), std::string::npos);
  }
}

TEST(ProgramFile, UnalignedBytesAreCopied) {
  const Program program = RandomProgram(3).make();
  const auto bytes = serialize_program(program);
  auto shifted = std::make_shared<std::vector<std::byte>>(bytes.size() + 1);
  std::copy(bytes.begin(), bytes.end(), shifted->begin() + 1);
  expect_equal(program, parse_program(std::span(*shifted).subspan(1), shifted));
}

TEST(ProgramFile, AnotherMajorVersionIsRefusedNamingBoth) {
  auto bytes = serialize_program(RandomProgram(1).make());
  bytes[8] = std::byte{kFormatMajor + 1};
  std::string message;
  EXPECT_EQ(parse_error(bytes, &message), ErrorCode::program_version);
  EXPECT_NE(message.find(fmt::format("version {}.{}", kFormatMajor + 1, kFormatMinor)), std::string::npos)
      << message;
  EXPECT_NE(message.find(fmt::format("{}.{}", kFormatMajor, kFormatMinor)), std::string::npos) << message;
}

TEST(ProgramFile, ANewerMinorVersionWithAnUnknownSectionIsRead) {
  const Program program = RandomProgram(2).make();
  const auto old = serialize_program(program);
  // A third entry does not fit between the table of two (which ends at 128) and the metadata: all moves by 64
  // bytes.
  constexpr size_t kShift = 64;
  container::Header header{};
  std::array<container::SectionEntry, 3> table{};
  std::memcpy(&header, old.data(), sizeof(header));
  std::memcpy(table.data(), old.data() + sizeof(header), 2 * sizeof(table[0]));
  std::vector<std::byte> bytes(kShift);
  bytes.insert(bytes.end(), old.begin(), old.end());
  bytes.resize((bytes.size() + 63) / 64 * 64);
  table[0].offset += kShift;
  table[1].offset += kShift;
  table[2] = {77, 0, bytes.size(), 5, 0};
  bytes.resize(bytes.size() + 5, std::byte{42});
  header.minor = kFormatMinor + 1;
  header.section_count = 3;
  header.file_size = bytes.size();
  std::fill(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(table[0].offset), std::byte{0});
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), table.data(), sizeof(table));
  container::repair_checksums(bytes);
  expect_equal(program, parse_program(bytes, nullptr));
}

TEST(ProgramFile, ParametersThatAreNoNumbersAreNotWritten) {
  Program program = RandomProgram(1).make();
  program.steps.resize(1);
  program.steps[0].params = FillParams{.value = std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(serialize_program(program), Error);
}

}  // namespace
}  // namespace openhb
