#include "norma/apps/norma/options/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "norma/core/check.h"

namespace norma {
namespace {

/// The number that a text is, NaN if it is none.
double number_in(const std::string& text) {
  char* rest = nullptr;
  const double value = std::strtod(text.c_str(), &rest);
  return !text.empty() && rest == text.c_str() + text.size() ? value : std::nan("");
}

}  // namespace

Rule whole_number(Index least, Index most) {
  return {"N", [=](const std::string& text) -> std::string {
            Index value = 0;
            const char* end = text.data() + text.size();
            const auto [rest, error] = std::from_chars(text.data(), end, value);
            const bool octal = text.size() > 1 && text.front() == '0';
            if (error == std::errc() && rest == end && !octal && least <= value && value <= most) return "";
            return join("must be a whole number from ", least, " to ", most, octal ? ", without 0 in front" : "",
                        ", got '", text, "'");
          }};
}

Rule finite_number(bool zero_allowed, double most) {
  return {"X", [=](const std::string& text) -> std::string {
            const double value = number_in(text);
            if (std::isfinite(value) && (value > 0 || (zero_allowed && value == 0)) && value <= most) return "";
            return join("must be a finite number ", zero_allowed ? ">= 0" : "> 0",
                        std::isfinite(most) ? join(" and <= ", most) : "", ", got '", text, "'");
          }};
}

Rule fraction() {
  return {"X", [](const std::string& text) {
            const double value = number_in(text);
            return value >= 0 && value <= 1 ? "" : join("must lie in [0,1], got '", text, "'");
          }};
}

Rule one_of(const std::vector<std::string>& names) {
  const std::string list = fmt::format("{}", fmt::join(names, "|"));
  return {list, [=](const std::string& text) {
            const bool known = std::find(names.begin(), names.end(), text) != names.end();
            return known ? "" : join("must be one of ", list, ", got '", text, "'");
          }};
}

Rule any(const std::string& what) {
  return {what, [](const std::string& text) { return text.empty() ? "must not be empty" : ""; }};
}

Rule list_of(Rule rule) {
  rule.text += ",...";
  rule.list = true;
  return rule;
}

}  // namespace norma
