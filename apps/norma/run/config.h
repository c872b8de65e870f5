// config.json: the options of a run after defaults, and which data it was trained on.
#pragma once

#include <string>

#include "norma/apps/norma/options/options.h"
#include "norma/apps/training/datasets.h"

namespace norma {

/// Version and git commit of this program, the verb, the data: what config.json of every run begins with.
Json config_head(const std::string& verb, const DataSets& datasets);

/// The same and every option under its name.
Json to_config(const Options& options, const DataSets& datasets);

}  // namespace norma
