// Verb: what `norma NAME` does. A file of verbs/ makes each, and apps/CMakeLists.txt lists their names.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "norma/apps/norma/options/options.h"

namespace norma {

/// Exit codes of the program, as docs/command_line.md lists them; kSignal + the number of the signal that stopped a training.
enum ExitCode { kDone = 0, kUsage = 2, kData = 3, kFiles = 4, kDiverged = 5, kSignal = 128 };

struct Verb {
  std::string name, help;
  /// Declares its options; returns what runs it and gives the exit code.
  std::function<std::function<int()>(Options&)> declare;
};

/// A verb whose options set members of `Settings`. `run` takes the settings and, if it wants to, the options.
template <class Settings, class Run>
Verb make_verb(const std::string& name, const std::string& help, void (*declare)(Options&, Settings&), Run run) {
  return {name, help, [=](Options& options) -> std::function<int()> {
            const auto settings = std::make_shared<Settings>();
            declare(options, *settings);
            return [=, &options] {
              if constexpr (std::is_invocable_v<Run, const Settings&, Options&>)
                return run(*settings, options);
              else
                return run(*settings);
            };
          }};
}

/// All of them, in the order of `norma --help`. CMake makes this function from its list.
const std::vector<Verb>& verbs();

}  // namespace norma
