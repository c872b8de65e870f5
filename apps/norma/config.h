// config.json: the options of a run after defaults, and which data it was trained on.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/norma/datasets.h"
#include "apps/norma/options.h"

namespace norma {

using Json = nlohmann::ordered_json;

/// Version and git commit of this program, the verb, the data, every option under its name.
Json to_config(const std::string& verb, const Options& options, const DataSets& datasets);

/// JSON over several lines; bytes that are not UTF-8 are replaced.
std::string pretty(const Json& json);

/// The same in one line, without its end; NaN becomes null.
std::string one_line(const Json& json);

/// A run that is taken up again.
struct ResumedRun {
  Options options;                   // of the run, and those of the command line that may be given with --resume
  std::vector<std::string> changes;  // what --override changed: "--lr from 0.2 to 0.1"
  Json config;                       // what config.json holds
};

/// Reads RUN/config.json of line.resume. Throws DataError for a file that is missing, damaged or of another verb, and Error
/// for an option on the command line that the run has otherwise, unless line.override_.
ResumedRun read_config(const Options& line);

/// Throws DataError unless these are the images that the run was trained on.
void check_same_data(const ResumedRun& run, const DataSets& datasets);

}  // namespace norma
