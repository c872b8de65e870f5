#include "norma/apps/norma/run/resumed_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "norma/data/files/files.h"
#include "norma/data/files/text.h"

namespace norma {
namespace {

constexpr std::uintmax_t kMaxConfig = 1 << 16;  // bytes

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

}  // namespace

ResumedRun parse_config(std::string_view text, const std::string& file, Options& options, const std::string& run_was,
                        const std::function<void()>& check_together) {
  const Json given = options.given();
  Json config = parse_run(text, file, [&](const Json& found) {
    const auto verb = found.at("verb").get<std::string>();
    check(verb == options.verb, "is the run of norma ", printable(verb), ", not of norma ", options.verb);
    options.read(found);
    check_together();
    for (const char* key : {"data_checksum", "data_description"}) found.at(key).get<std::string>();
    for (const char* key : {"train_images", "test_images"}) valid(found, key, whole_number(0)).get<Index>();
  });
  return {std::move(config), options.insist(given, run_was)};
}

ResumedRun read_config(const std::string& run, Options& options, const std::string& was,
                       const std::function<void()>& check_together) {
  const std::filesystem::path file = config_of(run);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw DataError(file.string() + ": no such file; --resume takes the folder of a run");
  return parse_config(read_bytes(file, kMaxConfig), file.string(), options, run + " " + was, check_together);
}

std::string data_of_run(const std::string& run) {
  const std::filesystem::path file = config_of(run);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return "";
  const auto check_it = [](const Json& config) { config.at("data").get<std::string>(); };
  return parse_run(read_bytes(file, kMaxConfig), file.string(), check_it).at("data");
}

void check_same_data(const ResumedRun& run, const DataSets& datasets, const std::string& run_was) {
  const Json& config = run.config;
  const auto tell = [](const std::string& description, Index train, Index test, const std::string& sum) {
    return fmt::format("{}: {} training and {} test images, checksum {}", description, train, test, sum);
  };
  const std::string then = config.at("data_checksum"), now = checksum(datasets);
  if (then == now) return;
  throw DataError(
      fmt::format("{} {}, and this is {}", run_was,
                  tell(config.at("data_description"), config.at("train_images"), config.at("test_images"), then),
                  tell(datasets.description, datasets.train.size(), datasets.test.size(), now)));
}

}  // namespace norma
