// SPDX-License-Identifier: Apache-2.0
// Runs the programs that `onnx_node_tests --record` kept and demands the recorded bits: conformance on
// another architecture without its importer.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>

#include "common/io/npy.h"
#include "common/program/file.h"
#include "device/engine/model.h"

namespace {

namespace fs = std::filesystem;
using namespace openhb;

constexpr size_t kLeastPrograms = 200;
constexpr int kSkipped = 77;

std::string replay(const fs::path& folder) {
  const auto model = engine::Model::open((folder / "program.bin").string());
  engine::Session session(model);
  const Program& p = model->program();
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    const Tensor input = read_npy((folder / fmt::format("input_{}.npy", i)).string());
    engine::store_tensor(p.tensors[p.inputs[i].tensor], input.bytes(), session.input(i).data());
  }
  session.run();
  for (size_t i = 0; i < p.outputs.size(); ++i) {
    const Tensor expected = read_npy((folder / fmt::format("output_{}.npy", i)).string());
    const TensorDesc& desc = p.tensors[p.outputs[i].tensor];
    Tensor got(desc.dtype, desc.logical_shape());
    engine::load_tensor(desc, session.output(i).data(), got.bytes());
    if (got.bytes().size() != expected.bytes().size()) return fmt::format("output {} has another size", i);
    const size_t size = dtype_size(got.dtype());
    for (size_t k = 0; k < got.size(); ++k) {
      // Which NaN an operation gives is the only thing that is left open (docs/numerics.md).
      if (got.dtype() == DType::f32 && std::isnan(got.data<float>()[k]) &&
          std::isnan(expected.data<float>()[k]))
        continue;
      if (!std::ranges::equal(std::as_const(got).bytes().subspan(k * size, size),
                              expected.bytes().subspan(k * size, size)))
        return fmt::format("element {} of output {} differs", k, i);
    }
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: conformance_replay FOLDER (made by onnx_node_tests --record)\n", stderr);
    return 2;
  }
  if (!fs::is_directory(argv[1])) {
    std::printf("skipped: %s does not exist; run the tests of preset release first\n", argv[1]);
    return kSkipped;
  }
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(argv[1])) folders.insert(entry.path());
  size_t failed = 0;
  for (const fs::path& folder : folders) {
    std::string text;
    try {
      text = replay(folder);
    } catch (const Error& e) {
      text = e.text();
    }
    if (text.empty()) continue;
    ++failed;
    std::printf("%s: %s\n", folder.filename().c_str(), text.c_str());
  }
  std::printf("%zu programs of official cases, %zu with other bits than recorded\n", folders.size(), failed);
  return failed == 0 && folders.size() >= kLeastPrograms ? 0 : 1;
}
