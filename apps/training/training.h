// The training loop, and the test.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "norma/apps/training/datasets.h"
#include "norma/apps/training/settings.h"
#include "norma/layers/module.h"
#include "norma/optim/schedule.h"
#include "norma/optim/sgd.h"

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

/// What a step has shown: the score of its batch, before the step.
struct StepResult : Score {
  Index images = 0, correct = 0;
  double data_wait = 0;  // seconds
  std::string trouble;   // why the step was not taken: a Divergence's reason; then the score is NaN
};

/// What an epoch has added up so far. With weights and velocities, all that it takes to go on in the middle of one.
struct EpochSums {
  Index steps = 0, images = 0, correct = 0;
  double loss = 0;  // of all images together

  void add(const StepResult& step);
  Score score() const;
};

/// What is told after every step.
struct Progress {
  EpochSums so_far;
  Index steps;  // of the whole epoch
  double images_per_second;

  double share() const { return static_cast<double>(so_far.steps) / static_cast<double>(steps); }
  /// "loss 1.23  3456 images/s"
  std::string text() const;
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

/// A model in training by SGD (with Nesterov's momentum), and everything random drawn from settings.seed. The k-th batch is a
/// function of (settings, k), whatever the model: two arms of a comparison see the same images. Model and datasets must
/// outlive it.
class Trainer {
 public:
  Trainer(Module& model, const DataSets& datasets, const TrainingSettings& settings);

  /// The next step, in train(). Where the loss or an activation is not finite it is not taken.
  StepResult step(double learning_rate);
  /// Epoch 0, 1, ..., or what is left of it after `so_far`, at the learning rates of the schedule. After each step `on_step`
  /// is told how it goes and answers whether to go on.
  EpochResult train_epoch(Index epoch, const std::function<bool(const Progress&)>& on_step, EpochSums so_far = {});
  /// evaluate() on the test images.
  Score test(const BatchSeen& on_batch = {});
  /// What a test score that is not finite says about the epoch (from 0) before it.
  std::optional<Divergence> divergence(const Score& test, Index epoch) const;

  double learning_rate() const { return optimizer_.learning_rate(); }  // of the last step
  SGD& optimizer() { return optimizer_; }
  Index steps_per_epoch() const { return loader_.batches(); }
  Index steps_done() const { return steps_; }

 private:
  Module& model_;
  const DataSets& datasets_;
  double label_smoothing_;
  DataLoader loader_;
  Schedule schedule_;
  SGD optimizer_;
  Index steps_ = 0, epoch_ = 0;  // steps done, and the loader's epoch

  Batch next_batch();
};

struct EvaluateOptions {
  Index batch_size = 0;  // 0: test_batch_size()
  bool training_mode =
      false;                // in train(), as by one who forgets eval(): batch norm takes the statistics of each batch
  BatchSeen on_batch = {};  // for each batch
};

/// Score of the model on all images, without label smoothing. Modes, buffers and recording are as before. Where batch norm
/// meets NaN or infinity it is {NaN, NaN}.
Score evaluate(Module& model, const ImageSet& images, const PixelStats& normalisation, const EvaluateOptions& = {});

/// The same of logits = model(images), whatever that is, on all batches of a loader.
Score evaluate(const std::function<Tensor(const Tensor&)>& model, DataLoader& loader, const BatchSeen& on_batch = {});

/// How many images (1,C,H,W) at once go through a network that is not trained: 500 of 32x32, of larger ones so many fewer
/// that they need no more memory.
Index test_batch_size(const Shape& image);

/// softmax of one row of logits (N,K).
std::vector<double> probabilities(const Tensor& logits, Index row);

}  // namespace norma
