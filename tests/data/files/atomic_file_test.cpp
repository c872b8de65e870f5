// write_file: the old content or the new, never anything between, and nothing left lying about.
#include "norma/data/files/atomic_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// An empty folder for one test, removed at its end.
class AtomicFile : public testing::Test {
 protected:
  AtomicFile() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~AtomicFile() override { fs::remove_all(folder_); }

  /// write_file throws a FileError that begins with the file and holds `reason`.
  static void expect_failure(const fs::path& file, const std::string& bytes, const std::string& reason) {
    EXPECT_THROW(write_file(file, bytes), FileError);
    expect_error([&] { write_file(file, bytes); }, {file.string() + ": ", reason});
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

  const fs::path folder_ = fs::path(testing::TempDir()) / join("norma atomic ", getpid());
  const fs::path file_ = folder_ / "weights";
};

using Names = std::vector<std::string>;

TEST_F(AtomicFile, ReplacesTheContent) {
  write_file(file_, "one");
  write_file(file_, std::string("t\0o", 3));
  EXPECT_EQ(content(file_), std::string("t\0o", 3));
  write_file(file_, "");
  EXPECT_EQ(content(file_), "");
  EXPECT_EQ(names(), Names{"weights"});
}

TEST_F(AtomicFile, WorksWithARelativePath) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write_file("weights", "here");
  fs::current_path(before);
  EXPECT_EQ(content(file_), "here");
}

TEST_F(AtomicFile, RemovesWhatDeadProcessesLeft) {
  const pid_t dead = 0x7FFFFFFE;  // above every process number
  for (const std::string& name :
       {join("weights.tmp-", dead), join("weights.tmp-", getpid()), join("weights.tmp-", getppid()),
        join("other.tmp-", dead), join("weights.tmp-", dead, "x")})
    std::ofstream(folder_ / name) << "half";
  write_file(file_, "whole");
  Names expected{join("other.tmp-", dead), "weights", join("weights.tmp-", dead, "x"), join("weights.tmp-", getppid())};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(names(), expected);
}

TEST_F(AtomicFile, FailsWhereThereIsNoFolder) {
  expect_failure(folder_ / "missing" / "weights", "x", "No such file or directory");
  std::ofstream(folder_ / "text") << "not a folder";
  expect_failure(folder_ / "text" / "weights", "x", "Not a directory");
  expect_failure(folder_, "x", "is not a regular file");
  expect_failure("/dev/full", "x", "is not a regular file");
  EXPECT_EQ(names(), Names{"text"});
}

TEST_F(AtomicFile, FailsInAReadOnlyFolder) {
  constexpr uid_t kNobody = 65534;
  const bool root = geteuid() == 0;  // who may write everywhere, and so is somebody else for this test
  write_file(file_, "old");
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  if (root) {
    ASSERT_EQ(chown(folder_.c_str(), kNobody, static_cast<gid_t>(-1)), 0);
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  expect_failure(file_, "new", "Permission denied");
  if (root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  fs::permissions(folder_, fs::perms::owner_all);
  EXPECT_EQ(content(file_), "old");
  EXPECT_EQ(names(), Names{"weights"});
}

TEST_F(AtomicFile, KeepsTheOldContentWhenTheDiskIsFull) {
  write_file(file_, "old");
  // A limit on the size of files stands for the full disk: write() fails after some bytes.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(write_file(file_, std::string(100'000, 'x')), FileError);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(content(file_), "old");
  EXPECT_EQ(names(), Names{"weights"});
}

}  // namespace
}  // namespace norma::test
