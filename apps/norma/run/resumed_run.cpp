#include "norma/apps/norma/run/resumed_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "norma/apps/norma/options/command_line.h"
#include "norma/data/files/files.h"
#include "norma/data/files/text.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/schedule.h"

namespace norma {

const Json& valid(const Json& config, const char* key, const CLI::Validator& validator) {
  const Json& value = config.at(key);
  const std::string wrong = validator(printable(value.is_string() ? value.get<std::string>() : value.dump()));
  check(wrong.empty(), key, ": ", wrong);
  return value;
}

namespace {

constexpr std::uintmax_t kMaxConfig = 1 << 16;  // bytes

Options options_of(const Json& config) {
  Options o;
  config.at("data").get_to(o.data);
  check(!o.data.empty(), "data: must not be empty");
  valid(config, "model", one_of(model_names())).get_to(o.model);
  valid(config, "norm", one_of(norm_names())).get_to(o.norm);
  valid(config, "conv", one_of(conv_names())).get_to(o.conv);
  valid(config, "schedule", one_of(Schedule::names())).get_to(o.schedule);
  valid(config, "augment", one_of({"on", "off"})).get_to(o.augment);
  valid(config, "lr", finite_number(false)).get_to(o.lr);
  valid(config, "momentum", finite_number(true)).get_to(o.momentum);
  valid(config, "weight_decay", finite_number(true)).get_to(o.weight_decay);
  valid(config, "label_smoothing", fraction()).get_to(o.label_smoothing);
  o.warmup = valid(config, "warmup", finite_number(true)).get<double>();
  valid(config, "limit", whole_number(0)).get_to(o.limit);
  valid(config, "image_size", image_side()).get_to(o.image_size);
  valid(config, "epochs", whole_number(1)).get_to(o.epochs);
  valid(config, "batch_size", whole_number(1)).get_to(o.batch_size);
  valid(config, "freeze_after", whole_number(0)).get_to(o.freeze_after);
  valid(config, "seed", whole_number(0)).get_to(o.seed);
  valid(config, "save_every", whole_number(0)).get_to(o.save_every);
  valid(config, "keep", whole_number(1)).get_to(o.keep);
  return o;
}

/// One object of plain values. Nothing nested: a value that is deep enough would exhaust the stack when it is copied.
Json plain_object(std::string_view text) {
  const Json config = Json::parse(text, [](int depth, Json::parse_event_t event, Json&) {
    using Event = Json::parse_event_t;
    check(depth == 0 || (event != Event::object_start && event != Event::array_start), "holds a nested value");
    return true;
  });
  check(config.is_object(), "is no object");
  return config;
}

void check_config(const Json& config) {
  const auto verb = config.at("verb").get<std::string>();
  check(verb == "train", "is the run of norma ", printable(verb), "; only those of norma train can be resumed");
  check_together(options_of(config));
  for (const char* key : {"data_checksum", "data_description"}) config.at(key).get<std::string>();
  for (const char* key : {"train_images", "test_images"}) valid(config, key, whole_number(0)).get<Index>();
}

/// Without "[json.exception.type_error.302] ".
std::string reason(const Json::exception& error) {
  const std::string_view text = error.what();
  return printable(text.substr(std::min(text.size(), text.find("] ") + 2)));
}

std::filesystem::path config_of(const std::string& run) { return std::filesystem::path(run) / "config.json"; }

/// One object of plain values that `check_it` accepts; errors are about `file`.
Json parse_run(std::string_view text, const std::string& file, const std::function<void(const Json&)>& check_it) try {
  Json config = plain_object(text);
  check_it(config);
  return config;
} catch (const Json::exception& error) {
  throw DataError(file + ": " + reason(error));
} catch (const Error& error) {
  throw DataError(file + ": " + error.what());
}

/// Of RUN/config.json.
std::string config_text(const std::string& run) {
  const std::filesystem::path file = config_of(run);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw DataError(file.string() + ": no such file; --resume takes the folder of a run");
  return read_bytes(file, kMaxConfig);
}

}  // namespace

ResumedRun parse_config(std::string_view text, const std::string& file, const Options& line) {
  ResumedRun run;
  run.config = parse_run(text, file, check_config);
  Json config = run.config;
  const Json wanted = hyper_parameters(line);
  for (const auto& [name, value] : wanted.items()) {
    Json& present = config.at(key_of(name));
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

ResumedRun read_config(const Options& line) {
  return parse_config(config_text(line.resume), config_of(line.resume).string(), line);
}

Json read_run(const std::string& run, const std::function<void(const Json&)>& check_it) {
  return parse_run(config_text(run), config_of(run).string(), check_it);
}

std::string data_of_run(const std::string& run) {
  std::error_code ignored;
  if (!std::filesystem::exists(config_of(run), ignored)) return "";
  return read_run(run, [](const Json& config) { config.at("data").get<std::string>(); }).at("data");
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
