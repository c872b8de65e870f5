// JSON that keeps the order in which its keys came, for config.json, the log and --json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

// Made once, in json.cpp: each file that uses it would take seconds to compile it again.
extern template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace norma {

using Json = nlohmann::ordered_json;

/// JSON over several lines; bytes that are not UTF-8 are replaced.
std::string pretty(const Json& json);

/// The same in one line, without its end; NaN becomes null.
std::string one_line(const Json& json);

}  // namespace norma
