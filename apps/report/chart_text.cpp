#include "norma/apps/report/chart_text.h"

#include <fmt/format.h>

#include <cmath>

#include "norma/apps/report/chart.h"

namespace norma {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_printable(char32_t c) {
  return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7F) ||
         (c >= 0xA0 && !(c >= 0xD800 && c < 0xE000) && c < 0x110000 && (c & 0xFFFE) != 0xFFFE);
}

/// The letters of UTF-8 text: Unicode 15, table 3-7, where a longer form than needed counts as damaged.
std::u32string letters_of(const std::string& text) {
  std::u32string letters;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80             ? 1
                               : (first & 0xE0) == 0xC0 ? 2
                               : (first & 0xF0) == 0xE0 ? 3
                               : (first & 0xF8) == 0xF0 ? 4
                                                        : 0;
    char32_t c = length == 1 ? first : length == 0 ? kReplacement : first & (0x7Fu >> length);
    std::size_t taken = 1;
    while (taken < length && i + taken < text.size() && (text[i + taken] & 0xC0) == 0x80)
      c = c << 6 | (static_cast<unsigned char>(text[i + taken++]) & 0x3Fu);
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    letters += taken == std::max<std::size_t>(length, 1) && c >= least[length] && is_printable(c) ? c : kReplacement;
    i += taken;
  }
  return letters;
}

void append(std::string& text, char32_t c) {
  const auto byte = [&](char32_t bits) { text += static_cast<char>(static_cast<unsigned char>(bits)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      byte(0xE0 | c >> 12);
    } else {
      byte(0xF0 | c >> 18);
      byte(0x80 | (c >> 12 & 0x3F));
    }
    byte(0x80 | (c >> 6 & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

std::string utf8(const std::u32string& letters) {
  std::string text;
  for (const char32_t c : letters) append(text, c);
  return text;
}

/// In em, for the widest of the usual sans-serif fonts, DejaVu Sans.
double width_of(char32_t c) {
  if (c >= 0x1100) return c >= 0x2000 && c < 0x2E80 ? 1.05 : 1.4;  // signs and dashes; Asian letters and pictures
  if (c == 'm' || c == 'w' || c == 'M' || c == 'W' || c == '@' || c == '%') return 1;
  if ((c >= 'A' && c <= 'Z') || c > 0x7F || c == '+' || c == '=' || c == '<' || c == '>' || c == '~' || c == '#')
    return 0.84;
  return c == ' ' || c == ',' || c == '.' || c == ':' || c == 'i' || c == 'l' || c == 'j' ? 0.4 : 0.65;
}

double width_of(const std::u32string& letters, double letter) {
  double em = 0;
  for (const char32_t c : letters) em += width_of(c);
  return em * letter;
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char32_t c : letters_of(text)) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      default: append(safe, c);
    }
  }
  return safe;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "infinity" : "-infinity";
  if (value == 0) return "0";
  const double size = std::abs(value);
  if (size < 9.995e-5 || size >= 999999.5) return chart::scientific(value, 2);
  return size >= 99.95 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value);
}

namespace chart {

double width_of(const std::string& text, double letter) { return norma::width_of(letters_of(text), letter); }

std::vector<std::string> wrapped(const std::string& text, double width, double letter) {
  std::vector<std::string> lines;
  std::u32string line, word;
  const auto end_line = [&] {
    if (!line.empty()) lines.push_back(utf8(line));
    line.clear();
  };
  const auto end_word = [&] {
    const std::u32string both = line.empty() ? word : line + U" " + word;
    if (norma::width_of(both, letter) <= width) {
      line = both;
    } else {
      end_line();
      line = word;
    }
    word.clear();
  };
  for (const char32_t c : letters_of(text)) {
    if (c == ' ' || c == '\n' || c == '\t') {
      if (!word.empty()) end_word();
      continue;
    }
    if (!word.empty() && norma::width_of(word + c, letter) > width) {
      end_word();
      end_line();
    }
    word += c;
  }
  if (!word.empty()) end_word();
  end_line();
  return lines;
}

std::string shortened(const std::string& text, double width) {
  std::u32string letters = letters_of(text);
  if (norma::width_of(letters, kLetter) <= width) return text;
  while (!letters.empty() && (norma::width_of(letters + U"…", kLetter) > width || letters.back() == ' '))
    letters.pop_back();
  return utf8(letters + U"…");
}

std::string coordinate(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string scientific(double value, int decimals) {
  const std::string text = fmt::format("{:.{}e}", value, decimals);
  const std::size_t e = text.find('e');
  std::string digits = text.substr(0, e);
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') digits.pop_back();
  }
  return fmt::format("{}e{}", digits, std::stoi(text.substr(e + 1)));
}

}  // namespace chart
}  // namespace norma
