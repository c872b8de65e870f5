// Results: what the finished jobs of a lab have measured, on disk as jobs.jsonl, one job a line.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "norma/apps/norma/lab/lab.h"

namespace norma::lab {

/// {"job": NAME, "rows": {TABLE: [[cell, ...], ...], ...}}; NaN is null.
class Results {
 public:
  /// Reads what RUN/jobs.jsonl holds, if it is there; a line that was torn by a kill is cut off. Throws DataError for a file
  /// that is damaged otherwise, FileError where it cannot be written.
  explicit Results(const std::filesystem::path& run);

  bool has(const std::string& job) const { return jobs_.contains(job); }
  /// Throws FileError; then the job is not there.
  void add(const std::string& job, const Json& rows);
  /// The tables with these columns, with the rows of the jobs of these names, in this order. Throws DataError for a row that
  /// does not fit its table: it is damaged, or another version wrote it.
  Tables tables(const std::map<std::string, std::vector<std::string>>& columns,
                const std::vector<std::string>& jobs) const;

 private:
  std::filesystem::path file_;
  std::map<std::string, Json> jobs_;
};

/// The rows as a CSV file: numbers such that reading them gives the same bits, NaN empty, words quoted where they must be.
std::string csv(const Table& table);

}  // namespace norma::lab
