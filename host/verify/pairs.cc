// SPDX-License-Identifier: Apache-2.0
#include "host/verify/pairs.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "common/io/interrupt.h"
#include "host/verify/dump_folder.h"

namespace openhb::verify {
namespace {

using Names = std::unordered_map<std::string, const DumpedTensor*>;

std::vector<const DumpedTensor*> of_kind(const std::vector<DumpedTensor>& dump, std::string_view kind) {
  std::vector<const DumpedTensor*> found;
  for (const DumpedTensor& t : dump)
    if (t.kind == kind && (kind == "output" || !t.name.empty())) found.push_back(&t);
  return found;
}

Names by_name(const std::vector<const DumpedTensor*>& tensors) {
  Names names;
  for (const DumpedTensor* t : tensors) names.emplace(t->name, t);
  return names;
}

class Comparison {
 public:
  Comparison(const std::vector<DumpedTensor>& left, const std::vector<DumpedTensor>& right,
             const PairOptions& options, PairResult& result)
      : options_(options),
        result_(result),
        left_(of_kind(left, "tensor")),
        right_(of_kind(right, "tensor")),
        left_names_(by_name(left_)),
        right_names_(by_name(right_)) {
    compare_outputs(of_kind(left, "output"), of_kind(right, "output"));
    if (options.tensors) compare_tensors();
    find_first();
  }

 private:
  void compare_outputs(std::vector<const DumpedTensor*> left, std::vector<const DumpedTensor*> right) {
    if (options_.first_output && !left.empty() && !right.empty()) left.resize(1), right.resize(1);
    const Names partners = by_name(right);
    std::unordered_set<const DumpedTensor*> used;
    const bool same_names =
        std::ranges::all_of(left, [&](const DumpedTensor* l) { return partners.contains(l->name); });
    if (!same_names && left.size() == right.size()) {
      for (size_t i = 0; i < left.size(); ++i) compare(*left[i], *right[i]);
      return;
    }
    for (const DumpedTensor* l : left) {
      const auto partner = partners.find(l->name);
      if (partner == partners.end()) {
        missing(*l, true);
        continue;
      }
      used.insert(partner->second);
      compare(*l, *partner->second);
    }
    for (const DumpedTensor* r : right)
      if (!used.contains(r)) missing(*r, false);
  }

  // An output of one side only: all of its elements are missing on the other one.
  void missing(const DumpedTensor& output, bool left) {
    (left ? result_.only_left : result_.only_right).push_back(output.name);
    TensorResult t;
    t.tensor = output.name, t.kind = output.kind, t.step = output.step, t.shape = output.values.shape();
    (left ? t.row_left : t.row_right) = output.row;
    (left ? t.dtype_left : t.dtype_right) = dtype_name(output.values.dtype());
    t.difference.total = t.difference.line_miss = output.values.size();
    t.passed = result_.passed = false;
    result_.tensors.push_back(std::move(t));
    orders_.push_back(std::numeric_limits<int64_t>::max());  // no step's result differs
  }

  void compare_tensors() {
    std::unordered_set<std::string> outputs;
    for (const TensorResult& t : result_.tensors) outputs.insert(t.tensor);
    for (const DumpedTensor* l : left_) {
      if (outputs.contains(l->name)) continue;
      const auto partner = right_names_.find(l->name);
      if (partner != right_names_.end())
        compare(*l, *partner->second);
      else
        result_.only_left.push_back(l->name);
    }
    for (const DumpedTensor* r : right_)
      if (!left_names_.contains(r->name) && !outputs.contains(r->name)) result_.only_right.push_back(r->name);
  }

  void compare(const DumpedTensor& left, const DumpedTensor& right) {
    check_interrupt();
    TensorResult t;
    t.tensor = left.name, t.kind = left.kind;
    t.step = left.step.empty() ? right.step : left.step;
    t.row_left = left.row, t.row_right = right.row;
    int64_t order = left.order;
    if (left.kind == "output") {  // the same values stand among the tensors, with the step that made them
      if (const auto made = left_names_.find(left.name); made != left_names_.end())
        t.step = made->second->step, t.row_left = made->second->row, order = made->second->order;
      if (const auto made = right_names_.find(right.name); made != right_names_.end())
        t.row_right = made->second->row;
    }
    t.shape = left.values.shape();
    t.dtype_left = dtype_name(left.values.dtype()), t.dtype_right = dtype_name(right.values.dtype());
    t.difference = difference(left.values, left.quant, right.values, right.quant, options_.digits);
    t.passed = options_.bit_exact ? t.difference.same_bits() : t.difference.mismatches() == 0;
    result_.passed = result_.passed && t.passed;
    result_.tensors.push_back(std::move(t));
    orders_.push_back(order);
  }

  void find_first() {
    int64_t earliest = std::numeric_limits<int64_t>::max();
    for (size_t i = 0; i < result_.tensors.size(); ++i)
      if (!result_.tensors[i].difference.same_bits() && orders_[i] < earliest)
        earliest = orders_[i], result_.first = i;
  }

  const PairOptions& options_;
  PairResult& result_;
  std::vector<const DumpedTensor*> left_, right_;  // tensors between inputs and outputs
  Names left_names_, right_names_;
  std::vector<int64_t> orders_;  // of result_.tensors, in the left one's order of execution
};

}  // namespace

PairResult compare_dumps(const std::string& left_name, const std::string& left_folder,
                         const std::string& right_name, const std::string& right_folder,
                         const PairOptions& options) {
  PairResult result;
  result.left = left_name, result.right = right_name;
  result.bit_exact = options.bit_exact;
  const auto left = read_dump(left_folder), right = read_dump(right_folder);
  Comparison(left, right, options, result);
  if (result.tensors.empty()) result.passed = false;  // nothing was compared
  return result;
}

}  // namespace openhb::verify
