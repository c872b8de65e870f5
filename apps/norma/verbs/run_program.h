// Other programs, run without a shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace norma {

struct ProgramResult {
  int exit_code = 0;   // 128 + the signal for a program that was ended by one
  std::string output;  // what it wrote to stdout
};

/// Runs the program `command[0]`, found in PATH, with the rest as its arguments; no shell looks at them. Its stderr is
/// ours if `show_errors`, otherwise dropped. Nothing if there is no such program. Throws Error if none can be started.
std::optional<ProgramResult> run_program(const std::vector<std::string>& command, bool show_errors = false);

}  // namespace norma
