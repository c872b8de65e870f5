#include "norma/data/files/text.h"

#include <nlohmann/json.hpp>

namespace norma {

std::string printable(std::string_view text, std::size_t longest) {
  std::string result(text.substr(0, longest));
  if (text.size() > longest) {
    // Not in the middle of a character: what follows its first byte begins with the bits 10.
    while (!result.empty() && (text[result.size()] & 0xC0) == 0x80) result.pop_back();
    result += "...";
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    if (byte < 0x20 || byte == 0x7F) result[i] = '?';
    // U+0080 to U+009F, which some terminals obey too: C2 80 to C2 9F.
    if (byte == 0xC2 && i + 1 < result.size() && static_cast<unsigned char>(result[i + 1]) < 0xA0)
      result.replace(i, 2, "?");
  }
  return result;
}

bool is_printable(std::string_view text) {
  if (printable(text, text.size()) != text) return false;
  try {
    nlohmann::json(text).dump();  // which knows UTF-8
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace norma
