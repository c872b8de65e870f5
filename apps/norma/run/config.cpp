#include "norma/apps/norma/run/config.h"

#include "norma_build_info.h"

namespace norma {

Json config_head(const std::string& verb, const DataSets& datasets) {
  return {{"norma", NORMA_VERSION},
          {"git", build_info::kGit},
          {"verb", verb},
          {"data", datasets.source},
          {"data_description", datasets.description},
          {"train_images", datasets.train.size()},
          {"test_images", datasets.test.size()},
          {"data_checksum", checksum(datasets)}};
}

Json to_config(const Options& options, const DataSets& datasets) {
  Json config = config_head(options.verb, datasets);
  options.write(config);
  return config;
}

}  // namespace norma
