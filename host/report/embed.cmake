# SPDX-License-Identifier: Apache-2.0
# cmake -DOUTPUT=parts.cc "-DPARTS=name=path;..." -P embed.cmake: files as bytes of a C++ source.
set(arrays "")
set(rows "")
set(index 0)
foreach(part IN LISTS PARTS)
  string(REGEX MATCH "^([^=]+)=(.*)$" matched "${part}")
  set(name ${CMAKE_MATCH_1})
  file(READ ${CMAKE_MATCH_2} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char part_${index}[] = {${bytes}0};\n")
  string(APPEND rows "  if (name == \"${name}\") return text(part_${index});\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "// Made from host/report/page and the chart library.
#include <cstddef>
#include <string>

#include \"common/error.h\"
#include \"host/report/page.h\"

namespace openhb::report {
namespace {

template <size_t N>
std::string_view text(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N - 1};
}

${arrays}
}  // namespace

std::string_view page_part(std::string_view name) {
${rows}  fail(ErrorCode::internal, \"no page part '{}'\", name);
}

}  // namespace openhb::report
")
