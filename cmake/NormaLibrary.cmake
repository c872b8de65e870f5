include(CheckCXXCompilerFlag)
# GCC and Clang use half of AVX-512's width unless told: sums in double are then slower than memory.
check_cxx_compiler_flag(-mprefer-vector-width=512 NORMA_HAS_VECTOR_WIDTH)
include(GNUInstallDirs)  # before the targets: they name the folder their headers are installed in

# All includes begin with norma/, in this tree as in programs that use it, so that nobody's own core/ gets in the way:
# build/include/norma/ holds a link to each folder.
set(NORMA_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${NORMA_INCLUDE_DIR}/norma)
foreach(folder core layers optim data apps tests)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${NORMA_INCLUDE_DIR}/norma/${folder} SYMBOLIC)
  endif()
endforeach()

# norma_library(core SOURCES ... DEPENDS ...) makes norma_core from the files of core/; with NORMA_DOUBLE also
# norma_core_double from the same files, with Real = double.
function(norma_library folder)
  norma_library_of(${folder} "" ${ARGN})
  if(NORMA_DOUBLE)
    norma_library_of(${folder} _double ${ARGN})
  endif()
endfunction()

function(norma_library_of folder suffix)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES;DEPENDS")
  list(TRANSFORM arg_SOURCES PREPEND ${folder}/)
  set(target norma_${folder}${suffix})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(norma::${folder}${suffix} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${folder}${suffix} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${NORMA_INCLUDE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC Eigen3::Eigen OpenMP::OpenMP_CXX Threads::Threads)
  # Norma has its own threads. The alignment is fixed so that a consumer compiled with other flags agrees on it.
  target_compile_definitions(${target} PUBLIC EIGEN_DONT_PARALLELIZE EIGEN_MAX_ALIGN_BYTES=64)
  if(suffix)
    target_compile_definitions(${target} PUBLIC NORMA_DOUBLE)
    target_compile_options(${target} PRIVATE -O1)  # for gradient checks, which take milliseconds: compiling takes longer
  endif()
  if(NORMA_NATIVE)
    target_compile_options(${target} PUBLIC -march=native $<$<BOOL:${NORMA_HAS_VECTOR_WIDTH}>:-mprefer-vector-width=512>)
    # GCC 12 with AVX-512 turns std::vector<float>{1,0,1,0,0,0,0,0} into 1,0,1,0,1,0,1,0 when it packs single assignments
    # into vectors. Loops, which are what counts, are vectorised by another pass.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      target_compile_options(${target} PUBLIC -fno-tree-slp-vectorize)
    endif()
  endif()
  norma_warnings(${target})
  if(suffix AND NORMA_UNITY)  # nobody counts on the bits of these
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON)
  endif()
  if(NOT arg_DEPENDS)
    norma_precompile(${target} <algorithm> <functional> <memory> <optional> <string> <vector>)
  else()
    norma_precompile_as(${target} norma_core${suffix})
  endif()
  foreach(dependency ${arg_DEPENDS})
    target_link_libraries(${target} PUBLIC norma_${dependency}${suffix})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY norma_installed${suffix} ${target})
endfunction()

# norma_precompile(target headers...): each of its files is saved the time to read Eigen and these. Every file includes what
# it uses all the same: the preset dev builds without.
function(norma_precompile target)
  target_precompile_headers(${target} PRIVATE <Eigen/Core> ${ARGN})
endfunction()

# norma_precompile_as(target other): the same headers, precompiled once for both. Both have the same flags.
function(norma_precompile_as target other)
  target_precompile_headers(${target} REUSE_FROM ${other})
endfunction()

# norma_unity(target n): with NORMA_UNITY its files are compiled as n units, which halves the processor time of a build from
# nothing. Neighbours in the list of sources go to different units, because files of one kind use the same names in their
# anonymous namespaces. Not for core, layers and optim: what is inlined where would depend on the units, and so the last bit.
function(norma_unity target units)
  if(NORMA_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    get_target_property(sources ${target} SOURCES)
    set(unit 0)
    foreach(source ${sources})
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${unit})
      math(EXPR unit "(${unit} + 1) % ${units}")
    endforeach()
  endif()
endfunction()

# norma::norma (or norma::norma_double): what a consumer links.
function(norma_interface name)
  string(REPLACE norma "" suffix ${name})
  add_library(${name} INTERFACE)
  add_library(norma::${name} ALIAS ${name})
  target_link_libraries(${name} INTERFACE
    norma_core${suffix} norma_layers${suffix} norma_optim${suffix} norma_data${suffix})
  set_property(GLOBAL APPEND PROPERTY norma_installed${suffix} ${name})
endfunction()

# Warnings are for Norma's own sources. GCC 12 with AVX-512 warns falsely inside its own header under Eigen 3.4.
function(norma_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()
