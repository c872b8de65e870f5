// A run that --resume goes on with: what its config.json says, and what the command line says otherwise.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "norma/apps/norma/run/config.h"

namespace norma {

struct ResumedRun {
  Json config;                       // what config.json holds
  std::vector<std::string> changes;  // what --override changed: "--lr from 0.2 to 0.1"
};

/// Reads the text of a config.json; `file` is its name in errors. After it the members behind `options` are those of the run, and
/// those of the command line that may be given with --resume. `run_was` begins the reason where one may not: "RUN was trained
/// with". Throws DataError for a text that is damaged, of another verb, or holds what the command line or check_together() would
/// refuse; Error for an option that the run has otherwise, unless there is --override.
ResumedRun parse_config(
    std::string_view text, const std::string& file, Options& options, const std::string& run_was,
    const std::function<void()>& check_together = [] {});

/// parse_config() of RUN/config.json. Throws DataError where there is none, too.
ResumedRun read_config(
    const std::string& run, Options& options, const std::string& was,
    const std::function<void()>& check_together = [] {});

/// The --data of the run in a folder; "" where the folder holds no config.json. Throws DataError where that is damaged.
std::string data_of_run(const std::string& run);

/// Throws DataError unless these are the images that the run had. `run_was`: "RUN: was trained on".
void check_same_data(const ResumedRun& run, const DataSets& datasets, const std::string& run_was);

}  // namespace norma
