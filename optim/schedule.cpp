#include "norma/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "norma/core/check.h"

namespace norma {
namespace {

/// Half a cosine from `start` (done = 0) to `end` (done = 1).
double anneal(double start, double end, double done) {
  return end + (start - end) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

/// The two halves meet at step warmup - 1, the last of the rise; the fall ends at the last step.
double one_cycle(const ScheduleOptions& o, Index step) {
  const double top = static_cast<double>(o.warmup - 1), last = static_cast<double>(o.steps - 1);
  const double now = static_cast<double>(step), low = o.peak / 25;
  if (now <= top) return top > 0 ? anneal(low, o.peak, now / top) : o.peak;
  return last > top ? anneal(o.peak, low / 1e4, (now - top) / (last - top)) : o.peak;
}

}  // namespace

const std::vector<std::string>& Schedule::names() {
  static const std::vector<std::string> known{"constant", "step", "cosine", "one-cycle"};
  return known;
}

Schedule::Schedule(ScheduleOptions options) : options_(std::move(options)) {
  const ScheduleOptions& o = options_;
  check(std::find(names().begin(), names().end(), o.name) != names().end(), "schedule: '", o.name,
        "' is none of constant, step, cosine, one-cycle");
  check(std::isfinite(o.peak) && o.peak >= 0, "schedule: the learning rate must be finite and not negative, got ",
        o.peak);
  check(o.steps >= 1 && o.every >= 1, "schedule: steps and every must be positive, got ", o.steps, " and ", o.every);
  check(std::isfinite(o.factor) && o.factor >= 0, "schedule: factor must be finite and not negative, got ", o.factor);
  check(o.warmup >= 0 && o.warmup <= o.steps, "schedule: warm-up must lie in [0,", o.steps, "], got ", o.warmup);
}

double Schedule::at(Index step) const {
  const ScheduleOptions& o = options_;
  step = std::clamp<Index>(step, 0, o.steps - 1);
  if (o.name == "one-cycle") return one_cycle(o, step);
  if (step < o.warmup) return o.peak * static_cast<double>(step + 1) / static_cast<double>(o.warmup);
  const Index t = step - o.warmup;
  const Index drops = t / o.every;
  if (o.name == "step") return o.peak * std::pow(o.factor, static_cast<double>(drops));
  if (o.name == "cosine") return anneal(o.peak, 0, static_cast<double>(t) / static_cast<double>(o.steps - o.warmup));
  return o.peak;
}

}  // namespace norma
