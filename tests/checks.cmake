# Checks of the sources and of the package, beside the test programs. `ctest -L source` runs these alone.
function(norma_check name script)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} ${ARGN} -P ${CMAKE_CURRENT_SOURCE_DIR}/${script}.cmake)
  set_tests_properties(${name} PROPERTIES LABELS source)
endfunction()

norma_check(source.includes check_includes -D ROOT=${PROJECT_SOURCE_DIR})
norma_check(source.includes_can_fail check_includes_fails -D WORK=${CMAKE_CURRENT_BINARY_DIR}/includes_can_fail)
norma_check(source.format check_format -D ROOT=${PROJECT_SOURCE_DIR})
set_tests_properties(source.format PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: ")

foreach(mode without_fast package)
  norma_check(consumer.${mode} consumer -D MODE=${mode} -D SOURCE=${PROJECT_SOURCE_DIR} -D BUILD=${PROJECT_BINARY_DIR}
    -D WORK=${CMAKE_CURRENT_BINARY_DIR}/consumer_${mode} -D GENERATOR=${CMAKE_GENERATOR}
    -D COMPILER=${CMAKE_CXX_COMPILER} -D FLAGS=${CMAKE_CXX_FLAGS})
  set_tests_properties(consumer.${mode} PROPERTIES TIMEOUT 600)
endforeach()

add_test(NAME source.avx2 COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/avx2.sh ${PROJECT_SOURCE_DIR}
  ${CMAKE_CURRENT_BINARY_DIR}/avx2 ${CMAKE_CXX_COMPILER})
set_tests_properties(source.avx2 PROPERTIES LABELS source TIMEOUT 900 SKIP_RETURN_CODE 77
  ENVIRONMENT "OMP_WAIT_POLICY=passive")

# mutants.py itself takes minutes; this only keeps its list in step with the code it mutates.
find_program(NORMA_PYTHON python3)
if(NORMA_PYTHON)
  add_test(NAME source.mutants_apply COMMAND ${NORMA_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/mutants.py --list)
  set_tests_properties(source.mutants_apply PROPERTIES LABELS source)
endif()
