// SPDX-License-Identifier: Apache-2.0
#include "host/ops/text.h"

#include <algorithm>

#include "host/ops/expand.h"

namespace openhb::ops {
namespace {

using namespace expand;

struct Pool {
  std::vector<int64_t> tokens, starts, columns;
  int64_t shortest, longest, most_skipped, width = 0;

  explicit Pool(const Node& node)
      : tokens(node.attr_ints("pool_int64s", {})),
        starts(node.attr_ints("ngram_counts", {})),
        columns(node.attr_ints("ngram_indexes", {})),
        shortest(node.attr_int("min_gram_length", 0)),
        longest(node.attr_int("max_gram_length", 0)),
        most_skipped(node.attr_int("max_skip_count", 0)) {
    constexpr int64_t kMost = 1 << 20, kLongest = 64;
    require_support(node, !node.attributes.contains("pool_strings"),
                    "strings do not exist here; use integer tokens");
    require_attribute(
        node, shortest >= 1 && longest >= shortest && longest <= kLongest && most_skipped >= 0,
        fmt::format("min_gram_length {}, max_gram_length {} and max_skip_count {} do not go together",
                    shortest, longest, most_skipped));
    require_attribute(node, static_cast<int64_t>(starts.size()) >= longest, "'ngram_counts' is too short");
    starts.push_back(static_cast<int64_t>(tokens.size()));
    int64_t grams = 0;
    for (size_t n = 0; n + 1 < starts.size(); ++n) {
      constexpr const char* kUneven = "'ngram_counts' does not divide the pool into n-grams";
      require_attribute(node, starts[n] >= 0 && starts[n] <= starts[n + 1], kUneven);
      const int64_t length = starts[n + 1] - starts[n], unit = static_cast<int64_t>(n) + 1;
      require_attribute(node, length % unit == 0, kUneven);
      grams += length / unit;
    }
    require_attribute(
        node, grams == static_cast<int64_t>(columns.size()),
        fmt::format("the pool has {} n-grams, 'ngram_indexes' {} values", grams, columns.size()));
    for (int64_t c : columns) {
      require_attribute(node, c >= 0 && c < kMost, fmt::format("'ngram_indexes' holds {}", c));
      width = std::max(width, c + 1);
    }
    require_attribute(node, width > 0, "the pool is empty");
  }
};

}  // namespace

// TF counts, IDF a weight where the n-gram occurs, TFIDF the product (ONNX TfIdfVectorizer-9).
void TfIdfVectorizer::upgrade(Rewriter& r, Node& node) {
  const Pool pool(node);
  const std::string mode = node.attr_string("mode", "");
  require_attribute(node, mode == "TF" || mode == "IDF" || mode == "TFIDF",
                    fmt::format("attribute 'mode' is '{}', expected TF, IDF or TFIDF", mode));
  require_type(node, 0, {DType::i32, DType::i64});
  const Shape in = node.input(0)->shape;
  require(node, in.size() == 1 || in.size() == 2, "the input must be one row of tokens, or several");
  const int64_t rows = in.size() == 2 ? in[0] : 1, length = in.back();
  Value* x = reshape(r, cast(r, node.input(0), DType::i64), {rows, length, 1});
  r.require_foldable({rows, pool.width});
  Value* counts = r.constant(Tensor(DType::f32, {rows, pool.width}));
  int64_t first = 0;  // of this length among all n-grams
  for (int64_t n = 1; n <= pool.longest; ++n) {
    const int64_t from = pool.starts[static_cast<size_t>(n) - 1];
    const int64_t grams = (pool.starts[static_cast<size_t>(n)] - from) / n;
    Tensor place(DType::f32, {grams, pool.width});
    r.require_foldable(place.shape());
    for (int64_t g = 0; g < grams; ++g)
      place
          .data<float>()[static_cast<size_t>(g * pool.width + pool.columns[static_cast<size_t>(first + g)])] =
          1;
    first += grams;
    // Nothing lies between the tokens of a single one: it is counted once.
    for (int64_t skip = 0; n >= pool.shortest && grams > 0 && skip <= (n == 1 ? 0 : pool.most_skipped);
         ++skip) {
      const int64_t positions = length - (n - 1) * (skip + 1);
      if (positions <= 0) break;
      Value* found = nullptr;
      for (int64_t k = 0; k < n; ++k) {
        std::vector<int64_t> tokens;
        for (int64_t g = 0; g < grams; ++g)
          tokens.push_back(pool.tokens[static_cast<size_t>(from + g * n + k)]);
        const int64_t at = k * (skip + 1);
        Value* same = r.node("Equal", {slice(r, x, 1, at, at + positions), r.ints(tokens)});
        found = found ? r.node("And", {found, same}) : same;
      }
      Value* sums = reduce(r, "ReduceSum", cast(r, found, DType::f32), {1}, false);
      counts = add(r, counts, matmul(r, sums, r.constant(place)));
    }
  }
  if (mode != "TF") {
    Tensor weights(DType::f32, {pool.width});
    std::ranges::fill(weights.data<float>(), 1.0f);
    const auto given = node.attr_floats("weights", std::vector<float>(pool.columns.size(), 1.0f));
    require_attribute(node, given.size() == pool.columns.size(),
                      "'weights' and 'ngram_indexes' differ in length");
    for (size_t i = 0; i < given.size(); ++i)
      weights.data<float>()[static_cast<size_t>(pool.columns[i])] = given[i];
    if (mode == "IDF") counts = cast(r, r.node("Greater", {counts, r.scalar(0)}), DType::f32);
    counts = mul(r, counts, r.constant(std::move(weights)));
  }
  r.result(0, in.size() == 2 ? counts : reshape(r, counts, {pool.width}));
}

}  // namespace openhb::ops
