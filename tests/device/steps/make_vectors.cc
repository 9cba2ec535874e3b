// SPDX-License-Identifier: Apache-2.0
// make_vectors FOLDER: writes the test vectors of docs/numerics.md, computed by the reference rows.
#include <cstdio>
#include <filesystem>

#include "common/error.h"
#include "tests/device/steps/vectors.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_vectors FOLDER\n");
    return 2;
  }
  try {
    std::filesystem::create_directories(argv[1]);
    openhb::test::write_vectors(argv[1], openhb::test::make_vectors(openhb::isa_level("ref")));
  } catch (const openhb::Error& e) {
    std::fprintf(stderr, "make_vectors: %s\n", e.text().c_str());
    return 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "make_vectors: %s\n", e.what());
    return 1;
  }
  return 0;
}
