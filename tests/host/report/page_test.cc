// SPDX-License-Identifier: Apache-2.0
#include "host/report/page.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/error.h"

namespace openhb::report {
namespace {

size_t occurrences(std::string_view text, std::string_view word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++n;
  return n;
}

// What a browser takes the data element's text to be.
std::string data_of(std::string_view page) {
  constexpr std::string_view kOpen = "<script type=\"application/json\" id=\"data\">";
  const size_t from = page.find(kOpen) + kOpen.size();
  return std::string(page.substr(from, page.find("</script", from) - from));
}

const std::string kPlain = html_page("plain", "conversion.js", "{}");

TEST(PageTest, DataCannotLeaveTheirElement) {
  for (const char* name :
       {"</script><script>alert(1)</script>", "<!--<script>", "-->", "]]>", "</ScRiPt >", "{{chart.js}}",
        "{{data}}", "<img src=x onerror=alert(1)>", "&lt;", "\"'\\\u2028\u2029", "\n\t\x01"}) {
    SCOPED_TRACE(name);
    const nlohmann::json data{{"node", name}};
    const std::string page = html_page("plain", "conversion.js", data.dump());
    EXPECT_EQ(nlohmann::json::parse(data_of(page)), data);
    EXPECT_EQ(occurrences(page, "<script"), occurrences(kPlain, "<script"));
    EXPECT_EQ(occurrences(page, "</"), occurrences(kPlain, "</"));
    EXPECT_EQ(occurrences(page, "<!"), occurrences(kPlain, "<!"));
    EXPECT_EQ(occurrences(page, "uPlot="), occurrences(kPlain, "uPlot="));
  }
}

TEST(PageTest, TitleIsText) {
  const std::string page = html_page("</title><b onclick=\"x\">&'{{data}}", "conversion.js", "{}");
  EXPECT_NE(page.find("<title>&lt;/title&gt;&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;{{data}}</title>"),
            page.npos);
}

TEST(PageTest, HasEverythingInIt) {
  EXPECT_EQ(kPlain.find("{{"), kPlain.npos);
  for (const char* part : {"kit.css", "dom.js", "table.js", "plot.js", "marks.js", "frame.js",
                           "conversion.js", "chart.js", "chart.css", "chart.license"}) {
    EXPECT_FALSE(page_part(part).empty()) << part;
    EXPECT_EQ(occurrences(kPlain, page_part(part)), 1u) << part;
    EXPECT_EQ(page_part(part).find("</script"), std::string_view::npos) << part;
  }
  EXPECT_NE(kPlain.find("Permission is hereby granted"), kPlain.npos);  // the chart library's license
  EXPECT_THROW(page_part("nothing.js"), Error);
}

TEST(PageTest, AsksNobodyForAnything) {
  EXPECT_NE(kPlain.find("default-src 'none'"), kPlain.npos);
  for (const char* word : {"src=", "@import", "url(", "fetch(", "XMLHttpRequest", "WebSocket", "href=\"http"})
    EXPECT_EQ(kPlain.find(word), kPlain.npos) << word;
}

// Names reach the page as text: our own scripts have no way to make markup or code of them.
TEST(PageTest, ScriptsMakeNoMarkupOfText) {
  for (const char* part : {"dom.js", "table.js", "plot.js", "marks.js", "frame.js", "conversion.js"})
    for (const char* word :
         {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("})
      EXPECT_EQ(page_part(part).find(word), std::string_view::npos) << part << " " << word;
}

}  // namespace
}  // namespace openhb::report
