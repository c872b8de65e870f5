#include "norma/apps/norma/options/json.h"

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace norma {

std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string pretty(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace norma
