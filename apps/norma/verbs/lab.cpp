// norma lab: experiments on batch norm.
#include "norma/apps/norma/lab/lab_options.h"
#include "norma/apps/norma/options/verb.h"

namespace norma {

Verb lab_verb() {
  return make_verb<lab::LabOptions>(
      "lab", "Experiments on batch norm, each ending in a report with pictures",
      [](Options& o, lab::LabOptions& s) { lab::declare(o, s); }, lab::run_lab);
}

}  // namespace norma
