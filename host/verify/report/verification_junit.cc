// SPDX-License-Identifier: Apache-2.0
// JUnit XML, as Jenkins and GitLab read it. Without times: equal results give equal bytes.
#include <map>
#include <nlohmann/json.hpp>

#include "host/verify/verification.h"

namespace openhb::verify {
namespace {

// Text for XML 1.0, attribute or content: names come from models and boards. What no document may hold (other
// control characters, U+FFFE, U+FFFF, what is not UTF-8) becomes U+FFFD.
std::string xml(const std::string& text) {
  using Json = nlohmann::json;
  // The JSON library checks UTF-8.
  const auto valid =
      Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
  std::string escaped;
  for (size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else if (c == '"')
      escaped += "&quot;";
    else if (c == '\t' || c == '\n' || c == '\r')
      escaped += fmt::format("&#{};", static_cast<int>(c));
    else if (static_cast<unsigned char>(c) < 0x20)
      escaped += "\xef\xbf\xbd";
    else if (valid.compare(i, 2, "\xef\xbf") == 0 && static_cast<unsigned char>(valid[i + 2]) >= 0xbe)
      escaped += "\xef\xbf\xbd", i += 2;
    else
      escaped += c;
  }
  return escaped;
}

struct Suite {
  std::string name, cases;
  size_t tests = 0, failures = 0, errors = 0;

  // `kind`: "failure", "error", or "" when it passed.
  void add(const std::string& test, const std::string& kind, const std::string& message,
           const std::string& details) {
    ++tests;
    const std::string head = fmt::format("    <testcase classname=\"{}\" name=\"{}\"", xml(name), xml(test));
    if (kind.empty()) {
      cases += head + "/>\n";
      return;
    }
    ++(kind == "error" ? errors : failures);
    cases += fmt::format("{}>\n      <{} message=\"{}\">{}</{}>\n    </testcase>\n", head, kind, xml(message),
                         xml(details), kind);
  }
  std::string counts() const {
    return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\"", tests, failures, errors);
  }
};

std::string sample_name(const Verification& v, size_t sample) {
  return sample < v.samples.size() && !v.samples[sample].name.empty() ? v.samples[sample].name
                                                                      : fmt::format("sample {}", sample);
}

void add_tensor(Suite& suite, const Verification& v, const PairResult& pair, const TensorResult& t) {
  const std::string test = fmt::format("{}: {}", sample_name(v, pair.sample), t.tensor);
  if (t.passed) return suite.add(test, "", "", "");
  const Difference& d = t.difference;
  const std::string message =
      pair.bit_exact
          ? fmt::format("bits of {} of {} elements differ", d.bits_differ + d.line_miss, d.total)
          : fmt::format("{} of {} elements differ by more than 1e-{}", d.mismatches(), d.total, v.digits);
  std::string details = fmt::format(
      "{} {} against {} {}\nline_miss {}, line_diff {}, line_nan {}\nmax abs error {}, relative {}, cosine "
      "{}",
      pair.left, t.dtype_left, pair.right, t.dtype_right, d.line_miss, d.line_diff, d.line_nan, d.max_abs,
      d.max_relative, d.cosine);
  if (d.first >= 0)
    details += fmt::format("\nfirst different element {}: {} and {}", position_text(d.first, t.shape),
                           d.first_a, d.first_b);
  if (!t.step.empty()) details += "\nmade by " + t.step;
  if (!t.row_left.empty() || !t.row_right.empty())
    details += fmt::format("\nkernels: {} and {}", t.row_left, t.row_right);
  if (!pair.reproducer.empty()) details += "\nreproducer: " + pair.reproducer;
  suite.add(test, "failure", message, details);
}

void add_pair(Suite& suite, const Verification& v, const PairResult& pair) {
  const size_t before = suite.failures;
  for (const TensorResult& t : pair.tensors) add_tensor(suite, v, pair, t);
  if (!pair.passed && suite.failures == before)
    suite.add(sample_name(v, pair.sample), "failure", "not comparable",
              fmt::format("{} tensors in common, {} of {} only, {} of {} only", pair.tensors.size(),
                          pair.only_left.size(), pair.left, pair.only_right.size(), pair.right));
}

std::string properties(const Verification& v) {
  std::string rows;
  const auto add = [&](const std::string& name, const std::string& value) {
    rows += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", xml(name), xml(value));
  };
  add("tool", v.tool + " " + v.version);
  add("model", v.model);
  for (const report::File& file : v.files) add(file.role, file.path + " " + file.xxh3);
  if (v.seed) add("seed", fmt::format("{}", *v.seed));
  for (const SideInfo& side : v.sides)
    for (const auto& [fact, value] : side.facts) add(side.name + ": " + fact, value);
  return rows;
}

}  // namespace

std::string verification_junit(const Verification& v) {
  std::vector<Suite> suites;
  const auto suite = [&](const std::string& name) -> Suite& {
    for (Suite& s : suites)
      if (s.name == name) return s;
    return suites.emplace_back(Suite{name, ""});
  };
  for (const PairResult& pair : v.pairs) add_pair(suite(pair.left + " VS " + pair.right), v, pair);
  for (const SideInfo& side : v.sides)
    if (!side.error.empty()) suite(side.name).add("run", "error", side.error, "");
  Suite all{v.tool, ""};
  std::string text;
  for (const Suite& s : suites) {
    text +=
        fmt::format("  <testsuite name=\"{}\" {}>\n    <properties>\n{}    </properties>\n{}  </testsuite>\n",
                    xml(s.name), s.counts(), properties(v), s.cases);
    all.tests += s.tests, all.failures += s.failures, all.errors += s.errors;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {}>\n{}</testsuites>\n",
      xml(all.name), all.counts(), text);
}

}  // namespace openhb::verify
