// From the rows of a table to the series of a chart.
#pragma once

#include <string>

#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"
#include "norma/apps/report/chart.h"

namespace norma::lab {

/// Column y, times `factor`, against column x, row by row.
Series curve(const std::string& name, const Table& table, const std::string& x, const std::string& y, int colour,
             double factor = 1);

/// The mean of y for each x, in ascending order, with a band from the lowest to the highest: of runs with different seeds. NaN
/// is left out; where nothing else is, the point is.
Series banded(const std::string& name, const Table& table, const std::string& x, const std::string& y, int colour,
              double factor = 1);

/// "batch norm" for "batch", "no norm" for "none".
std::string arm_name(const std::string& norm);

/// "12.3%", "-" for NaN.
std::string percent(double share);
/// "12.3% (11.0 to 13.5)", "-" for NaN.
std::string percent(const Spread& share);

}  // namespace norma::lab
