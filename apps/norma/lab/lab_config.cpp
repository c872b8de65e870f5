#include "apps/norma/lab/lab_config.h"

#include <fmt/format.h>
#include <omp.h>

#include <filesystem>

#include "apps/norma/build_info.h"
#include "apps/norma/lab/lab.h"
#include "data/files.h"
#include "data/text.h"

namespace norma::lab {
namespace {

constexpr std::uintmax_t kMaxConfig = 1 << 16;  // bytes

/// The option of the command line must be that of the run, if it is given.
template <class Value>
Value kept(const LabOptions& o, const Json& before, const std::string& option, const Value& given) {
  const auto value = before.at(option).get<Value>();
  check(!o.given.contains(option) || value == given, "--", option, " ", given, " was given, but ", o.resume,
        " was begun with ", value, "; leave it out");
  return value;
}

LabConfig resumed(const LabOptions& o, const std::string& file) try {
  Json before = Json::parse(read_bytes(file, kMaxConfig));
  const auto verb = before.at("verb").get<std::string>();
  if (verb != "lab") throw DataError(join(file, ": is the run of norma ", printable(verb), ", not of norma lab"));
  auto name = before.at("lab").get<std::string>();
  const std::string wrong = one_of(lab_names())(name);
  if (!wrong.empty()) throw DataError(file + ": lab: " + wrong);
  check(o.name.empty() || o.name == name, "lab ", o.name, " was given, but ", o.resume, " is of lab ", name);
  before.at("data_checksum").get<std::string>();
  return {name,
          o.given.contains("data") ? o.data : before.at("data").get<std::string>(),
          static_cast<std::uint64_t>(kept(o, before, "seed", o.seed)),
          kept(o, before, "scale", o.scale),
          true,
          before,
          o};
} catch (const Json::exception& error) {
  const std::string_view text = error.what();
  throw DataError(file + ": " + printable(text.substr(std::min(text.size(), text.find("] ") + 2))));
}

}  // namespace

LabConfig configured(const LabOptions& o) {
  if (o.resume.empty()) {
    check(!o.name.empty(), "needs a name: ", fmt::format("{}", fmt::join(lab_names(), ", ")));
    return {o.name, o.data, static_cast<std::uint64_t>(o.seed), o.scale, false, {}, o};
  }
  const std::filesystem::path file = std::filesystem::path(o.resume) / "config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw DataError(file.string() + ": no such file; --resume takes the folder of a run");
  return resumed(o, file.string());
}

void check_same_data(const LabConfig& config, const DataSets& datasets) {
  if (!config.resumed) return;
  const std::string then = config.before.at("data_checksum"), now = checksum(datasets);
  if (then != now)
    throw DataError(fmt::format("{}: was begun on images with checksum {}, those of {} have {}", config.options.resume,
                                then, datasets.description, now));
}

Json to_json(const LabConfig& config, const DataSets& datasets) {
  return {{"norma", NORMA_VERSION},
          {"git", build_info::kGit},
          {"verb", "lab"},
          {"lab", config.name},
          {"data", datasets.source},
          {"data_description", datasets.description},
          {"train_images", datasets.train.size()},
          {"test_images", datasets.test.size()},
          {"data_checksum", checksum(datasets)},
          {"seed", config.seed},
          {"scale", config.scale},
          {"threads", omp_get_max_threads()}};
}

}  // namespace norma::lab
