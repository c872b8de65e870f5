#include "norma/apps/norma/lab/lab_config.h"

#include <fmt/format.h>
#include <omp.h>

#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/options/command_line.h"
#include "norma/apps/norma/run/resumed_run.h"
#include "norma/data/files/text.h"

namespace norma::lab {
namespace {

/// The option of the command line must be that of the run, if it is given.
template <class Value>
Value kept(const LabOptions& o, const Json& before, const std::string& option, const Value& given) {
  const auto value = before.at(option).get<Value>();
  check(!o.given.contains(option) || value == given, "--", option, " ", given, " was given, but ", o.resume,
        " was begun with ", value, "; leave it out");
  return value;
}

void check_config(const Json& config) {
  const auto verb = config.at("verb").get<std::string>();
  check(verb == "lab", "is the run of norma ", printable(verb), ", not of norma lab");
  valid(config, "lab", one_of(lab_names())).get<std::string>();
  config.at("seed").get<Index>();
  valid(config, "scale", finite_number(false, kLargestScale)).get<double>();
  for (const char* key : {"data", "data_checksum"}) config.at(key).get<std::string>();
}

LabConfig resumed(const LabOptions& o) {
  const Json before = read_run(o.resume, check_config);
  const std::string name = before.at("lab");
  check(o.name.empty() || o.name == name, "lab ", o.name, " was given, but ", o.resume, " is of lab ", name);
  return {name,
          o.given.contains("data") ? o.data : before.at("data").get<std::string>(),
          static_cast<std::uint64_t>(kept(o, before, "seed", o.seed)),
          kept(o, before, "scale", o.scale),
          true,
          before,
          o};
}

}  // namespace

LabConfig configured(const LabOptions& o) {
  if (!o.resume.empty()) return resumed(o);
  check(!o.name.empty(), "needs a name: ", fmt::format("{}", fmt::join(lab_names(), ", ")));
  return {o.name, o.data, static_cast<std::uint64_t>(o.seed), o.scale, false, {}, o};
}

void check_same_data(const LabConfig& config, const DataSets& datasets) {
  if (!config.resumed) return;
  const std::string then = config.before.at("data_checksum"), now = checksum(datasets);
  if (then != now)
    throw DataError(fmt::format("{}: was begun on images with checksum {}, those of {} have {}", config.options.resume,
                                then, datasets.description, now));
}

Json to_json(const LabConfig& config, const DataSets& datasets) {
  Json json = config_head("lab", datasets);
  json.update(
      Json{{"lab", config.name}, {"seed", config.seed}, {"scale", config.scale}, {"threads", omp_get_max_threads()}});
  return json;
}

}  // namespace norma::lab
