// SPDX-License-Identifier: Apache-2.0
// HTML reports: one file that needs nothing else and asks nobody for anything.
#pragma once

#include <string>
#include <string_view>

namespace openhb::report {

// The page that a script of host/report/page ("conversion.js") makes of `json`. The text comes from untrusted
// files: it can neither end its element nor become markup or code.
std::string html_page(std::string_view title, std::string_view script, std::string_view json);

// Text as HTML shows it.
std::string html_escaped(std::string_view text);

// A built-in file of the pages ("kit.css"); Error(internal) when there is none.
std::string_view page_part(std::string_view name);

}  // namespace openhb::report
