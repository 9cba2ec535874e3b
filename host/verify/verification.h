// SPDX-License-Identifier: Apache-2.0
// What a verification found, as plain data: for the log, JSON, JUnit XML and the HTML page.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/report/conversion.h"
#include "host/verify/compare/difference.h"

namespace openhb::verify {

// A side of the comparison: "Quanti.onnx", "Arm" (of several boards: "Arm 10.0.0.2"), "Sim", with --stages
// also "Float", "Optimized", "Calibrated".
struct SideInfo {
  std::string name;
  std::vector<std::pair<std::string, std::string>> facts;  // "architecture", "aarch64"
  std::vector<std::string> rows;                           // kernels that ran: "dotprod"
  double seconds = 0;                                      // of all samples, transfers included
  uint64_t bytes_sent = 0, bytes_received = 0;
  std::string error;  // this side failed: why; "" otherwise
};

struct TensorResult {
  std::string tensor, kind;  // "output" or "tensor"
  std::string step;          // that made it, as far as one of the sides knows
  Shape shape;
  std::string dtype_left, dtype_right;  // "int8"
  std::string row_left, row_right;      // kernels
  Difference difference;
  bool passed = true;
};

// Two sides on one sample.
struct PairResult {
  std::string left, right;  // names of sides
  size_t sample = 0;
  bool bit_exact = false;                          // what was asked: equal bits, else |a - b| <= 10^-digits
  std::vector<TensorResult> tensors;               // outputs first, then in the order of execution
  std::vector<std::string> only_left, only_right;  // tensors without a partner
  bool passed = true;
  std::optional<size_t> first;  // of `tensors`: the first one in the order of execution whose bits differ
  std::string reproducer;       // folder, "" when none was written
};

struct Sample {
  std::string name;                                        // "random, seed 17", a file, a folder
  std::vector<std::pair<std::string, std::string>> files;  // input, file
};

// --stages. One stage against the one before and against float, over all samples.
struct StageTensor {
  std::string tensor, node;
  double cosine = 1;        // with float, lowest of all samples
  double step_cosine = 1;   // with the stage before
  double relative_l2 = 0;   // with float, largest of all samples
  size_t worst_sample = 0;  // where the cosine is lowest
};
struct StageResult {
  std::string name;                  // "optimized", "calibrated", "quantized", "simulator", "board"
  std::string side;                  // name of its side
  std::vector<StageTensor> outputs;  // of the network
  std::vector<StageTensor> tensors;  // all named tensors that float has, too, in the order of execution
  bool loses = false;                // accuracy is lost here, see `advice`
};
struct Loss {
  std::string stage, tensor, node, op;
  double before = 1, after = 1;  // cosine with float of the node's worst input, of its result
  size_t sample = 0;
  std::string reason;               // "clipping: 3 % of the values lie outside of [-1.2, 1.19]"
  std::vector<std::string> advice;  // what to try, best first: keys of the configuration
};
struct Stages {
  std::vector<StageResult> stages;
  std::vector<Loss> losses;  // largest first
  std::string verdict;       // one sentence
};

struct Verification {
  std::string tool = "hb_verifier", version;
  std::vector<report::File> files;  // quanti.onnx, model.bin
  std::string model;                // name of the program
  int digits = 5;
  std::optional<uint64_t> seed;  // of random input
  std::vector<Sample> samples;
  std::vector<SideInfo> sides;
  std::vector<PairResult> pairs;
  std::optional<Stages> stages;
  std::vector<std::string> notes;  // warnings
  bool passed = true;
};

// For --json, and the data of the HTML page.
std::string verification_json(const Verification& verification);
// A test suite per pair, a test case per sample and tensor.
std::string verification_junit(const Verification& verification);
// One offline page.
std::string verification_html(const Verification& verification);

}  // namespace openhb::verify
