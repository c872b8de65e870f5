// RunFolder: where a run leaves its files.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/norma/options.h"
#include "core/check.h"

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

/// A folder of its own for every run: never one that already holds a run.
class RunFolder {
 public:
  /// Makes options.out, or the first free runs/VERB-001, -002, ..., and writes config.json into it: every option after
  /// defaults, the data used, the version; entries of `instead` replace those of the same name. Throws FileError, also
  /// for a folder that is not empty.
  RunFolder(const std::string& verb, const Options& options, const std::string& data_description,
            const nlohmann::ordered_json& instead = nlohmann::ordered_json::object());

  const std::filesystem::path& path() const { return path_; }
  LineFile file(const std::string& name) const { return LineFile(path_ / name); }

 private:
  std::filesystem::path path_;
};

}  // namespace norma
