// The report of norma lab inside, apart from what it measures.
#pragma once

#include "norma/apps/norma/lab/lab.h"

namespace norma::lab {

/// Experiment::report.
std::vector<std::string> report_inside(const Tables& tables, Page& page);

}  // namespace norma::lab
