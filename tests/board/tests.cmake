# SPDX-License-Identifier: Apache-2.0
# The virtual boards themselves; skipped where this machine cannot have them.
foreach(kind userland machine)
  add_test(NAME board_${kind} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/board/check_board.py ${kind})
  set_tests_properties(board_${kind} PROPERTIES LABELS e2e SKIP_RETURN_CODE 77 TIMEOUT 1200)
endforeach()
