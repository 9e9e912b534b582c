# Shared settings as interface targets, and the three ways to declare something.
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
find_package(BLAS REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C HL)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(LAPACKE REQUIRED IMPORTED_TARGET lapacke)
pkg_check_modules(FYAML REQUIRED IMPORTED_TARGET libfyaml>=0.7.12)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)

add_library(mad_flags INTERFACE)
target_include_directories(mad_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_features(mad_flags INTERFACE c_std_17)
target_compile_definitions(mad_flags INTERFACE _GNU_SOURCE MADLOOP_VERSION="${PROJECT_VERSION}")
target_compile_options(mad_flags INTERFACE
  -fno-math-errno -ffp-contract=off -fno-omit-frame-pointer
  -Wall -Wextra -Wpedantic -Wdouble-promotion -Wshadow -Wswitch-enum -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Werror)
target_link_libraries(mad_flags INTERFACE OpenMP::OpenMP_C m)
if(MADLOOP_SANITIZE)
  target_compile_options(mad_flags INTERFACE -fsanitize=${MADLOOP_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(mad_flags INTERFACE -fsanitize=${MADLOOP_SANITIZE})
endif()
set(CMAKE_C_EXTENSIONS ON)

# mad_library(NAME SOURCES a.c b.c LINKS other_lib ...)
function(mad_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE -Wconversion)
  target_link_libraries(${name} PUBLIC mad_flags ${ARG_LINKS})
endfunction()

# Tests run side by side on few cores: waiting threads must sleep, not spin (OMP_WAIT_POLICY).
# mad_test(NAME LABEL unit SOURCES a.c LINKS lib ...): a cmocka program
function(mad_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE mad_flags ${ARG_LINKS} cmocka)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    SKIP_RETURN_CODE 77 ENVIRONMENT "OMP_WAIT_POLICY=passive")
endfunction()

# mad_script_test(NAME LABEL e2e SCRIPT file.py ARGS ...): a Python or shell check; exit 77 = skip
function(mad_script_test name)
  cmake_parse_arguments(ARG "" "LABEL;SCRIPT;TIMEOUT" "ARGS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set(runner)
  if(ARG_SCRIPT MATCHES "\\.py$")
    set(runner ${MADLOOP_PYTHON})
  endif()
  add_test(NAME ${name}
    COMMAND ${runner} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGS}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    SKIP_RETURN_CODE 77
    ENVIRONMENT "MADLOOP=$<TARGET_FILE:madloop>;PYTHONDONTWRITEBYTECODE=1;OMP_WAIT_POLICY=passive")
endfunction()
