#include "norma/apps/norma/run/config.h"

#include <omp.h>

#include <algorithm>

#include "norma_build_info.h"

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace norma {

Json hyper_parameters(const Options& o) {
  return {{"limit", o.limit},
          {"image-size", o.image_size},
          {"model", o.model},
          {"norm", o.norm},
          {"conv", o.conv},
          {"epochs", o.epochs},
          {"batch-size", o.batch_size},
          {"lr", o.lr},
          {"momentum", o.momentum},
          {"weight-decay", o.weight_decay},
          {"label-smoothing", o.label_smoothing},
          {"schedule", o.schedule},
          {"warmup", o.warmup_epochs()},
          {"augment", o.augment},
          {"freeze-after", o.freeze_after},
          {"seed", o.seed}};
}

std::string key_of(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

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

Json to_config(const std::string& verb, const Options& o, const DataSets& datasets) {
  Json config = config_head(verb, datasets);
  const Json decisive = hyper_parameters(o);
  for (const auto& [name, value] : decisive.items()) config[key_of(name)] = value;
  config.update(Json{{"threads", omp_get_max_threads()}, {"save_every", o.save_every}, {"keep", o.keep}});
  return config;
}

std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string pretty(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace norma
