#include "norma/apps/norma/run/environment.h"

#include <fmt/format.h>
#include <omp.h>
#include <sys/utsname.h>

#include <Eigen/Core>
#include <fstream>
#include <thread>

#include "norma_build_info.h"

namespace norma {
namespace {

/// Linux names the processor here; elsewhere it has no name.
std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (const std::size_t colon = line.find(": "); line.starts_with("model name") && colon != std::string::npos)
      return line.substr(colon + 2);
  return "unknown";
}

std::string operating_system() {
  utsname names{};
  return uname(&names) == 0 ? fmt::format("{} {} {}", names.sysname, names.release, names.machine) : "unknown";
}

}  // namespace

Json environment() {
  return {{"cpu", processor()},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", omp_get_max_threads()},
          {"os", operating_system()},
          {"compiler", build_info::kCompiler},
          {"flags", build_info::kFlags},
          {"eigen", fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION)},
          {"simd", Eigen::SimdInstructionSetsInUse()}};
}

}  // namespace norma
