// SPDX-License-Identifier: Apache-2.0
// run_program MODEL.bin FOLDER THREADS INPUT...: the engine alone; every named tensor goes to FOLDER, in ONNX
// order. Plug-ins come from HB_DNN_PLUGIN_PATH.
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "common/io/file.h"
#include "common/tensor.h"
#include "device/engine/model.h"

namespace {

using namespace openhb;

void write(const std::string& folder, const TensorDesc& desc, const std::byte* data) {
  Tensor tensor(desc.dtype, desc.logical_shape());
  engine::load_tensor(desc, data, tensor.bytes());
  std::string name = desc.name;
  for (char& c : name) c = c == '/' ? '_' : c;
  write_file_atomically(folder + "/" + name + ".bin", std::as_bytes(std::span(tensor.bytes())));
}

void run(char** argv) {
  const std::string folder = argv[2];
  engine::Session session(engine::Model::open(argv[1]), {.threads = std::atoi(argv[3])});
  const Program& program = session.model().program();
  for (size_t i = 0; i < program.inputs.size(); ++i)
    engine::store_tensor(program.tensors[program.inputs[i].tensor], read_file(argv[4 + i]),
                         session.input(i).data());
  session.set_hook([&](size_t step) {
    for (const uint32_t id : program.steps[step].completes)
      write(folder, program.tensors[id], session.tensor(id));
  });
  session.run();
  session.check();
  for (size_t i = 0; i < program.outputs.size(); ++i)
    write(folder, program.tensors[program.outputs[i].tensor], session.output(i).data());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "run_program MODEL.bin FOLDER THREADS INPUT...\n");
    return 2;
  }
  try {
    run(argv);
    return 0;
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.text().c_str());
    return 1;
  }
}
