// SPDX-License-Identifier: Apache-2.0
// One side of a comparison: something that runs the model on a sample and leaves a folder of tensors.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "common/tensor.h"
#include "host/verify/board/board.h"
#include "host/verify/ssh/ssh.h"
#include "host/verify/verification.h"

namespace openhb::verify {

class Side {
 public:
  virtual ~Side() = default;
  // Name and facts; time and bytes of the runs so far.
  virtual SideInfo info() const = 0;
  // One tensor per input of the compiled model (dense, as hrt_model_exec takes them). Writes `folder` for
  // read_dump(): the outputs, with `all_tensors` also every named tensor in the order of execution.
  virtual void run(std::span<const Tensor> inputs, bool all_tensors, const std::string& folder) = 0;
};

// One of the ONNX files of a conversion. Inputs are converted as the compiled model's own first steps do it.
// Throws what importing throws, and Error(usage) when its inputs are not those of the program.
std::unique_ptr<Side> onnx_side(std::string name, const std::string& onnx_file, const std::string& model_file,
                                const std::string& model_name, int threads);
// libdnn on this machine.
std::unique_ptr<Side> simulator_side(const std::string& model_file, const std::string& model_name);

// A board, connected and with the model on it. Throws what connecting and Board throw.
std::unique_ptr<Side> board_side(std::string name, const Address& address, const Login& login,
                                 const BoardOptions& options, const std::string& model_file,
                                 const std::string& model_name);

}  // namespace openhb::verify
