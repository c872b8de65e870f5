// config.json: the options of a run after defaults, and which data it was trained on.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "norma/apps/norma/options/options.h"
#include "norma/apps/training/datasets.h"

// Made once, in config.cpp: each file that uses it would take seconds to compile it again.
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace norma {

using Json = nlohmann::ordered_json;

/// The options that decide what the weights will be, under the names they have on the command line.
Json hyper_parameters(const Options& options);

/// The name of an option as a key of config.json: "batch_size" for "batch-size".
std::string key_of(std::string name);

/// Version and git commit of this program, the verb, the data: what config.json of every run begins with.
Json config_head(const std::string& verb, const DataSets& datasets);

/// The same and every option under its name.
Json to_config(const std::string& verb, const Options& options, const DataSets& datasets);

/// JSON over several lines; bytes that are not UTF-8 are replaced.
std::string pretty(const Json& json);

/// The same in one line, without its end; NaN becomes null.
std::string one_line(const Json& json);

}  // namespace norma
