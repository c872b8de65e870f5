// Learning-rate schedules.
#pragma once

#include <string>
#include <vector>

#include "norma/core/types.h"

namespace norma {

struct ScheduleOptions {
  /// "constant", "step", "cosine" or "one-cycle".
  std::string name = "constant";
  /// The highest learning rate.
  double peak = 0.1;
  /// Steps of the whole training, and of the warm-up at its start.
  Index steps = 1, warmup = 0;
  /// For "step": the rate is multiplied by `factor` every `every` steps after the warm-up.
  Index every = 1;
  double factor = 0.1;
};

/// The learning rate as a function of the step, a pure one: nothing to save or restore.
/// Warm-up rises in a straight line, peak * (step + 1) / warmup; after it, with t counted from its end, of T steps left:
///   constant    peak                                              torch LambdaLR
///   step        peak * factor^floor(t / every)                    torch StepLR
///   cosine      peak * (1 + cos(pi t / T)) / 2                    torch CosineAnnealingLR; Loshchilov & Hutter 2017
///   one-cycle   its own warm-up, half a cosine from peak/25 up to peak, then half a cosine down to peak/250000
///               torch OneCycleLR(pct_start = warmup / steps, cycle_momentum=False); Smith & Topin 2018
class Schedule {
 public:
  /// Throws Error for an unknown name (listing the known ones), peak or factor not finite or < 0, steps < 1, every < 1, or warmup
  /// outside [0, steps].
  explicit Schedule(ScheduleOptions options);
  /// Rate for step 0, 1, ..., steps - 1 (after that: that of the last).
  double at(Index step) const;
  static const std::vector<std::string>& names();

 private:
  ScheduleOptions options_;
};

}  // namespace norma
