// On what machine, and by what build of Norma, a run was made.
#pragma once

#include "norma/apps/norma/options/json.h"

namespace norma {

/// Processor, cores, threads, operating system, compiler, flags, Eigen, instruction sets.
Json environment();

}  // namespace norma
