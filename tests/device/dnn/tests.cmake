# SPDX-License-Identifier: Apache-2.0
if(NOT CMAKE_CROSSCOMPILING)
  add_test(NAME dnn_headers COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/device/dnn/check_headers.py
           ${PROJECT_SOURCE_DIR}/device/include)
  set_tests_properties(dnn_headers PROPERTIES LABELS fast TIMEOUT 300)
endif()
add_library(openhb_dnn_support STATIC device/dnn/test_models.cc device/dnn/test_client.cc)
target_link_libraries(openhb_dnn_support PUBLIC openhb_dnn openhb_samples)
openhb_precompile(library openhb_dnn_support)

# Applications written for the interface, under other names for their main.
add_library(dnn_clients OBJECT device/dnn/clients/classify.c device/dnn/clients/pipeline.cpp)
target_include_directories(dnn_clients PRIVATE ${PROJECT_SOURCE_DIR}/device/include)
set_target_properties(dnn_clients PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF CXX_STANDARD 11)
target_compile_options(dnn_clients PRIVATE -Wall -Wextra -Wpedantic -Werror)
set_source_files_properties(device/dnn/clients/classify.c PROPERTIES COMPILE_DEFINITIONS main=classify_main)
set_source_files_properties(device/dnn/clients/pipeline.cpp PROPERTIES COMPILE_DEFINITIONS main=pipeline_main)

openhb_test(NAME dnn_clients_test SOURCES device/dnn/clients_test.cc $<TARGET_OBJECTS:dnn_clients>
  LIBRARIES openhb_dnn_support LABELS fast)
openhb_test(NAME dnn_bad_input_test
  SOURCES device/dnn/bad_handles_test.cc device/dnn/bad_files_test.cc device/dnn/bad_tensors_test.cc
          device/dnn/bad_regions_test.cc device/dnn/bad_memory_test.cc
  LIBRARIES openhb_dnn_support LABELS fast bad_input)
openhb_test(NAME dnn_stress_test SOURCES device/dnn/stress_test.cc LIBRARIES openhb_dnn_support LABELS fast)
openhb_test(NAME dnn_latency_test SOURCES device/dnn/latency_test.cc LIBRARIES openhb_dnn_support LABELS fast)

target_compile_definitions(dnn_latency_test PRIVATE OPENHB_EMULATED=$<BOOL:${CMAKE_CROSSCOMPILING}>)

# Counts and refuses what the program asks the system for (hooks.h).
add_library(openhb_hooks INTERFACE)
foreach(function malloc calloc realloc aligned_alloc posix_memalign free mmap pthread_mutex_lock
                 _ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE)
  target_link_options(openhb_hooks INTERFACE -Wl,--wrap=${function})
endforeach()
openhb_test(NAME dnn_oom_test SOURCES device/dnn/oom_test.cc device/dnn/memory_failure_test.cc device/dnn/hooks.cc
  LIBRARIES openhb_dnn_support openhb_hooks LABELS fast bad_input)
openhb_test(NAME dnn_steady_test SOURCES device/dnn/steady_test.cc device/dnn/hooks.cc
  LIBRARIES openhb_dnn_support openhb_hooks LABELS fast)
# Alone on the machine: another test would put its threads aside.
set_tests_properties(dnn_steady_test dnn_latency_test PROPERTIES RUN_SERIAL ON)
