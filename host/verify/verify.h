// SPDX-License-Identifier: Apache-2.0
// What hb_verifier does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "host/report/log.h"
#include "host/verify/board/board.h"
#include "host/verify/samples.h"
#include "host/verify/ssh/ssh.h"
#include "host/verify/verification.h"

namespace openhb::verify {

// Which pairs must agree in every bit: between simulator and board; all; none.
enum class BitExact { boards, all, none };

struct VerifyOptions {
  std::string tool = "hb_verifier";
  std::string quantized;   // .onnx; "": not compared
  std::string binary;      // .bin
  std::string model_name;  // of a pack
  std::vector<Address> boards;
  bool simulator = false;
  bool all_tensors = false;
  bool stages = false;
  bool first_output = false;  // models of one input and no packs; of the outputs only the first one
  int digits = 5;
  BitExact bit_exact = BitExact::boards;
  SampleOptions samples;
  bool seed_given = false;
  Login login;
  BoardOptions board;
  int threads = 1;
  std::string dump_folder;        // keep what was computed there: <folder>/<sample>/<side>; "": nowhere
  std::string reproducer_folder;  // where to write one after a difference in bits; "": nowhere
};

// Runs all sides on all samples and compares them. Throws Error(usage) when there is nothing to compare; what
// sides throw, unless there are several boards: then a board that fails is recorded in its SideInfo and the
// others go on. Throws Interrupted after Ctrl-C.
Verification verify(const VerifyOptions& options, report::Log& log);

// The documented lines of a comparison, as info and warnings.
void log_pair(const PairResult& pair, const VerifyOptions& options, report::Log& log);

// A folder with everything that is needed to see the first difference in bits again: model, input, both
// sides' tensor and a script. Returns its path. `left`, `right`: dump folders with all tensors.
std::string write_reproducer(const VerifyOptions& options, const PairResult& pair, const Sample& sample,
                             std::span<const Tensor> inputs, const std::vector<std::string>& input_names,
                             const std::string& left, const std::string& right);

}  // namespace openhb::verify
