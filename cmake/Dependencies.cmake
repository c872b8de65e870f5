# What Norma is built from. Everything comes from the system's packages (Debian: scripts/packages.txt); nothing is copied
# into the tree.
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
if(NORMA_APPS)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
endif()
if(NORMA_TESTS)
  find_package(GTest REQUIRED)
endif()
