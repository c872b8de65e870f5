// norma modes: norma lab modes.
#include "norma/apps/norma/lab/lab_options.h"
#include "norma/apps/norma/options/verb.h"

namespace norma {

Verb modes_verb() {
  const auto declare = [](Options& o, lab::LabOptions& s) {
    o.verb = "lab";
    s.lab = "modes";
    lab::declare(o, s, {s.lab});
  };
  return make_verb<lab::LabOptions>("modes", "Show train() against eval(): norma lab modes", declare, lab::run_lab);
}

}  // namespace norma
