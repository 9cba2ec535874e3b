// SPDX-License-Identifier: Apache-2.0
#include "host/report/page.h"
#include "host/verify/verification.h"

namespace openhb::verify {

std::string verification_html(const Verification& v) {
  const std::string title = fmt::format("{}: {}, {}", v.tool, v.model, v.passed ? "passed" : "failed");
  return report::html_page(title, "verify.js", verification_json(v));
}

}  // namespace openhb::verify
