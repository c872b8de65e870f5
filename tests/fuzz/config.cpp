// Fuzz target: any text as the config.json of a run is refused with one line of DataError, or gives options that are the
// same when they are written and read again.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "norma/apps/norma/run/resumed_run.h"
#include "norma/apps/norma/run/train_options.h"

using namespace norma;

namespace {

void require(bool ok, std::string_view what) {
  if (ok) return;
  std::cerr << what << '\n';
  std::abort();
}

/// The options of norma train.
struct Train {
  CLI::App app{"", "train"};
  Options options{app, "norma train"};
  TrainOptions settings;

  Train() { declare(options, settings); }
  ResumedRun parse(std::string_view text, const std::string& file) {
    return parse_config(text, file, options, "RUN was trained with", [this] { check_together(settings); });
  }
  Json config() const {
    DataSets datasets;
    datasets.source = settings.data;
    return to_config(options, datasets);
  }
};

void check_round_trip(const Train& train, const ResumedRun& run) {
  Json written = Json::object();
  train.options.write(written);
  for (const auto& [key, value] : written.items())
    if (key != "threads")
      require(!run.config.contains(key) || run.config.at(key) == value, key + " is not what the file says");
  const std::string text = pretty(train.config());
  Train again;
  const ResumedRun same = again.parse(text, "again");
  require(pretty(again.config()) == text, "writing again gives another text");
  require(run.changes.empty() && same.changes.empty(), "nothing was to be changed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    Train train;
    const ResumedRun run = train.parse({reinterpret_cast<const char*>(data), size}, "FILE");
    check_round_trip(train, run);
  } catch (const DataError& error) {
    const std::string_view line = error.what();
    require(line.starts_with("FILE: ") && line.size() < 600, line);
    for (const char letter : line) require(static_cast<unsigned char>(letter) >= 0x20, line);
  }
  return 0;
}
