// Scale: an axis of a chart, its limits and its round ticks.
#pragma once

#include <string>
#include <vector>

#include "norma/apps/report/chart.h"

namespace norma::chart {

struct Tick {
  double value;
  std::string text;
};

/// mantissa * 10^exponent, with mantissa 1, 2 or 5.
struct Step {
  int exponent = 0, mantissa = 1;
  /// Exact where it can be, so that 3 steps of 0.1 are 0.3.
  double times(double count) const;
};

class Scale {
 public:
  /// Limits that the axis does not give are those of what it shows of `values`, made round: to the step of about five
  /// ticks, on a logarithmic axis to one digit. Throws Error for limits that are no interval; `chart` begins the
  /// message.
  Scale(const std::string& chart, const Axis& axis, const std::vector<double>& values);

  /// Finite, and larger than 0 on a logarithmic axis. Beyond 1e300 either way it counts as not finite, or as 0.
  bool shows(double value) const;
  /// Whether it lies within the limits.
  bool holds(double value) const { return shows(value) && share(value) >= -1e-9 && share(value) <= 1 + 1e-9; }
  double from() const { return from_; }
  const Axis& axis() const { return axis_; }
  /// 0 at from(), 1 at the upper limit; beyond them, as far as 20 lengths of the axis. On a logarithmic axis 0 for what
  /// is not above 0.
  double share(double value) const;

  /// Ticks at 1, 2, 5 times a power of ten, on a logarithmic axis at powers of ten, with 2 and 5 between where there
  /// is room: as many as leave their texts, `across` side by side, apart on an axis of `length` units.
  std::vector<Tick> ticks(double length, bool across) const;

 private:
  std::vector<Tick> linear_ticks(const Step& step) const;
  std::vector<Tick> log_ticks(int every) const;

  Axis axis_;
  double from_ = 0, to_ = 1;
  Step step_;  // that the limits of a linear axis are round to
};

}  // namespace norma::chart
