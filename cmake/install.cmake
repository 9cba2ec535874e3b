# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts beside the tools: libdnn, its headers, documents, examples, and OpenHBConfig.cmake, so that
# find_package(OpenHB) gives OpenHB::dnn.
include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/OpenHB)

install(TARGETS dnn EXPORT OpenHBTargets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/device/include/dnn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
# Documents, and examples as sources: those with networks and pictures only where there is a converter.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/openhb)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/openhb
        FILES_MATCHING PATTERN "*.md")
set(excluded PATTERN model_output EXCLUDE PATTERN build* EXCLUDE PATTERN __pycache__ EXCLUDE)
if(NOT OPENHB_HOST)
  list(APPEND excluded PATTERN traffic_signs EXCLUDE)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/openhb FILES_MATCHING
        PATTERN CMakeLists.txt PATTERN *.c PATTERN *.cc PATTERN *.cpp PATTERN *.h PATTERN *.py PATTERN *.yaml PATTERN *.md
        PATTERN labels.txt REGEX "traffic_signs/.*(onnx|png)$" ${excluded})
install(EXPORT OpenHBTargets NAMESPACE OpenHB:: DESTINATION ${config_dir})

configure_package_config_file(cmake/OpenHBConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/OpenHBConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/OpenHBVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/OpenHBConfigVersion.cmake.in OpenHBConfigVersion.cmake @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/OpenHBConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/OpenHBConfigVersion.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/OpenHBVersion.cmake
        DESTINATION ${config_dir})
