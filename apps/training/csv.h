// Lines of CSV files (RFC 4180).
#pragma once

#include <iomanip>
#include <string>
#include <vector>

#include "norma/core/check.h"

namespace norma {

/// The fields with commas between them, those in quotes that hold what would end them.
inline std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    if (&field != fields.data()) line += ',';
    line += field.find_first_of(",\"\r\n") == field.npos ? field : join(std::quoted(field, '"', '"'));
  }
  return line;
}

}  // namespace norma
