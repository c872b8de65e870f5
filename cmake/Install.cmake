# `cmake --install BUILD` installs the program norma, and norma::norma where find_package(norma) finds it. With
# -DNORMA_DOUBLE=ON also norma::norma_double: find_package(norma COMPONENTS double). A project that takes Norma in by
# add_subdirectory installs its own things only.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/norma)
foreach(suffix "" _double)
  get_property(targets GLOBAL PROPERTY norma_installed${suffix})
  if(targets)
    install(TARGETS ${targets} EXPORT norma${suffix})
    # Not norma.cmake: that reads all files norma-*.cmake beside it, norma-config.cmake too.
    install(EXPORT norma${suffix} NAMESPACE norma:: DESTINATION ${package_dir} FILE targets_norma${suffix}.cmake)
  endif()
endforeach()
install(DIRECTORY core layers optim data DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/norma FILES_MATCHING PATTERN *.h
  PATTERN fast EXCLUDE)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/norma-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/norma-config.cmake ${PROJECT_BINARY_DIR}/norma-config-version.cmake DESTINATION ${package_dir})
if(NORMA_APPS)
  install(TARGETS norma_command)
  install(PROGRAMS scripts/fetch_cifar10.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/norma)  # for norma data fetch
endif()
