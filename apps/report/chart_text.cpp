#include "norma/apps/report/chart_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/report/chart.h"

namespace norma {
namespace {

/// Whether bytes that are built like a letter of UTF-8 are one, and not a control character. The order of the bytes is the
/// order of the letters, so damaged ones (Unicode 15, table 3-7) lie between letters: longer forms than needed before
/// U+0800 and U+10000, surrogates before U+E000, what XML forbids after U+FFFD.
bool is_printable(const std::string& c) {
  return c == "\n" || c == "\t" || (c >= " " && c < "\x7F") || (c >= "\u00A0" && c < "\xE0") ||
         (c >= "\u0800" && c < "\xED\xA0") || (c >= "\uE000" && c <= "\uFFFD") ||
         (c >= "\U00010000" && c <= "\U0010FFFF");
}

/// The letters of UTF-8 text, each a string; U+FFFD for each that is damaged or not printable.
std::vector<std::string> letters_of(const std::string& text) {
  std::vector<std::string> letters;
  for (std::size_t i = 0, end = 0; i < text.size(); i = end) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    for (end = i + 1; end < std::min(i + length, text.size()) && (text[end] & 0xC0) == 0x80;) ++end;
    const std::string letter = text.substr(i, end - i);
    letters.push_back(letter.size() == length && is_printable(letter) ? letter : "\uFFFD");
  }
  return letters;
}

bool is_one_of(const std::string& letter, std::string_view letters) { return letters.find(letter) != letters.npos; }

/// In em, for the widest of the usual sans-serif fonts, DejaVu Sans.
double em_of(const std::string& c) {
  if (c >= "\u1100") return c >= "\u2000" && c < "\u2E80" ? 1.05 : 1.4;  // signs and dashes; Asian letters and pictures
  if (is_one_of(c, "mwMW@%")) return 1;
  if ((c >= "A" && c <= "Z") || c > "\x7F" || is_one_of(c, "+=<>~#")) return 0.84;
  return is_one_of(c, " ,.:ilj") ? 0.4 : 0.65;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  for (const std::string& c : letters_of(text))
    safe += c == "&" ? "&amp;" : c == "<" ? "&lt;" : c == ">" ? "&gt;" : c == "\"" ? "&quot;" : c;
  return safe;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  const double size = std::abs(value);
  return size >= 99.95 && size < 999999.5 ? fmt::format("{:.0f}", value) : chart::short_number(value, 3);
}

namespace chart {

double width_of(const std::string& text, double letter) {
  double em = 0;
  for (const std::string& c : letters_of(text)) em += em_of(c);
  return em * letter;
}

std::vector<std::string> wrapped(const std::string& text, double width, double letter) {
  std::vector<std::string> lines;
  std::string line, word;
  const auto end_line = [&] {
    if (!line.empty()) lines.push_back(line);
    line.clear();
  };
  const auto end_word = [&] {
    if (!line.empty() && width_of(line + " " + word, letter) > width) end_line();
    line += (line.empty() ? "" : " ") + word;
    word.clear();
  };
  for (const std::string& c : letters_of(text + " ")) {
    const bool space = c == " " || c == "\n" || c == "\t";
    const bool full = !space && !word.empty() && width_of(word + c, letter) > width;
    if (!word.empty() && (space || full)) end_word();
    if (full) end_line();
    if (!space) word += c;
  }
  end_line();
  return lines;
}

std::string shortened(const std::string& text, double width) {
  if (width_of(text) <= width) return text;
  std::string kept;
  for (const std::string& c : letters_of(text)) {
    if (width_of(kept + c + "…") > width) break;
    kept += c;
  }
  return kept.erase(kept.find_last_not_of(' ') + 1) + "…";
}

std::string coordinate(double value) { return fmt::format("{:g}", std::nearbyint(100 * value) / 100 + 0.0); }

std::string short_number(double value, int digits) {
  const std::string text = fmt::format("{:.{}g}", value + 0.0, digits);  // + 0.0: no -0
  const std::size_t e = text.find('e');
  return e == text.npos ? text : fmt::format("{}e{}", text.substr(0, e), std::stoi(text.substr(e + 1)));
}

}  // namespace chart
}  // namespace norma
