// Rules: what the value of an option must be, on the command line and in config.json.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "norma/core/types.h"

namespace norma {

struct Rule {
  std::string text;                                      // for --help: "N", "on|off"
  std::function<std::string(const std::string&)> fault;  // what is wrong with a value, "" if nothing is
  bool list = false;                                     // several values, separated by commas
};

/// A whole number: decimal digits, the first of several not 0 (which CLI11 would take for octal).
Rule whole_number(Index least, Index most = 1'000'000'000);
/// A number that is finite, above 0 (or, if allowed, 0) and at most `most`.
Rule finite_number(bool zero_allowed, double most = std::numeric_limits<double>::infinity());
/// A part of a whole, from 0 to 1.
Rule fraction();
/// One of a list of names.
Rule one_of(const std::vector<std::string>& names);
/// Any text but none; `what` is what --help calls it.
Rule any(const std::string& what);
/// Several values, separated by commas.
Rule list_of(Rule rule);

}  // namespace norma
