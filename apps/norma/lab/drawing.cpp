#include "norma/apps/norma/lab/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace norma::lab {

Series curve(const std::string& name, const Table& table, const std::string& x, const std::string& y, int colour,
             double factor) {
  Series series{.name = name, .x = table.numbers(x), .y = table.numbers(y), .colour = colour};
  for (double& value : series.y) value *= factor;
  return series;
}

Series banded(const std::string& name, const Table& table, const std::string& x, const std::string& y, int colour,
              double factor) {
  Series series{.name = name, .x = {}, .y = {}, .low = {}, .high = {}, .colour = colour};
  std::vector<Json> places = table.distinct(x);
  std::sort(places.begin(), places.end());
  for (const Json& place : places) {
    const Spread s = spread(table.where(x, place).numbers(y));
    if (std::isnan(s.mean)) continue;
    series.x.push_back(place.get<double>());
    series.y.push_back(factor * s.mean), series.low.push_back(factor * s.low), series.high.push_back(factor * s.high);
  }
  return series;
}

std::string arm_name(const std::string& norm) {
  if (norm == "none") return "no norm";
  return norm + " norm";
}

std::string percent(double share) { return std::isnan(share) ? "-" : fmt::format("{:.1f}%", 100 * share); }

std::string percent(const Spread& share) {
  if (std::isnan(share.mean)) return "-";
  return percent(share.mean) + fmt::format(" ({:.1f} to {:.1f})", 100 * share.low, 100 * share.high);
}

}  // namespace norma::lab
