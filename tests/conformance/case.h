// SPDX-License-Identifier: Apache-2.0
// One case of the official ONNX tests: a folder with model.onnx and test_data_set_K/{input,output}_I.pb.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/program/program.h"
#include "common/tensor.h"

namespace onnx {
class ModelProto;
}

namespace openhb::conformance {

struct DataSet {
  std::vector<Tensor> inputs, expected;
};

// A data set that gave the expected result: what is needed to run it again elsewhere.
struct Recording {
  Program program;
  std::vector<Tensor> inputs, outputs;  // of the program; outputs as this machine computed them
};

enum class Status { pass, excluded, miss };

struct CaseResult {
  std::string name;
  Status status = Status::miss;
  std::string detail;  // pass: what was special, often ""; else the reason
  std::vector<Recording> recordings;
};

// Runs every data set of a case through importer, lowering and engine in float. Never throws for a bad case.
CaseResult run_case(const std::filesystem::path& folder);

// Why a case that failed is outside of what a compiler for static tensor programs can do; "" when it is not.
std::string exclusion(const onnx::ModelProto& model);

}  // namespace openhb::conformance
