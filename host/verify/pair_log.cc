// SPDX-License-Identifier: Apache-2.0
// The documented lines of a comparison, and what OpenHB says beyond them.
#include <cmath>

#include "host/verify/verify.h"

namespace openhb::verify {
namespace {

std::string ulp_text(const Difference& d) {
  std::string text;
  for (size_t k = 0; k < kUlpBins; ++k) {
    if (d.ulp[k] == 0) continue;
    const std::string range = k == 0   ? "0"
                              : k == 1 ? "1"
                              : k + 1 == kUlpBins
                                  ? "more"
                                  : fmt::format("{}-{}", uint64_t{1} << (k - 1), (uint64_t{1} << k) - 1);
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", range, d.ulp[k]);
  }
  return text;
}

// As the documented lines write it: 1.0, 0.25.
std::string real(double value) {
  std::string text = fmt::format("{}", value);
  if (std::isfinite(value) && text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

// What a kernel was, where it is known.
std::string kernels(const PairResult& pair, const TensorResult& t) {
  if (t.row_left.empty() && t.row_right.empty()) return "";
  return fmt::format("; kernels: {} {}, {} {}", pair.left, t.row_left.empty() ? "?" : t.row_left, pair.right,
                     t.row_right.empty() ? "?" : t.row_right);
}

void log_failure(const PairResult& pair, const TensorResult& t, bool older, report::Log& log) {
  const Difference& d = t.difference;
  if (!older) log.info("compare source: {} VS {}", pair.left, pair.right);
  log.info("mismatch {} num: {}", older ? "line" : "result", d.mismatches());
  log.info("****************************");
  log.info("mismatch.line_miss num: {}", d.line_miss);
  log.info("mismatch.line_diff num: {}", d.line_diff);
  log.info("mismatch.line_nan num: {}", d.line_nan);
  log.info("****************************");
  log.info("total {} num: {}", older ? "line" : "result", d.total);
  log.info("mismatch rate: {}", real(d.mismatch_rate()));
  if (older) return;
  log.info("relative mismatch ratio: {}", real(d.max_relative));
  log.info("max abs error: {}", real(d.max_abs));
  log.info("bits differ in {} of {} elements; ULP distance: {}; cosine {:.6f}", d.bits_differ + d.line_miss,
           d.total, ulp_text(d), d.cosine);
}

}  // namespace

void log_pair(const PairResult& pair, const VerifyOptions& options, report::Log& log) {
  const bool older = options.first_output;  // the lines of hb_model_verifier
  size_t outputs = 0, others = 0, equal = 0;
  std::vector<const TensorResult*> failed;
  for (const TensorResult& t : pair.tensors) {
    if (t.kind != "output") {
      ++others;
      equal += t.difference.same_bits();
      if (!t.passed) failed.push_back(&t);
      log.debug("tensor '{}': bits differ in {} of {} elements, max abs error {}", t.tensor,
                t.difference.bits_differ, t.difference.total, t.difference.max_abs);
      continue;
    }
    const size_t i = outputs++;
    if (!older) log.info("Comparison results of original output is model_infer_output_{}", i);
    if (!t.passed) log_failure(pair, t, older, log);
    if (older) continue;
    if (t.passed)
      log.info("raw output {} and raw output {} result Strict check PASSED", i, i);
    else
      log.warning("raw output {} and raw output {} result Strict check FAILED ('{}')", i, i, t.tensor);
  }
  if (others > 0) log.info("{} tensors of nodes compared, {} with equal bits", others, equal);
  for (size_t k = 0; k < failed.size() && k < 10; ++k)
    log.warning("tensor '{}' ({}): {} of {} elements mismatch, max abs error {}", failed[k]->tensor,
                failed[k]->step, failed[k]->difference.mismatches(), failed[k]->difference.total,
                failed[k]->difference.max_abs);
  if (failed.size() > 10) log.warning("... and {} more; --json or --html list all", failed.size() - 10);
  if (pair.first && !pair.passed) {
    const TensorResult& t = pair.tensors[*pair.first];
    const Difference& d = t.difference;
    log.warning("first tensor whose bits differ, in the order of execution: '{}'{}{}; {}", t.tensor,
                t.step.empty() ? "" : ", made by " + t.step, kernels(pair, t),
                d.first < 0 ? fmt::format("{} of its {} elements are on one side only", d.line_miss, d.total)
                            : fmt::format("element {}: {} and {}", position_text(d.first, t.shape), d.first_a,
                                          d.first_b));
  }
  for (const std::string& name : pair.only_left) log.debug("'{}' is of {} only", name, pair.left);
  for (const std::string& name : pair.only_right) log.debug("'{}' is of {} only", name, pair.right);
  if (!pair.reproducer.empty()) log.warning("a folder to see this again: {}", pair.reproducer);
  if (pair.passed)
    log.info("{} and {} result Strict check PASSED", pair.left, pair.right);
  else
    log.warning("{} and {} result Strict check FAILED", pair.left, pair.right);
}

}  // namespace openhb::verify
