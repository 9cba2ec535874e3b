// SPDX-License-Identifier: Apache-2.0
// Two dump folders of one sample, tensor by tensor.
#pragma once

#include <string>

#include "host/verify/verification.h"

namespace openhb::verify {

struct PairOptions {
  int digits = 5;
  bool bit_exact = false;
  bool tensors = false;       // all named tensors that both have; else outputs only
  bool first_output = false;  // of the outputs only the first one
};

// Outputs are matched by name, and by place where names differ but their number does not (a Dequantize at the
// end of one of them was removed); one without a partner fails with all of its elements missing. Other
// tensors go by name. Throws what read_dump() throws; Interrupted.
PairResult compare_dumps(const std::string& left_name, const std::string& left_folder,
                         const std::string& right_name, const std::string& right_folder,
                         const PairOptions& options);

}  // namespace openhb::verify
