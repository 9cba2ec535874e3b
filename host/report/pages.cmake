# SPDX-License-Identifier: Apache-2.0
# HTML reports. The chart library comes from npm (scripts/setup) and becomes part of the tools at build time.
# As Node looks for it: in node_modules here or in a folder above.
set(folder ${PROJECT_SOURCE_DIR})
set(chart ${folder}/node_modules/uplot)
while(NOT EXISTS ${chart}/dist/uPlot.iife.min.js)
  cmake_path(GET folder PARENT_PATH above)
  if(above STREQUAL folder)
    message(FATAL_ERROR "The chart library of the HTML reports, npm package uplot, is not in ${PROJECT_SOURCE_DIR}/node_modules. "
                        "Run scripts/setup, or: npm install --no-save uplot@1.6.32")
  endif()
  set(folder ${above})
  set(chart ${folder}/node_modules/uplot)
endwhile()

set(page ${CMAKE_CURRENT_SOURCE_DIR}/report/page)
set(parts chart.js=${chart}/dist/uPlot.iife.min.js chart.css=${chart}/dist/uPlot.min.css chart.license=${chart}/LICENSE)
set(files ${chart}/dist/uPlot.iife.min.js ${chart}/dist/uPlot.min.css ${chart}/LICENSE)
foreach(file frame.html kit.css dom.js table.js plot.js marks.js frame.js conversion.js verify.js)
  list(APPEND parts ${file}=${page}/${file})
  list(APPEND files ${page}/${file})
endforeach()
set(embedded ${CMAKE_CURRENT_BINARY_DIR}/page_parts.cc)
add_custom_command(
  OUTPUT ${embedded}
  COMMAND ${CMAKE_COMMAND} -DOUTPUT=${embedded} "-DPARTS=${parts}" -P ${CMAKE_CURRENT_SOURCE_DIR}/report/embed.cmake
  DEPENDS ${files} ${CMAKE_CURRENT_SOURCE_DIR}/report/embed.cmake
  VERBATIM)

add_library(openhb_pages STATIC report/conversion_json.cc report/page.cc ${embedded})
add_library(openhb::pages ALIAS openhb_pages)
target_link_libraries(openhb_pages PUBLIC openhb::compiler)
