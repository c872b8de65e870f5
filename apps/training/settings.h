// TrainingSettings: the hyper-parameters of a training.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "norma/core/types.h"

namespace norma {

struct TrainingSettings {
  Index epochs = 10, batch_size = 128;
  double lr = 0.2, momentum = 0.9, weight_decay = 5e-4, label_smoothing = 0.05;  // lr: the highest learning rate
  std::string schedule = "one-cycle";                                            // one of Schedule::names()
  std::optional<double> warmup = {};                                             // epochs
  bool augment = true;                                                           // LoaderOptions::augment
  std::uint64_t seed = 0;  // of the order of the images and their augmentation

  /// Epochs of warm-up: as given, else 0.3 of all for one-cycle, 0 for the others.
  double warmup_epochs() const {
    return warmup.value_or(schedule == "one-cycle" ? 0.3 * static_cast<double>(epochs) : 0);
  }
};

}  // namespace norma
