# How every target of the project is compiled. Third-party headers reach it as SYSTEM.

add_library(ff_headers INTERFACE)
target_include_directories(ff_headers INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)

add_library(ff_warnings INTERFACE)
target_compile_options(ff_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor
  # A designated initialiser leaves the rest at its default.
  -Wno-missing-field-initializers
  # False alarms of GCC's flow analysis inside std::string and std::optional (GCC bugs 105651, 80635).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-maybe-uninitialized>
  # Clang counts a signed index into an array as a conversion; the fuzz targets are all it builds.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
  $<$<BOOL:${FF_WERROR}>:-Werror>)

# Settings common to the two libraries.
function(ff_configure_library target)
  target_link_libraries(${target} PRIVATE ff_warnings)
  target_precompile_headers(${target} PRIVATE <fmt/format.h> <nlohmann/json.hpp> <spdlog/spdlog.h>
                            <filesystem> <optional> <string> <vector>)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# ff_add_module(LIBRARY flops_fit SOURCES a.cpp b.cpp): the sources of one folder of src/.
function(ff_add_module)
  cmake_parse_arguments(ARG "" "LIBRARY" "SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    return()
  endif()
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  target_sources(${ARG_LIBRARY} PRIVATE ${ARG_SOURCES})
endfunction()

# ff_add_tests(NAME plan LIBRARY flops_fit SOURCES a_test.cpp ...): one Catch2 binary per module.
# Cases tagged [slow] are registered under the ctest label "slow", which the quick run leaves out.
function(ff_add_tests)
  cmake_parse_arguments(ARG "WHOLE_BINARY" "NAME;LIBRARY" "SOURCES" ${ARGN})
  set(target ${ARG_NAME}_tests)
  set(slow_tests)
  foreach(source ${ARG_SOURCES})
    file(STRINGS ${source} split_names REGEX "TEST_CASE\\(\"[^\"]*;")
    if(split_names)
      message(FATAL_ERROR "${source}: ctest takes a test's name with \";\" for two names and runs neither")
    endif()
    file(STRINGS ${source} slow REGEX "\\[slow\\]")
    list(APPEND slow_tests ${slow})
  endforeach()
  add_executable(${target} ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ff_warnings ${ARG_LIBRARY} ff_test_support)
  if(ARG_LIBRARY STREQUAL "flops_fit_nn")
    target_compile_definitions(${target} PRIVATE FF_TEST_WITH_TORCH)
  endif()
  if(ARG_WHOLE_BINARY)
    # Binaries that load LibTorch (0.4 s each time) run once, not once per case.
    add_test(NAME ${ARG_NAME} COMMAND ${target} "~[slow]")
    if(slow_tests)
      add_test(NAME "${ARG_NAME} (slow)" COMMAND ${target} "[slow]")
      set_tests_properties("${ARG_NAME} (slow)" PROPERTIES LABELS slow)
    endif()
  else()
    catch_discover_tests(${target} TEST_SPEC "~[slow]" TEST_PREFIX "${ARG_NAME}: ")
    catch_discover_tests(${target} TEST_SPEC "[slow]" TEST_PREFIX "${ARG_NAME} (slow): "
                         PROPERTIES LABELS slow)
  endif()
endfunction()
