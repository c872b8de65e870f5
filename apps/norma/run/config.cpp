#include "norma/apps/norma/run/config.h"

#include "norma_build_info.h"

namespace norma {

Json to_config(const Options& options, const DataSets& datasets) {
  Json config{{"norma", NORMA_VERSION},
              {"git", build_info::kGit},
              {"verb", options.verb},
              {"data", datasets.source},
              {"data_description", datasets.description},
              {"train_images", datasets.train.size()},
              {"test_images", datasets.test.size()},
              {"data_checksum", checksum(datasets)}};
  options.write(config);
  return config;
}

}  // namespace norma
