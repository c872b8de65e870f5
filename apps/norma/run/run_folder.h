// RunFolder: where a run leaves its files.
//
//   config.json     every option after defaults, the data, version and git commit
//   env.json        processor, threads, compiler, flags, Eigen, SIMD
//   command.txt     the command line
//   log.jsonl       what happened when, one JSON object per line    (norma train)
//   metrics.csv     one row per epoch                               (norma train; compare.csv of norma compare)
//   weights/        last, best and previous checkpoints           (norma train: checkpoint.h)
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "norma/apps/norma/run/config.h"
#include "norma/core/check.h"

namespace norma {

/// A text file to which lines are added, each written through at once: what a killed run had, stays.
class LineFile {
 public:
  explicit LineFile(std::filesystem::path path);
  void add(const std::string& line);

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

/// Makes the folder `out` or, where that is "", the first free runs/VERB-001, -002, ... Never takes a folder that holds anything.
/// Throws FileError.
std::filesystem::path make_run_folder(const std::string& verb, const std::string& out);

/// Writes config.json, env.json and command.txt into the folder of a run. Throws FileError.
void describe_run(const std::filesystem::path& run, const std::string& command, const Json& config);

/// The command line that a run was begun with, from command.txt; where that is missing, a comment that says so.
std::string begun_with(const std::filesystem::path& run);

/// log.jsonl. While it is alive no other process can open it: two trainings never write into one folder.
class RunLog {
 public:
  /// Goes on after the last whole line. Throws FileError where the file cannot be written and where another process has it.
  explicit RunLog(const std::filesystem::path& run);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  /// Adds {"time": "2026-01-31T12:00:00Z", "event": ..., fields}. Never throws: where it cannot write, nothing is added.
  void add(const std::string& event, const Json& fields = Json::object()) noexcept;

 private:
  int file_;
};

}  // namespace norma
