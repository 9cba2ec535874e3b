// SPDX-License-Identifier: Apache-2.0
#include "host/report/page.h"

#include "common/error.h"

namespace openhb::report {
namespace {

// JSON inside a script element: "<" appears in its strings only, where an escape means the same.
std::string script_safe(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  }
  return text;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  return escaped;
}

std::string html_page(std::string_view title, std::string_view script, std::string_view json) {
  // In one pass: what is inserted is not looked at again.
  std::string_view frame = page_part("frame.html");
  std::string page;
  page.reserve(frame.size() + json.size() + json.size() / 8 + (size_t{1} << 17));
  for (size_t open; (open = frame.find("{{")) != frame.npos;) {
    const size_t close = frame.find("}}", open);
    const std::string_view name = frame.substr(open + 2, close - open - 2);
    page += frame.substr(0, open);
    if (name == "title")
      page += html_escaped(title);
    else if (name == "data")
      page += script_safe(json);
    else
      page += page_part(name == "page.js" ? script : name);
    frame.remove_prefix(close + 2);
  }
  page += frame;
  return page;
}

}  // namespace openhb::report
