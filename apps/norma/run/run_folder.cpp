#include "norma/apps/norma/run/run_folder.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

#include "norma/apps/norma/run/environment.h"
#include "norma/data/files/atomic_file.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

/// Creates `folder`; false if it already was there.
bool make_folder(const fs::path& folder) {
  std::error_code failed;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failed);
  const bool made = !failed && fs::create_directory(folder, failed);
  if (failed) throw FileError(folder.string() + ": cannot make this folder: " + failed.message());
  return made;
}

fs::path next_free(const std::string& verb) {
  for (int number = 1;; ++number) {
    fs::path folder = fs::path("runs") / fmt::format("{}-{:03}", verb, number);
    if (make_folder(folder)) return folder;
  }
}

/// Cuts off what a process that was killed left after the last line end.
void cut_torn_line(int file) {
  off_t end = lseek(file, 0, SEEK_END);
  for (char last = 0; end > 0; --end)
    if (pread(file, &last, 1, end - 1) != 1 || last == '\n') break;
  if (ftruncate(file, end) != 0) return;  // then the torn line stays
}

}  // namespace

LineFile::LineFile(fs::path path) : path_(std::move(path)), out_(path_) {
  if (!out_) throw FileError(path_.string() + ": cannot be opened for writing");
}

void LineFile::add(const std::string& line) {
  out_ << line << '\n' << std::flush;
  if (!out_) throw FileError(path_.string() + ": writing failed (is the disk full?)");
}

fs::path make_run_folder(const std::string& verb, const std::string& out) {
  if (out.empty()) return next_free(verb);
  const fs::path folder = fs::path(out) / "";  // with or without a slash at the end
  if (make_folder(folder.parent_path())) return folder.parent_path();
  std::error_code failed;
  if (fs::exists(folder / "config.json", failed))
    throw FileError(out + ": already holds a run; name another folder with --out, or go on with it by --resume");
  if (!fs::is_empty(folder, failed) || failed)
    throw FileError(out + ": must be a new or an empty folder; name another with --out");
  return folder.parent_path();
}

void describe_run(const fs::path& run, const std::string& command, const Json& config) {
  write_file(run / "command.txt", command + "\n");
  write_file(run / "env.json", pretty(environment()));
  write_file(run / "config.json", pretty(config));  // the last: with it, it is a run
}

std::string begun_with(const fs::path& run) {
  std::ifstream in(run / "command.txt");
  std::string line;
  return std::getline(in, line) ? line : "# command.txt is missing; config.json tells the options";
}

RunLog::RunLog(const fs::path& run)
    : file_(open((run / "log.jsonl").c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) {
  const std::string name = (run / "log.jsonl").string();
  if (file_ < 0) throw FileError(name + ": cannot be opened for writing: " + std::generic_category().message(errno));
  if (flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(file_);
    throw FileError(name + ": another process is training in this folder");
  }
  cut_torn_line(file_);
}

RunLog::~RunLog() { close(file_); }

void RunLog::add(const std::string& event, const Json& fields) noexcept try {
  Json record{{"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}, {"event", event}};
  record.update(fields);
  const std::string line = one_line(record) + "\n";
  if (write(file_, line.data(), line.size()) < 0) return;  // the same disk trouble keeps the weights from being saved
} catch (const std::exception&) {
}

}  // namespace norma
