#include "apps/norma/config.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <fstream>

#include "apps/norma/build_info.h"

namespace norma {
namespace {

constexpr Index kMany = 1'000'000'000;  // as for the options of the command line

/// Those that decide what the weights will be, under the names they have on the command line.
Json hyper_parameters(const Options& o) {
  return {{"limit", o.limit},
          {"image-size", o.image_size},
          {"model", o.model},
          {"norm", o.norm},
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

Index count(const Json& config, const char* key, Index least) {
  const auto value = config.at(key).get<Index>();
  check(least <= value && value <= kMany, key, " must be a whole number from ", least, " to ", kMany, ", got ", value);
  return value;
}

Options options_of(const Json& config) {
  Options o;
  config.at("data").get_to(o.data);
  config.at("model").get_to(o.model);
  config.at("norm").get_to(o.norm);
  config.at("lr").get_to(o.lr);
  config.at("momentum").get_to(o.momentum);
  config.at("weight_decay").get_to(o.weight_decay);
  config.at("label_smoothing").get_to(o.label_smoothing);
  config.at("schedule").get_to(o.schedule);
  config.at("augment").get_to(o.augment);
  o.warmup = config.at("warmup").get<double>();
  check(*o.warmup >= 0, "warmup must not be negative, got ", *o.warmup);
  o.limit = count(config, "limit", 0);
  o.image_size = count(config, "image_size", 1);
  o.epochs = count(config, "epochs", 1);
  o.batch_size = count(config, "batch_size", 1);
  o.freeze_after = count(config, "freeze_after", 0);
  o.seed = count(config, "seed", 0);
  o.save_every = count(config, "save_every", 0);
  o.keep = count(config, "keep", 1);
  return o;
}

Json parse_config(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw DataError(file.string() + ": no such file; --resume takes the folder of a run");
  try {
    Json config = Json::parse(in);
    const auto verb = config.at("verb").get<std::string>();
    check(verb == "train", "is the run of norma ", verb, "; only those of norma train can be resumed");
    options_of(config);
    for (const char* key : {"data_checksum", "data_description"}) config.at(key).get<std::string>();
    for (const char* key : {"train_images", "test_images"}) config.at(key).get<Index>();
    return config;
  } catch (const std::exception& error) {
    throw DataError(file.string() + ": " + error.what());
  }
}

}  // namespace

Json to_config(const std::string& verb, const Options& o, const DataSets& datasets) {
  Json config{{"norma", NORMA_VERSION},
              {"git", build_info::kGit},
              {"verb", verb},
              {"data", datasets.source},
              {"data_description", datasets.description},
              {"train_images", datasets.train.size()},
              {"test_images", datasets.test.size()},
              {"data_checksum", checksum(datasets)}};
  const Json decisive = hyper_parameters(o);
  for (const auto& [name, value] : decisive.items()) config[key_of(name)] = value;
  config.update(Json{{"threads", omp_get_max_threads()}, {"save_every", o.save_every}, {"keep", o.keep}});
  return config;
}

std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string pretty(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

ResumedRun read_config(const Options& line) {
  ResumedRun run;
  const std::filesystem::path file = std::filesystem::path(line.resume) / "config.json";
  run.config = parse_config(file);
  Json config = run.config;
  const Json wanted = hyper_parameters(line);
  for (const auto& [name, value] : wanted.items()) {
    Json& present = config[key_of(name)];
    if (!line.given.contains(name) || present == value) continue;
    check(line.override_, "--", name, " ", value.dump(), " was given, but ", line.resume, " was trained with ",
          present.dump(), "; leave it out, or add --override");
    run.changes.push_back(fmt::format("--{} from {} to {}", name, present.dump(), value.dump()));
    present = value;
  }
  run.options = options_of(config);
  if (line.given.contains("data")) run.options.data = line.data;
  if (line.given.contains("save-every")) run.options.save_every = line.save_every;
  if (line.given.contains("keep")) run.options.keep = line.keep;
  run.options.threads = line.threads;
  run.options.resume = line.resume;
  run.options.command = line.command;
  return run;
}

void check_same_data(const ResumedRun& run, const DataSets& datasets) {
  const Json& config = run.config;
  const auto tell = [](const std::string& description, Index train, Index test, const std::string& sum) {
    return fmt::format("{}: {} training and {} test images, checksum {}", description, train, test, sum);
  };
  const std::string then = config.at("data_checksum"), now = checksum(datasets);
  if (then == now) return;
  throw DataError(
      fmt::format("{}: was trained on {}, and this is {}", run.options.resume,
                  tell(config.at("data_description"), config.at("train_images"), config.at("test_images"), then),
                  tell(datasets.description, datasets.train.size(), datasets.test.size(), now)));
}

}  // namespace norma
