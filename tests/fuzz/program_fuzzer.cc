// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever bytes are loaded as a program, the engine must refuse them with an Error or run
// them inside its memory. Checksums are not verified here: they protect against accidents, not against this.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>

#include "common/program/container.h"
#include "device/engine/model.h"
#include "tests/device/engine/sample_programs.h"
#include "tests/device/plugin/probe.h"
#include "tests/fuzz/mutate_program.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace openhb;

constexpr uint64_t kMaxArena = 16u << 20;
constexpr int64_t kMaxWork = 50'000'000;

std::vector<std::byte> write(const Program& program) {
  return container::assemble(encode_metadata(program), program.weights);
}

// False when the file cannot be read as a program at all.
bool mutate_program_in(std::vector<std::byte>& file, std::mt19937& random) {
  try {
    const container::Sections sections = container::parse(file, container::Checksums::ignore);
    std::vector<std::byte> metadata(sections.metadata.begin(), sections.metadata.end());
    Program program = decode_metadata(metadata);
    program.weights = sections.weights;
    testing::mutate_program(program, random);
    file = write(program);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Bytes of the metadata section change, its size does not.
bool mutate_metadata_in(std::vector<std::byte>& file) {
  try {
    const auto metadata = container::parse(file, container::Checksums::ignore).metadata;
    auto* first = reinterpret_cast<uint8_t*>(file.data() + (metadata.data() - file.data()));
    const size_t size = LLVMFuzzerMutate(first, metadata.size(), metadata.size());
    std::fill(first + size, first + metadata.size(), uint8_t{0});
    return true;
  } catch (const Error&) {
    return false;
  }
}

bool is_small(const engine::Model& model) {
  if (model.program().arena_size > kMaxArena) return false;
  int64_t work = 0;
  for (size_t i = 0; i < model.program().steps.size(); ++i) {
    const Cost cost = model.cost(i);
    if (cost.macs > kMaxWork || cost.bytes > kMaxWork || cost.macs < 0 || cost.bytes < 0) return false;
    work += cost.macs + cost.bytes;
    if (work > kMaxWork) return false;
  }
  return true;
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  const unsigned way = random() % 8;
  if (way == 0) return LLVMFuzzerMutate(data, size, max_size);
  const bool changed = way <= 3 ? mutate_metadata_in(file) : mutate_program_in(file, random);
  if (!changed) {
    // Nothing to work with: begin anew from a program that runs.
    auto samples = testing::sample_programs();
    samples.push_back(testing::probe_program({{"k", std::vector<int64_t>{1, 2}}, {"mode", "none"}}, true));
    file = write(samples[random() % samples.size()]);
  }
  if (file.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, file.data(), file.size());
  return file.size();
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  testing::register_probe();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    auto model = engine::Model::create(
        parse_program(std::as_bytes(std::span(data, size)), nullptr, container::Checksums::ignore));
    if (!is_small(*model)) return 0;
    // Portable and fastest kernels in turn.
    engine::Session session(model, {.threads = 1, .cpu = size % 2 == 0 ? usable_cpu() : CpuFeatures{0}});
    session.run();
  } catch (const Error&) {
    // Refused with a sentence: as it should be.
  }
  return 0;
}
