// The training loop.
#pragma once

#include <functional>
#include <optional>

#include "apps/norma/datasets.h"
#include "apps/norma/options.h"
#include "layers/module.h"
#include "optim/schedule.h"
#include "optim/sgd.h"

namespace norma {

/// Mean loss and share of right answers, 0 to 1.
struct Score {
  double loss = 0, accuracy = 0;
};

/// Where and why a training stopped early.
struct Divergence {
  Index epoch, step;  // from 1
  double loss, learning_rate;

  std::string sentence() const;
};

/// What a progress display is told after every step.
struct Progress {
  Index step, steps;  // in this epoch, from 1
  double loss;        // mean so far
  double images_per_second, images_per_step;
};

struct EpochResult {
  Score train;
  std::optional<Divergence> divergence;  // a loss that is not finite: the step was not taken
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
  double learning_rate() const { return optimizer_.learning_rate(); }

 private:
  Module& model_;
  double label_smoothing_;
  DataLoader train_loader_, test_loader_;
  Schedule schedule_;
  SGD optimizer_;
};

/// Score of the model as it is (train or eval mode) on all images of a loader, without label smoothing.
Score evaluate(Module& model, DataLoader& loader);

/// Puts a module into evaluation mode while it is alive, then back into the mode it was in.
class EvalMode {
 public:
  explicit EvalMode(Module& module) : module_(module), before_(module.training()) { module.eval(); }
  ~EvalMode() { module_.train(before_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Module& module_;
  bool before_;
};

}  // namespace norma
