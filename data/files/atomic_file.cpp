#include "norma/data/files/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include "norma/core/check.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& file, const char* what) {
  const int reason = errno;
  throw FileError(join(file.string(), ": ", what, ": ", std::generic_category().message(reason)));
}

/// An open file or folder, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  /// Closes it now; the system may report here what it could not write. False then.
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

/// Removes a file at the end, unless it has got its lasting name.
class Temporary {
 public:
  explicit Temporary(fs::path path) : path_(std::move(path)) {}
  ~Temporary() {
    std::error_code ignored;
    if (!renamed_) fs::remove(path_, ignored);
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const fs::path& path() const { return path_; }
  void renamed() { renamed_ = true; }

 private:
  fs::path path_;
  bool renamed_ = false;
};

std::string temporary_prefix(const fs::path& file) { return file.filename().string() + ".tmp-"; }

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

/// Whether `name` is a temporary file of `prefix` whose process is dead, or this one.
bool is_stale(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return false;
  pid_t process = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + prefix.size(), end, process);
  if (error != std::errc() || rest != end || process <= 0) return false;
  return process == getpid() || (kill(process, 0) != 0 && errno == ESRCH);
}

void remove_stale(const fs::path& file) {
  const std::string prefix = temporary_prefix(file);
  std::error_code failed;
  for (fs::directory_iterator entry(folder_of(file), failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code ignored;
    if (is_stale(entry->path().filename().string(), prefix)) fs::remove(entry->path(), ignored);
  }
}

void write_through(const fs::path& file, const fs::path& temporary, std::string_view bytes) {
  Descriptor out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (out.number() < 0) fail(file, "cannot be written");
  while (!bytes.empty()) {
    const ssize_t written = ::write(out.number(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(file, "writing failed");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(out.number()) != 0) fail(file, "writing to the disk failed");
  if (!out.close()) fail(file, "writing failed");
}

}  // namespace

void sync_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.number() < 0 || (::fsync(opened.number()) != 0 && errno != EINVAL))
    fail(folder, "writing this folder to the disk failed");
}

void write_file(const fs::path& file, std::string_view bytes) {
  std::error_code failed;
  if (fs::exists(file, failed) && !fs::is_regular_file(file, failed))
    throw FileError(file.string() + ": cannot be written: is not a regular file");
  remove_stale(file);
  Temporary temporary(folder_of(file) / (temporary_prefix(file) + std::to_string(getpid())));
  write_through(file, temporary.path(), bytes);
  if (::rename(temporary.path().c_str(), file.c_str()) != 0) fail(file, "cannot be replaced");
  temporary.renamed();
  sync_folder(folder_of(file));
}

}  // namespace norma
