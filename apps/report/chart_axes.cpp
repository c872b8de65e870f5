#include "norma/apps/report/chart_axes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "norma/apps/report/chart_text.h"
#include "norma/core/check.h"

namespace norma::chart {
namespace {

constexpr double kLargest = 1e300, kSmallest = 1e-300;
constexpr double kFlat = 1e-9;   // of the numbers: limits that are nearer count as equal
constexpr double kAbout = 1e-9;  // of a step: rounding errors are not worth a tick more
constexpr std::array kMantissas{1, 2, 5};
constexpr std::array kDecades{1, 2, 5, 10, 20, 50, 100, 200};

/// mantissa * 10^exponent * count; exact where it can be, so that 0.3 is 0.3.
double round_number(double count, int exponent, int mantissa = 1) {
  const double whole = count * mantissa;
  return exponent < 0 && exponent > -300 ? whole / std::pow(10, -exponent) : whole * std::pow(10, exponent);
}

int decade_of(double value) { return static_cast<int>(std::floor(std::log10(value) + kAbout)); }

/// The smallest of 1, 2, 5 times a power of ten that is not below `least`: its exponent and mantissa.
std::pair<int, int> round_step(double least) {
  const int exponent = decade_of(least);
  for (const int mantissa : kMantissas)
    if (round_number(1, exponent, mantissa) >= least * (1 - kAbout)) return {exponent, mantissa};
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

Scale::Scale(const std::string& chart, const Axis& axis, const std::vector<double>& values) : axis_(axis) {
  double low = 0, high = 0;
  bool any = false;
  for (const double v : values) {
    if (!shows(v)) continue;
    low = any ? std::min(low, v) : v;
    high = any ? std::max(high, v) : v;
    any = true;
  }
  if (!any) low = axis.log ? 1 : 0, high = axis.log ? 10 : 1;
  from_ = axis.from.value_or(axis.to ? std::min(low, *axis.to) : low);
  to_ = axis.to.value_or(std::max(high, from_));
  const double largest = std::max(std::abs(from_), std::abs(to_));
  if (!(to_ - from_ > kFlat * largest && to_ - from_ > kSmallest)) {
    const double margin = largest > kSmallest ? 0.1 * largest : 1;
    if (!axis.from && largest > kSmallest) from_ = axis.log ? from_ / 2 : from_ - margin;
    if (!axis.to) to_ = axis.log ? to_ * 2 : to_ + margin;
  }
  check(shows(from_) && shows(to_) && to_ - from_ > kFlat * largest, chart, ": axis \"", axis.label, "\" from ", from_,
        " to ", to_, axis.log ? ", logarithmic" : "");
  if (axis.log) {
    const int first = decade_of(from_), last = decade_of(to_);
    if (!axis.from) from_ = round_number(std::floor(from_ / round_number(1, first) + kAbout), first);
    if (!axis.to) to_ = round_number(std::ceil(to_ / round_number(1, last) - kAbout), last);
  } else {
    std::tie(exponent_, mantissa_) = round_step((to_ - from_) / 5);
    const double step = round_number(1, exponent_, mantissa_);
    if (!axis.from) from_ = round_number(std::floor(from_ / step + kAbout), exponent_, mantissa_);
    if (!axis.to) to_ = round_number(std::ceil(to_ / step - kAbout), exponent_, mantissa_);
  }
}

bool Scale::shows(double value) const { return std::abs(value) <= kLargest && (!axis_.log || value >= kSmallest); }

double Scale::share(double value) const {
  const double share = axis_.log ? std::log(value / from_) / std::log(to_ / from_) : (value - from_) / (to_ - from_);
  return std::clamp(share, -20.0, 20.0);
}

std::vector<Tick> Scale::linear_ticks(int exponent, int mantissa) const {
  const double step = round_number(1, exponent, mantissa);
  const double largest = std::max(std::abs(from_), std::abs(to_));
  const int top = decade_of(largest);
  const bool plain = top >= -4 && top < 6;
  const int decimals = plain ? std::max(0, -exponent) : std::max(0, top - exponent);
  std::vector<Tick> ticks;
  for (double i = std::ceil(from_ / step - kAbout); i <= std::floor(to_ / step + kAbout); ++i) {
    const double value = round_number(i, exponent, mantissa);
    ticks.push_back({value, i == 0  ? "0"
                            : plain ? fmt::format("{:.{}f}", value, decimals)
                                    : scientific(value, decimals)});
  }
  return ticks;
}

/// Level 0 has 1, 2 and 5 of every decade, level 1 every decade, further levels some.
std::vector<Tick> Scale::log_ticks(int level) const {
  std::vector<Tick> ticks;
  const int every = kDecades[static_cast<std::size_t>(std::max(0, level - 1))];
  for (int decade = decade_of(from_); decade <= decade_of(to_); ++decade) {
    if (decade % every != 0) continue;
    for (const int mantissa : kMantissas) {
      const double value = round_number(mantissa, decade);
      if (holds(value) && (mantissa == 1 || level == 0)) ticks.push_back({value, number_text(value)});
    }
  }
  return ticks;
}

std::vector<Tick> Scale::ticks(double length, bool across) const {
  std::vector<Tick> ticks;
  if (axis_.log) {
    for (int level = 0; level <= static_cast<int>(kDecades.size()); ++level) {
      ticks = log_ticks(level);
      if (ticks.size() < 2) break;
      if (apart(ticks, *this, length, across)) return ticks;
    }
  }
  auto [exponent, mantissa] = axis_.log ? round_step((to_ - from_) / 5) : std::pair(exponent_, mantissa_);
  for (;;) {
    ticks = linear_ticks(exponent, mantissa);
    if (apart(ticks, *this, length, across)) return ticks;
    std::tie(exponent, mantissa) = round_step(round_number(1, exponent, mantissa) * 1.5);
  }
}

}  // namespace norma::chart
