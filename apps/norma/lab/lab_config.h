// What a lab is run with: from the command line, or from the config.json of one that goes on.
#pragma once

#include "norma/apps/norma/run/config.h"

namespace norma::lab {

struct LabConfig {
  std::string name, data;
  std::uint64_t seed;
  double scale;
  bool resumed;
  Json before;  // config.json of a resumed lab
  const LabOptions& options;
};

/// Throws DataError for a config.json that is missing, damaged or of another verb, and Error for an option that the resumed lab
/// has otherwise and for a lab without a name.
LabConfig configured(const LabOptions& options);

/// Throws DataError unless these are the images that a resumed lab began with.
void check_same_data(const LabConfig& config, const DataSets& datasets);

/// What config.json holds.
Json to_json(const LabConfig& config, const DataSets& datasets);

}  // namespace norma::lab
