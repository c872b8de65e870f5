#include "norma/apps/norma/options/options.h"

#include "norma/core/check.h"

namespace norma {

double Options::warmup_epochs() const {
  return warmup.value_or(schedule == "one-cycle" ? 0.3 * static_cast<double>(epochs) : 0);
}

TrainingSettings Options::training() const {
  return {.epochs = epochs,
          .batch_size = batch_size,
          .lr = lr,
          .momentum = momentum,
          .weight_decay = weight_decay,
          .label_smoothing = label_smoothing,
          .schedule = schedule,
          .warmup = warmup,
          .augment = augment == "on",
          .seed = static_cast<std::uint64_t>(seed)};
}

void check_together(const Options& o) {
  check(o.warmup_epochs() <= static_cast<double>(o.epochs), "--warmup: ", o.warmup_epochs(),
        " epochs of warm-up do not fit ", o.epochs, " epochs");
  check(o.freeze_after < o.epochs, "--freeze-after: behind epoch ", o.freeze_after, " of ", o.epochs,
        " there is nothing left to train");
}

}  // namespace norma
