# SPDX-License-Identifier: Apache-2.0
# Bad input must give one clear sentence and leave nothing half-written; also meant for the sanitizer build.
foreach(part conversion model execution checker infer vec_diff)
  add_test(NAME bad_input_${part}
    COMMAND /usr/bin/python3 -B ${CMAKE_CURRENT_LIST_DIR}/check_bad_input.py ${part}
            $<TARGET_FILE:hb_mapper> $<TARGET_FILE:hrt_model_exec> ${PROJECT_SOURCE_DIR})
  set_tests_properties(bad_input_${part} PROPERTIES LABELS bad_input TIMEOUT 1200
    ENVIRONMENT "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0;UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
endforeach()
