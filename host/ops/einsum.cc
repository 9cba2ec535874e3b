// SPDX-License-Identifier: Apache-2.0
// Einsum: diagonals and sums of single operands first, then one matrix product per further operand.
#include <algorithm>
#include <map>

#include "host/ops/attention.h"
#include "host/ops/expand.h"

namespace openhb::ops {
namespace {

using namespace expand;

// Letters are labels as they are; the axes of an ellipsis, counted from its end, come from kEllipsis down.
using Labels = std::vector<int>;
constexpr int kEllipsis = 1 << 20;

struct Operand {
  Value* value;
  Labels labels;
};

bool has(const Labels& labels, int label) { return std::ranges::find(labels, label) != labels.end(); }

struct Equation {
  std::vector<std::string> terms;
  std::string output;
  bool explicit_output = false;
};

Equation parse(const Node& node) {
  std::string text = node.attr_string("equation", "");
  std::erase(text, ' ');
  Equation e;
  const size_t arrow = text.find("->");
  e.explicit_output = arrow != std::string::npos;
  if (e.explicit_output) e.output = text.substr(arrow + 2);
  const std::string left = text.substr(0, arrow);
  for (size_t at = 0; at <= left.size();) {
    const size_t comma = std::min(left.find(',', at), left.size());
    e.terms.push_back(left.substr(at, comma - at));
    at = comma + 1;
  }
  require_attribute(node, e.terms.size() == node.inputs.size(),
                    fmt::format("attribute 'equation' ('{}') has {} terms for {} inputs", text,
                                e.terms.size(), node.inputs.size()));
  return e;
}

// The labels of one term; `ellipsis`: the number of axes that "..." stands for.
Labels labels_of(const Node& node, const std::string& term, size_t ellipsis) {
  Labels labels;
  bool dots = false;
  for (size_t i = 0; i < term.size(); ++i) {
    const char c = term[i];
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
      continue;
    }
    require_attribute(node, !dots && term.compare(i, 3, "...") == 0,
                      fmt::format("attribute 'equation' has the term '{}', which is not made of letters and "
                                  "one ellipsis",
                                  term));
    dots = true;
    i += 2;
    for (size_t k = ellipsis; k-- > 0;) labels.push_back(kEllipsis - static_cast<int>(k));
  }
  return labels;
}

// A label that stands twice: its diagonal.
void take_diagonals(Rewriter& r, Operand& o) {
  for (size_t i = 0; i < o.labels.size(); ++i)
    for (size_t j = i + 1; j < o.labels.size(); ++j) {
      if (o.labels[i] != o.labels[j]) continue;
      const int64_t n = o.value->shape[i];
      require(r.node(), o.value->shape[j] == n, "a label stands for different extents");
      std::vector<int64_t> perm;
      Labels labels;
      Shape shape;
      for (size_t k = 0; k < o.labels.size(); ++k)
        if (k != i && k != j) {
          perm.push_back(static_cast<int64_t>(k));
          labels.push_back(o.labels[k]);
          shape.push_back(o.value->shape[k]);
        }
      labels.push_back(o.labels[i]);
      perm.insert(perm.end(), {static_cast<int64_t>(i), static_cast<int64_t>(j)});
      shape.push_back(n * n);
      Value* flat = reshape(r, transpose(r, o.value, perm), shape);
      o = {slice(r, flat, std::ssize(shape) - 1, 0, n * n, n + 1), labels};
      return take_diagonals(r, o);
    }
}

// Sums over the labels that nobody needs.
void sum_out(Rewriter& r, Operand& o, const Labels& needed) {
  std::vector<int64_t> axes;
  Labels kept;
  for (size_t i = 0; i < o.labels.size(); ++i)
    if (has(needed, o.labels[i]))
      kept.push_back(o.labels[i]);
    else
      axes.push_back(static_cast<int64_t>(i));
  o = {reduce(r, "ReduceSum", o.value, axes, false), kept};
}

// The operand with its labels in this order, those it lacks left out.
Value* arranged(Rewriter& r, const Operand& o, const Labels& order) {
  std::vector<int64_t> perm;
  for (const int label : order)
    if (const auto at = std::ranges::find(o.labels, label); at != o.labels.end())
      perm.push_back(at - o.labels.begin());
  return transpose(r, o.value, perm);
}

int64_t size_of(const Labels& labels, const std::map<int, int64_t>& extents) {
  int64_t n = 1;
  for (const int label : labels) n = checked_mul(n, extents.at(label));
  return n;
}

// Axes of extent 1 that meet a longer one are repeated.
void widen(Rewriter& r, Operand& o, const Labels& other, const std::map<int, int64_t>& extents) {
  Shape shape = o.value->shape;
  for (size_t i = 0; i < shape.size(); ++i)
    if (has(other, o.labels[i])) shape[i] = extents.at(o.labels[i]);
  o.value = spread(r, o.value, shape);
}

Operand multiply(Rewriter& r, Operand a, Operand b, const Labels& needed) {
  std::map<int, int64_t> extents;
  for (const Operand* o : {&a, &b})
    for (size_t i = 0; i < o->labels.size(); ++i) {
      int64_t& n = extents.try_emplace(o->labels[i], 1).first->second;
      const int64_t own = o->value->shape[i];
      require(r.node(), n == own || n == 1 || own == 1, "a label stands for different extents");
      n = std::max(n, own);
      if (own == 0) n = 0;
    }
  widen(r, a, b.labels, extents), widen(r, b, a.labels, extents);
  Labels batch, rows, inner, columns;
  for (const int label : a.labels)
    (!has(b.labels, label) ? rows : has(needed, label) ? batch : inner).push_back(label);
  for (const int label : b.labels)
    if (!has(a.labels, label)) columns.push_back(label);
  auto joined = [](Labels x, const Labels& y, const Labels& z) {
    x.insert(x.end(), y.begin(), y.end());
    x.insert(x.end(), z.begin(), z.end());
    return x;
  };
  const int64_t n = size_of(batch, extents), m = size_of(rows, extents), k = size_of(inner, extents),
                c = size_of(columns, extents);
  Value* left = reshape(r, arranged(r, a, joined(batch, rows, inner)), {n, m, k});
  Value* right = reshape(r, arranged(r, b, joined(batch, inner, columns)), {n, k, c});
  const Labels labels = joined(batch, rows, columns);
  Shape shape;
  for (const int label : labels) shape.push_back(extents.at(label));
  Value* product = m == 1 && k == 1 && c == 1 ? mul(r, left, right) : matmul(r, left, right);
  return {reshape(r, product, shape), labels};
}

}  // namespace

void Einsum::upgrade(Rewriter& r, Node& node) {
  const Equation equation = parse(node);
  std::vector<Operand> operands;
  size_t widest = 0;
  std::map<int, int> uses;
  for (size_t i = 0; i < equation.terms.size(); ++i) {
    Value* x = node.input(i);
    const size_t named = labels_of(node, equation.terms[i], 0).size(), rank = x->shape.size();
    const bool dots = equation.terms[i].find('.') != std::string::npos;
    require(node, dots ? named <= rank : named == rank,
            fmt::format("the term '{}' does not fit an input of rank {}", equation.terms[i], rank));
    const size_t ellipsis = dots ? rank - named : 0;
    widest = std::max(widest, ellipsis);
    operands.push_back({x, labels_of(node, equation.terms[i], ellipsis)});
    for (const int label : operands.back().labels) ++uses[label];
  }
  Labels output;
  if (equation.explicit_output) {
    output = labels_of(node, equation.output, widest);
    for (const int label : output)
      require_attribute(node, uses.contains(label) && std::ranges::count(output, label) == 1,
                        "attribute 'equation' has an output label that no input has, or twice");
  } else {
    for (size_t k = widest; k-- > 0;) output.push_back(kEllipsis - static_cast<int>(k));
    for (const auto& [label, count] : uses)
      if (count == 1 && label < kEllipsis - 64) output.push_back(label);
  }
  // What is still needed once operand i has been used.
  auto needed_after = [&](size_t i) {
    Labels needed = output;
    for (size_t k = i; k < operands.size(); ++k)
      needed.insert(needed.end(), operands[k].labels.begin(), operands[k].labels.end());
    return needed;
  };
  for (Operand& o : operands) take_diagonals(r, o);
  Operand all = operands[0];
  sum_out(r, all, needed_after(1));
  for (size_t i = 1; i < operands.size(); ++i) {
    Labels needed = needed_after(i + 1);
    Labels with_all = needed;
    with_all.insert(with_all.end(), all.labels.begin(), all.labels.end());
    sum_out(r, operands[i], with_all);
    all = multiply(r, all, operands[i], needed);
    sum_out(r, all, needed);
  }
  // Labels of an ellipsis that this term lacked have extent 1.
  for (const int label : output)
    if (!has(all.labels, label)) {
      Shape shape = all.value->shape;
      shape.insert(shape.begin(), 1);
      all.value = reshape(r, all.value, shape);
      all.labels.insert(all.labels.begin(), label);
    }
  r.result(0, arranged(r, all, output));
}

}  // namespace openhb::ops
