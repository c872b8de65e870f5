// norma data: fetch, verify, show and make image sets.
#include "norma/apps/norma/verbs/data.h"

namespace norma {

void add_data_argument(Options& o, std::string& data) {
  o.add("data", &data, any("DIR|synthetic"), "Folder as for --data of norma train, or 'synthetic'").required();
}

void add_set_argument(Options& o, std::string& set, const std::string& name, const std::string& help) {
  o.add("set", &set, one_of({name}), help).required();
}

Verb data_verb() {
  return {"data", "Fetch, verify, show and make image sets", [](Options& options) {
            return options.choose({data_fetch_verb(), data_verify_verb(), data_show_verb(), data_make_verb()});
          }};
}

}  // namespace norma
