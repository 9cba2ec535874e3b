// SPDX-License-Identifier: Apache-2.0
// calibration_type mix: a method of its own for every tensor that the common one serves badly.
#pragma once

#include <map>
#include <span>

#include "host/compiler/calibrate.h"
#include "host/compiler/methods.h"

namespace openhb::compiler {

// Tensors whose cosine between float and integers on the first sample is below this are sensitive.
inline constexpr double kSensitive = 0.999;

// `base` has the ranges of list[0]. For each sensitive tensor that has ranges of its own: the candidate with
// which its cosine is best when all sensitive tensors use it. Others are absent.
std::map<std::string, size_t> choose_per_tensor(const graph::Graph& base,
                                                const std::vector<std::string>& pictures,
                                                const Histograms& histograms, std::span<const Candidate> list,
                                                const LowerOptions& int8_options, const SampleReader& samples,
                                                int threads, const Reporter& reporter);

}  // namespace openhb::compiler
