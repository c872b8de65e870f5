# cmake -D MODE=without_fast|package -D SOURCE=... -D BUILD=... -D WORK=... -P consumer.cmake: builds and runs the project
# in tests/consumer, which uses Norma from the outside: what `cmake --install BUILD` makes of it (also the program norma, and
# with DOUBLE the component double); or, by add_subdirectory, a copy of its source tree from which layers/fast/ and its line
# in CMakeLists.txt were deleted. (Nothing but layers/ may include layers/fast/, says check_includes.cmake: what layers/ does
# not miss the programs do not.) GENERATOR, COMPILER and FLAGS are those of BUILD.
cmake_minimum_required(VERSION 3.21)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(status)
    message(FATAL_ERROR "failed: ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
if(MODE STREQUAL "package")
  run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
  # Optimised, but for no particular processor: the library's own flags must be enough to agree with it.
  set(how -D CMAKE_PREFIX_PATH=${WORK}/prefix -D CMAKE_BUILD_TYPE=Release -D WITH_DOUBLE=${DOUBLE})
  if(EXISTS ${BUILD}/apps/norma)
    run(${WORK}/prefix/bin/norma --version)
    message(NOTICE "${output}")
  endif()
else()
  foreach(part CMakeLists.txt cmake core layers optim data)
    file(COPY ${SOURCE}/${part} DESTINATION ${WORK}/norma)
  endforeach()
  file(REMOVE_RECURSE ${WORK}/norma/layers/fast)
  file(READ ${WORK}/norma/CMakeLists.txt with_fast)
  string(REGEX REPLACE "\n *fast/[^\n]*" "" without_fast "${with_fast}")
  if(without_fast STREQUAL with_fast)
    message(FATAL_ERROR "CMakeLists.txt has no line of layers/fast/")
  endif()
  file(WRITE ${WORK}/norma/CMakeLists.txt "${without_fast}")
  set(how -D NORMA_SOURCE_DIR=${WORK}/norma -D CMAKE_BUILD_TYPE=Debug -D CMAKE_UNITY_BUILD=ON)
endif()
run(${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer -B ${WORK}/build -G ${GENERATOR} ${how}
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${WORK}/build --parallel 2)
run(${WORK}/build/consumer)
message(NOTICE "${output}")
if(EXISTS ${WORK}/build/consumer_double)
  run(${WORK}/build/consumer_double)
elseif(DOUBLE)
  message(FATAL_ERROR "the package has no component double")
endif()
file(REMOVE_RECURSE ${WORK})
