// The training loop.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>

#include "norma/apps/training/datasets.h"
#include "norma/apps/training/settings.h"
#include "norma/layers/module.h"
#include "norma/optim/schedule.h"
#include "norma/optim/sgd.h"

namespace norma {

/// How many images (1,C,H,W) at once go through a network that is not trained: 500 of 32x32, of larger ones so many fewer
/// that they need no more memory.
Index test_batch_size(const Shape& image);

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

/// Prints the sentence on stderr for a command that ends with it.
void report(const char* command, const Divergence& divergence);

/// What an epoch has added up so far. With weights and velocities, all that it takes to go on in the middle of one.
struct EpochSums {
  Index steps = 0, images = 0, correct = 0;
  double loss = 0;  // of all images together

  Score score() const;
};

/// What is told after every step.
struct Progress {
  EpochSums so_far;
  Index steps;  // of the whole epoch
  double images_per_second;
};

struct EpochResult {
  Score train;
  std::optional<Divergence> divergence;  // the step was not taken
  bool stopped = false;                  // on_step did not want to go on
  double images_per_second = 0;
  double seconds = 0, data_wait = 0;  // of all steps; those of them spent waiting for batches
};

/// Told the logits (N,K) and labels of a batch.
using BatchSeen = std::function<void(const Tensor& logits, std::span<const int> labels)>;

/// A model in training: data order, optimiser and schedule for `settings`, with everything random drawn from settings.seed.
/// `datasets` must outlive it.
class Training {
 public:
  Training(Module& model, const DataSets& datasets, const TrainingSettings& settings);

  /// Trains epoch 0, 1, ..., or what is left of it behind `so_far`. After each step `on_step` is told how it goes and
  /// answers whether to go on.
  EpochResult train_epoch(Index epoch, const std::function<bool(const Progress&)>& on_step, EpochSums so_far = {});
  /// Score on the test images, in evaluation mode; the mode is put back afterwards. `on_batch` is as for evaluate().
  Score test(const BatchSeen& on_batch = {});
  /// What a test score that is not finite says about the epoch (from 0) before it.
  std::optional<Divergence> divergence(const Score& test, Index epoch) const;
  double learning_rate() const { return optimizer_.learning_rate(); }
  SGD& optimizer() { return optimizer_; }
  Index steps_an_epoch() const { return train_loader_.batches(); }

 private:
  Module& model_;
  double label_smoothing_;
  DataLoader train_loader_, test_loader_;
  Schedule schedule_;
  SGD optimizer_;
};

/// Score of logits = model(images) on all images of a loader, without label smoothing; nothing is recorded. `on_batch`
/// (may be empty) is told the logits and labels of every batch.
Score evaluate(const std::function<Tensor(const Tensor&)>& model, DataLoader& loader, const BatchSeen& on_batch = {});

/// softmax of one row of logits (N,K).
std::vector<double> probabilities(const Tensor& logits, Index row);

}  // namespace norma
