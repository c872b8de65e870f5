// A run that --resume takes up again: what its config.json says, and what the command line says otherwise.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "norma/apps/norma/run/config.h"

namespace CLI {
class Validator;
}

namespace norma {

/// What stands under a key. Throws Error unless it is what the command line takes for this option.
const Json& valid(const Json& config, const char* key, const CLI::Validator& validator);

/// A run that is taken up again.
struct ResumedRun {
  Options options;                   // of the run, and those of the command line that may be given with --resume
  std::vector<std::string> changes;  // what --override changed: "--lr from 0.2 to 0.1"
  Json config;                       // what config.json holds
};

/// Reads the text of a config.json; `file` is its name in errors. Throws DataError for a text that is damaged, holds what the
/// command line would refuse, or is of another verb, and Error for an option on the command line that the run has otherwise,
/// unless line.override_.
ResumedRun parse_config(std::string_view text, const std::string& file, const Options& line);

/// parse_config() of RUN/config.json, the run being line.resume. Throws DataError where there is none, too.
ResumedRun read_config(const Options& line);

/// RUN/config.json of whatever verb, which `check_it` looks at first. Throws DataError where there is none, where it is no object
/// of plain values, and for what check_it throws: Error, or what Json throws for a value that is missing or of another kind.
Json read_run(const std::string& run, const std::function<void(const Json&)>& check_it);

/// The --data of the run in a folder; "" where the folder holds no config.json. Throws DataError where that is damaged.
std::string data_of_run(const std::string& run);

/// Throws DataError unless these are the images that the run was trained on.
void check_same_data(const ResumedRun& run, const DataSets& datasets);

}  // namespace norma
