#include "norma/core/brief_waits.h"

#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#endif

namespace norma {

#if defined(__linux__) && defined(__GNUC__) && !defined(__clang__)

void wait_briefly(char** argv) {
  // Set below, which is also why this happens once.
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  // "ld.so PROGRAM": the file in /proc would be ld.so, which takes other arguments.
  if (getauxval(AT_BASE) == 0) return;
  // The file's own name, which ps and killall go by: executed as /proc/self/exe the program would be called "exe".
  std::error_code no_proc;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", no_proc);
  if (no_proc || setenv("GOMP_SPINCOUNT", "1000", 0) != 0) return;
  execv(program.c_str(), argv);
  unsetenv("GOMP_SPINCOUNT");  // still here, so all remains as it was
}

#else

void wait_briefly(char**) {}

#endif

}  // namespace norma
