// Text in charts. Only the browser knows how wide a letter is, so widths are estimated, and generously.
#pragma once

#include <string>
#include <vector>

namespace norma::chart {

inline constexpr double kLetter = 13, kLine = 16;            // size of letters and distance of lines, in units
inline constexpr double kTitleLetter = 15, kTitleLine = 19;  // the same for titles, which are bold

/// How wide the text is at most, in units, in letters of that size.
double width_of(const std::string& text, double letter = kLetter);
/// The text in lines of at most that width, broken at spaces, or within a word where it is wider than a line.
std::vector<std::string> wrapped(const std::string& text, double width, double letter = kLetter);
/// The text, or as much of its beginning as fits with "…" after it.
std::string shortened(const std::string& text, double width);
/// At most two decimals, none that are zero. For |value| < 10000.
std::string coordinate(double value);
/// So many significant digits without zeros at the end, exponents without fill: "1.5e-12".
std::string short_number(double value, int digits);

}  // namespace norma::chart
