// The training loop.
#pragma once

#include <functional>
#include <limits>
#include <optional>

#include "apps/norma/datasets.h"
#include "apps/norma/options.h"
#include "layers/module.h"
#include "optim/schedule.h"
#include "optim/sgd.h"

namespace norma {

/// Mean loss and share of right answers, 0 to 1; NaN where nothing was measured.
struct Score {
  double loss = std::numeric_limits<double>::quiet_NaN(), accuracy = std::numeric_limits<double>::quiet_NaN();
};

/// A loss for a table: "0.1234", "8.32e+27", "nan".
std::string loss_text(double loss);

/// A share for a table: "12.34%", "nan".
std::string percent_text(double share);

/// Where and why a training stopped early.
struct Divergence {
  Index epoch, step;  // from 1; step 0: on the test images, after the epoch
  double learning_rate;
  std::string reason;  // "the loss was nan", or which batch norm saw NaN or infinity

  std::string sentence() const;
};

/// Prints the sentence on stderr for a command that ends with it; returns the exit code.
int report(const char* command, const Divergence& divergence);

/// What a progress display is told after every step.
struct Progress {
  Index step, steps;  // in this epoch, from 1
  double loss;        // mean so far
  double images_per_second, images_per_step;
};

struct EpochResult {
  Score train;
  std::optional<Divergence> divergence;  // the step was not taken
  double seconds = 0;
  Index images = 0;
};

/// A model in training: data order, optimiser and schedule for `options`, with everything random drawn from options.seed.
/// `datasets` must outlive it.
class Training {
 public:
  Training(Module& model, const DataSets& datasets, const Options& options);

  /// Trains epoch 0, 1, ... and tells `on_step` (may be empty) how it goes.
  EpochResult train_epoch(Index epoch, const std::function<void(const Progress&)>& on_step = {});
  /// Score on the test images, in evaluation mode; the mode is put back afterwards.
  Score test();
  /// What a test score that is not finite says about the epoch (from 0) before it.
  std::optional<Divergence> divergence(const Score& test, Index epoch) const;
  double learning_rate() const { return optimizer_.learning_rate(); }

 private:
  Module& model_;
  double label_smoothing_;
  DataLoader train_loader_, test_loader_;
  Schedule schedule_;
  SGD optimizer_;
};

/// Score of logits = model(images) on all images of a loader, without label smoothing; nothing is recorded.
Score evaluate(const std::function<Tensor(const Tensor&)>& model, DataLoader& loader);

}  // namespace norma
