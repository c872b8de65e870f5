// config.json: the options of a run after defaults, and which data it was trained on.
#pragma once

#include <string>

#include "norma/apps/norma/options/options.h"
#include "norma/apps/training/datasets.h"

namespace norma {

/// What config.json of a run holds: version and git commit of this program, the verb, the data, and every option under its name.
Json to_config(const Options& options, const DataSets& datasets);

}  // namespace norma
