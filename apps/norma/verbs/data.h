// The verbs of norma data, one file each.
#pragma once

#include "norma/apps/norma/options/verb.h"

namespace norma {

Verb data_fetch_verb();
Verb data_verify_verb();
Verb data_show_verb();
Verb data_make_verb();

/// DIR, the data of a verb.
void add_data_argument(Options& options, std::string& data);

/// The one set that a verb knows: "cifar10".
void add_set_argument(Options& options, std::string& set, const std::string& name, const std::string& help);

}  // namespace norma
