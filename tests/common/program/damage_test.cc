// SPDX-License-Identifier: Apache-2.0
// Damaged files: always an Error, or a program that is as valid as any other; never a crash.
#include "common/program/container.h"
#include "common/program/file.h"
#include "tests/common/program/random_program.h"

namespace openhb {
namespace {

using testing::RandomProgram;

// Exactly as long as the file, on the heap, so that AddressSanitizer sees every byte that is read beyond.
bool accepted(const std::vector<std::byte>& bytes) {
  try {
    const Program program = parse_program(bytes, nullptr);
    validate_tensors(program);
    return true;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()), "");
    return false;
  }
}

std::vector<std::byte> sample(uint32_t seed) {
  Program program = RandomProgram(seed).make();
  while (program.steps.size() < 3) program = RandomProgram(seed += 1000).make();
  return serialize_program(program);
}

TEST(DamagedProgram, TruncatedAnywhere) {
  const auto bytes = sample(1);
  container::Header header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::vector<size_t> lengths = {0, 1, 7, 8, 63, 64, 65, 95, 96, 127, 128};
  for (uint32_t i = 0; i < header.section_count; ++i) {
    container::SectionEntry entry{};
    std::memcpy(&entry, bytes.data() + sizeof(header) + i * sizeof(entry), sizeof(entry));
    for (uint64_t at : {entry.offset, entry.offset + entry.size / 2, entry.offset + entry.size - 1})
      lengths.push_back(std::min<size_t>(at, bytes.size() - 1));
  }
  for (size_t i = 0; i < 64; ++i) lengths.push_back(bytes.size() * i / 64);
  for (size_t n : lengths) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_FALSE(accepted(cut)) << n;
    // The same with a header that agrees with the length.
    if (n >= sizeof(header)) std::memcpy(cut.data() + 16, &n, sizeof(n));
    container::repair_checksums(cut);
    EXPECT_FALSE(accepted(cut)) << n;
  }
}

TEST(DamagedProgram, LongerThanItSays) {
  auto bytes = sample(2);
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(accepted(bytes));
}

TEST(DamagedProgram, EveryFlippedBitIsNoticed) {
  auto bytes = sample(3);
  const size_t table_end = sizeof(container::Header) + 2 * sizeof(container::SectionEntry);
  for (size_t i = 0; i < bytes.size(); i += i < table_end ? 1 : 7)
    for (unsigned bit = 0; bit < 8; ++bit) {
      // The minor version may change without harm, but not without its checksum.
      bytes[i] ^= std::byte{static_cast<uint8_t>(1u << bit)};
      EXPECT_FALSE(accepted(bytes)) << "byte " << i << " bit " << bit;
      bytes[i] ^= std::byte{static_cast<uint8_t>(1u << bit)};
    }
  EXPECT_TRUE(accepted(bytes));
}

// Behind the checksums: every byte of header, table and metadata gets several other values.
TEST(DamagedProgram, EveryByteWithValidChecksums) {
  for (uint32_t seed : {4u, 5u}) {
    const auto bytes = sample(seed);
    const auto metadata = container::parse(bytes, container::Checksums::verify).metadata;
    const auto end = static_cast<size_t>(metadata.data() + metadata.size() - bytes.data());
    size_t survivors = 0;
    for (size_t i = 0; i < end; ++i)
      for (unsigned value : {0x00u, 0x01u, 0x7fu, 0x80u, 0xffu, 0xfeu}) {
        auto damaged = bytes;
        damaged[i] = std::byte{static_cast<uint8_t>(value)};
        container::repair_checksums(damaged);
        survivors += accepted(damaged);
      }
    EXPECT_GT(survivors, 0u);  // names and the like may change
  }
}

TEST(DamagedProgram, RandomWordsWithValidChecksums) {
  std::mt19937 random(1);
  for (uint32_t seed = 10; seed < 20; ++seed) {
    const auto bytes = sample(seed);
    const auto metadata = container::parse(bytes, container::Checksums::verify).metadata;
    const auto start = static_cast<size_t>(metadata.data() - bytes.data());
    for (int i = 0; i < 1000; ++i) {
      auto damaged = bytes;
      for (int k = 0; k < 3; ++k) {
        const size_t at = start + random() % (metadata.size() / 4) * 4;
        const uint32_t words[] = {0,
                                  1,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  static_cast<uint32_t>(random()),
                                  static_cast<uint32_t>(random() % 64)};
        std::memcpy(damaged.data() + at, &words[random() % 7], 4);
      }
      container::repair_checksums(damaged);
      accepted(damaged);
    }
  }
}

}  // namespace
}  // namespace openhb
