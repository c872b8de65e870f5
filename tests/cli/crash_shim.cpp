// For tests/resume.py, loaded into norma with LD_PRELOAD: counts the system calls by which files are made, and at chosen
// ones kills the process or fails as a full disk does. So every moment of saving can be hit, and norma needs no code
// for it.
//   SHIM_KILL=N       SIGKILL at call N, from 1; a write gets half of its bytes out before
//   SHIM_FULL=N,M     calls N to M fail with ENOSPC
//   SHIM_COUNT=FILE   at the end, how many calls there were
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace {

std::atomic<long> calls{0};

/// Numbers from an environment variable; 0 where there are none.
struct Range {
  long first = 0, last = 0;
  explicit Range(const char* name) {
    if (const char* text = std::getenv(name); text && std::sscanf(text, "%ld,%ld", &first, &last) == 1) last = first;
  }
  bool holds(long call) const { return first <= call && call <= last; }
};

/// Counts a call; false, with errno, if it shall fail.
template <class BeforeDeath>
bool pass(const BeforeDeath& before_death) {
  static const Range kill_at("SHIM_KILL"), full("SHIM_FULL");
  const long call = ++calls;
  if (kill_at.holds(call)) {
    before_death();
    raise(SIGKILL);
  }
  errno = ENOSPC;
  return !full.holds(call);
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

constexpr auto kNothing = [] {};

[[gnu::destructor]] void tell() {
  const char* file = std::getenv("SHIM_COUNT");
  if (std::FILE* out = file ? std::fopen(file, "w") : nullptr) {
    std::fprintf(out, "%ld\n", calls.load());
    std::fclose(out);
  }
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t count) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (file > 2 && !pass([&] { next(file, bytes, count / 2); })) return -1;
  return next(file, bytes, count);
}

int fsync(int file) {
  static const auto next = real<int (*)(int)>("fsync");
  return pass(kNothing) ? next(file) : -1;
}

int rename(const char* from, const char* to) {
  static const auto next = real<int (*)(const char*, const char*)>("rename");
  return pass(kNothing) ? next(from, to) : -1;
}

int open(const char* path, int flags, ...) {
  static const auto next = real<int (*)(const char*, int, ...)>("open");
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if ((flags & O_CREAT) != 0 && !pass(kNothing)) return -1;
  return next(path, flags, mode);
}

}  // extern "C"
