// Numbers in the metadata of a safetensors file, which hold text only.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>

#include "norma/core/check.h"
#include "norma/core/types.h"

namespace norma {

/// What stands under `key`. Throws Error if nothing does.
inline const std::string& metadata_text(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  check(found != metadata.end(), "metadata: ", key, " is missing");
  return found->second;
}

/// A whole number; `key` is for the message. Throws Error for anything else.
inline Index metadata_count(const std::string& key, const std::string& text, Index least = 0,
                            Index most = std::numeric_limits<Index>::max()) {
  Index value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  check(error == std::errc() && end == text.data() + text.size() && least <= value && value <= most, "metadata: ", key,
        " must be a whole number from ", least, " to ", most, ", got '", text, "'");
  return value;
}

/// A number, decimal or hexadecimal ("0x1.8p-3"), or "nan"; `key` is for the message. Throws Error for anything else.
inline double metadata_number(const std::string& key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  check(!text.empty() && end == text.c_str() + text.size() && !std::isinf(value), "metadata: ", key,
        " must be a number, got '", text, "'");
  return value;
}

}  // namespace norma
