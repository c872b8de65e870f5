#include "norma/apps/report/chart_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "norma/apps/report/chart_text.h"
#include "norma/core/check.h"

namespace norma::chart {
namespace {

constexpr double kLargest = 1e300, kSmallest = 1e-300;
constexpr double kFlat = 1e-9;   // of the numbers: limits that are nearer count as equal
constexpr double kAbout = 1e-9;  // of a step: rounding errors are not worth a tick more
constexpr std::array kMantissas{1, 2, 5};

int decade_of(double value) { return static_cast<int>(std::floor(std::log10(value) + kAbout)); }

/// The smallest step that is not below `least`.
Step round_step(double least) {
  const int exponent = decade_of(least);
  for (const int mantissa : kMantissas)
    if (const Step step{exponent, mantissa}; step.times(1) >= least * (1 - kAbout)) return step;
  return {exponent + 1, 1};
}

bool apart(const std::vector<Tick>& ticks, const Scale& scale, double length, bool across) {
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    const double distance = (scale.share(ticks[i].value) - scale.share(ticks[i - 1].value)) * length;
    const double needed = across ? (width_of(ticks[i].text) + width_of(ticks[i - 1].text)) / 2 + kLetter : 1.5 * kLine;
    if (distance < needed) return false;
  }
  return true;
}

}  // namespace

double Step::times(double count) const {
  const double whole = count * mantissa;
  return exponent < 0 && exponent > -300 ? whole / std::pow(10, -exponent) : whole * std::pow(10, exponent);
}

Scale::Scale(const std::string& chart, const Axis& axis, const std::vector<double>& values) : axis_(axis) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const double v : values)
    if (shows(v)) low = std::min(low, v), high = std::max(high, v);
  if (low > high) low = axis.log ? 1 : 0, high = axis.log ? 10 : 1;
  from_ = axis.from.value_or(std::min(low, axis.to.value_or(low)));
  to_ = axis.to.value_or(std::max(high, from_));
  const double largest = std::max(std::abs(from_), std::abs(to_)), flat = std::max(kFlat * largest, kSmallest);
  if (!(to_ - from_ > flat)) {
    const double margin = largest > kSmallest ? 0.1 * largest : 1;
    if (!axis.from && largest > kSmallest) from_ = axis.log ? from_ / 2 : from_ - margin;
    if (!axis.to) to_ = axis.log ? to_ * 2 : to_ + margin;
  }
  check(shows(from_) && shows(to_) && to_ - from_ > flat, chart, ": axis \"", axis.label, "\" from ", from_, " to ",
        to_, axis.log ? ", logarithmic" : "");
  step_ = round_step((to_ - from_) / 5);
  const Step below = axis.log ? Step{decade_of(from_)} : step_, above = axis.log ? Step{decade_of(to_)} : step_;
  if (!axis.from) from_ = below.times(std::floor(from_ / below.times(1) + kAbout));
  if (!axis.to) to_ = above.times(std::ceil(to_ / above.times(1) - kAbout));
  if (axis.log) step_ = round_step((to_ - from_) / 5);
}

bool Scale::shows(double value) const { return std::abs(value) <= kLargest && (!axis_.log || value >= kSmallest); }

double Scale::share(double value) const {
  if (axis_.log && value <= 0) return 0;
  const double share = axis_.log ? std::log(value / from_) / std::log(to_ / from_) : (value - from_) / (to_ - from_);
  return std::clamp(share, -20.0, 20.0);
}

std::vector<Tick> Scale::linear_ticks(const Step& step) const {
  const int top = decade_of(std::max(std::abs(from_), std::abs(to_)));
  const bool plain = top >= -4 && top < 6;
  std::vector<Tick> ticks;
  for (double i = std::ceil(from_ / step.times(1) - kAbout); i <= std::floor(to_ / step.times(1) + kAbout); ++i) {
    const double value = step.times(i);
    ticks.push_back({value, i == 0  ? "0"
                            : plain ? fmt::format("{:.{}f}", value, std::max(0, -step.exponent))
                                    : short_number(value, 1 + std::max(0, top - step.exponent))});
  }
  return ticks;
}

/// Those of every so many decades; with 0, of every decade and 2 and 5 times it.
std::vector<Tick> Scale::log_ticks(int every) const {
  std::vector<Tick> ticks;
  for (int decade = decade_of(from_); decade <= decade_of(to_); ++decade)
    for (const int mantissa : kMantissas) {
      const double value = Step{decade, mantissa}.times(1);
      if (holds(value) && (every == 0 || (mantissa == 1 && decade % every == 0)))
        ticks.push_back({value, number_text(value)});
    }
  return ticks;
}

std::vector<Tick> Scale::ticks(double length, bool across) const {
  for (const int every : {0, 1, 2, 5, 10, 20, 50, 100, 200}) {
    const std::vector<Tick> ticks = axis_.log ? log_ticks(every) : std::vector<Tick>();
    if (ticks.size() < 2) break;
    if (apart(ticks, *this, length, across)) return ticks;
  }
  for (Step step = step_;; step = round_step(1.5 * step.times(1))) {
    const std::vector<Tick> ticks = linear_ticks(step);
    if (apart(ticks, *this, length, across)) return ticks;
  }
}

}  // namespace norma::chart
