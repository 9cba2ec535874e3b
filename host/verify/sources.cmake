# SPDX-License-Identifier: Apache-2.0
# openhb::verify: comparisons of host, simulator and board. A new file of these folders needs no line here.
find_package(libssh CONFIG REQUIRED)
file(GLOB verify_sources CONFIGURE_DEPENDS
  ${CMAKE_CURRENT_SOURCE_DIR}/verify/*.cc ${CMAKE_CURRENT_SOURCE_DIR}/verify/*/*.cc)
add_library(openhb_verify STATIC ${verify_sources})
add_library(openhb::verify ALIAS openhb_verify)
target_compile_definitions(openhb_verify PRIVATE OPENHB_VERSION="${PROJECT_VERSION}")
target_link_libraries(openhb_verify PUBLIC openhb::pages openhb_model_exec PRIVATE ssh)
