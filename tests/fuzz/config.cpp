// Fuzz target: any text as the config.json of a run is refused with one line of DataError, or gives options that are the
// same when they are written and read again.
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "norma/apps/norma/run/resumed_run.h"
#include "norma/data/image_set.h"

using namespace norma;

namespace {

void require(bool ok, std::string_view what) {
  if (ok) return;
  std::cerr << what << '\n';
  std::abort();
}

Json config_of(const Options& options) { return to_config("train", options, {.source = options.data}); }

void check_round_trip(const ResumedRun& run) {
  const Json decisive = hyper_parameters(run.options);
  for (const auto& [name, value] : decisive.items())
    require(run.config.at(key_of(name)) == value, name + " is not what the file says");
  const std::string text = pretty(config_of(run.options));
  const ResumedRun again = parse_config(text, "again", Options());
  require(pretty(config_of(again.options)) == text, "writing again gives another text");
  require(run.changes.empty() && again.changes.empty(), "nothing was to be changed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check_round_trip(parse_config({reinterpret_cast<const char*>(data), size}, "FILE", Options()));
  } catch (const DataError& error) {
    const std::string_view line = error.what();
    require(line.starts_with("FILE: ") && line.size() < 600, line);
    for (const char letter : line) require(static_cast<unsigned char>(letter) >= 0x20, line);
  }
  return 0;
}
