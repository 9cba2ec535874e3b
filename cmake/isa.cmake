# SPDX-License-Identifier: Apache-2.0
# The ISA table, one row per level: its compiler flags. "ref" is the architecture's baseline.
# Levels and their CPU bits: device/engine/cpu.h.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(OPENHB_ISA_LEVELS ref avx2 avxvnni avx512 avx512vnni avx512vbmi)
  set(OPENHB_ISA_FLAGS_ref "")
  set(OPENHB_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
  set(OPENHB_ISA_FLAGS_avxvnni -mavx2 -mfma -mf16c -mavxvnni)
  set(OPENHB_ISA_FLAGS_avx512 -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512dq -mavx512vl
                              -mprefer-vector-width=512)
  set(OPENHB_ISA_FLAGS_avx512vnni ${OPENHB_ISA_FLAGS_avx512} -mavx512vnni)
  set(OPENHB_ISA_FLAGS_avx512vbmi ${OPENHB_ISA_FLAGS_avx512vnni} -mavx512vbmi)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(OPENHB_ISA_LEVELS ref neon dotprod i8mm)
  set(OPENHB_ISA_FLAGS_ref "")
  set(OPENHB_ISA_FLAGS_neon -mtune=cortex-a55)
  set(OPENHB_ISA_FLAGS_dotprod -march=armv8.2-a+dotprod -mtune=cortex-a55)
  set(OPENHB_ISA_FLAGS_i8mm -march=armv8.2-a+dotprod+i8mm)
else()
  set(OPENHB_ISA_LEVELS ref)
  set(OPENHB_ISA_FLAGS_ref "")
endif()

# Compiles `file` once for each of the named levels that this architecture has and adds the objects to `target`.
# The file sees OPENHB_ISA (the level, a bare word for a namespace) and OPENHB_ISA_NAME (a string). Such files hold
# only file-local code (anonymous namespaces, no standard templates), so that the linker can never hand a baseline
# CPU a copy of a function that was compiled for a newer one.
function(openhb_isa_source target file)
  get_filename_component(stem ${file} NAME_WE)
  foreach(level IN LISTS ARGN)
    if(level IN_LIST OPENHB_ISA_LEVELS)
      set(object ${target}_${stem}_${level})
      add_library(${object} OBJECT ${file})
      target_link_libraries(${object} PRIVATE openhb::options)
      # GCC 12 warns about its own AVX-512 headers, which start undefined vectors from themselves (GCC PR 105593).
      target_compile_options(${object} PRIVATE ${OPENHB_ISA_FLAGS_${level}} -O3
                                               "$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized;-Wno-psabi>"
                                               "$<$<CXX_COMPILER_ID:Clang>:-Wno-psabi>")
      target_compile_definitions(${object} PRIVATE OPENHB_ISA=${level} OPENHB_ISA_NAME="${level}")
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${object}>)
    endif()
  endforeach()
endfunction()
