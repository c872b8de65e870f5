# cmake --install DIR puts norma::norma where find_package(norma) finds it. Headers keep their folders:
# #include "core/tensor.h", in the tree and installed alike. A project that takes Norma in by add_subdirectory installs
# its own things only.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
include(CMakePackageConfigHelpers)

get_property(targets GLOBAL PROPERTY norma_installed)
install(TARGETS ${targets} EXPORT norma)
install(DIRECTORY core layers optim data DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/norma FILES_MATCHING PATTERN *.h)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/norma)
install(EXPORT norma NAMESPACE norma:: DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/norma-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/norma-config.cmake ${PROJECT_BINARY_DIR}/norma-config-version.cmake DESTINATION ${package_dir})
