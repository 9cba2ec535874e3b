// SPDX-License-Identifier: Apache-2.0
// The nodes behind which accuracy is lost in one stage, why, and what helps.
#pragma once

#include <vector>

#include "host/verify/stages/survey.h"

namespace openhb::verify {

struct Place {
  const std::vector<StageDumps>& dumps;
  const Network& network;
  const Survey& survey;
  size_t stage;         // of the survey: dumps[stage + 1]
  Survey::Worst worst;  // the end that is looked at, and the sample
  const StagesProgress& progress;
};

// What codes cost. Parts of the network, then single tensors are repaired (trial.h): given codes so fine, and
// weights so exact, that they lose nothing. What that brings at the end decides, and so it does for the
// advice. `repaired`: the cosine of the end with all of them repaired.
std::vector<Loss> lost_to_codes(const Place& place, double& repaired);
// Of the quantized model against the calibrated one.
std::vector<Loss> lost_to_integers(const Place& place);
// Of the optimized model against the original one.
std::vector<Loss> lost_to_optimizer(const Place& place);
// Of the simulator or the board, whose bits should be those of the stage before.
std::vector<Loss> lost_bits(const Place& place);

}  // namespace openhb::verify
