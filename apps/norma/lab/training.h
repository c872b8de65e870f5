// What the experiments train, and how: step by step, without epochs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "norma/apps/training/datasets.h"
#include "norma/apps/training/training.h"
#include "norma/layers/channel_stats.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/sgd.h"

namespace norma::lab {

struct Recipe {
  double lr = 0.1;
  Index batch_size = 128;
  double momentum = 0.9, weight_decay = 5e-4;
  bool augment = false;
  std::uint64_t seed = 0;  // of the order of the images
};

/// A model in training. Model and datasets must outlive it. The k-th batch is a function of (recipe.seed, k), whatever the
/// model: two arms of a comparison see the same images.
class Trainer {
 public:
  Trainer(Module& model, const DataSets& datasets, const Recipe& recipe);

  /// A step of SGD in train(). Loss and accuracy are those of the batch, before the step. Where the loss or an activation
  /// is not finite no step is taken and the loss is NaN.
  Score step();
  /// The next batch, for those that step themselves.
  Batch next_batch();
  Index steps_done() const { return steps_; }
  SGD& optimizer() { return optimizer_; }

 private:
  Module& model_;
  DataLoader loader_;
  SGD optimizer_;
  Index steps_ = 0;
};

/// Score on images, in evaluation mode or in training mode with batches of that size; modes, buffers and recording are as
/// before. A loss that is not finite gives {NaN, accuracy}.
Score score(Module& model, const ImageSet& images, const PixelStats& normalisation, Index batch_size = 500,
            bool training_mode = false);

/// What reaches every batch norm of the model, as batch_norms() lists them, while all images of the loader go through it in that
/// mode; modes, buffers and recording are as before. `on_batch` is called before each batch.
std::vector<Moments> seen_by_norms(
    Module& model, DataLoader& loader, bool training_mode, const std::function<void()>& on_batch = [] {});

/// The mean, the smallest and the largest of some numbers; NaN ones are left out, and without others all are NaN.
struct Spread {
  double mean, low, high;
};
Spread spread(const std::vector<double>& values);

/// Mean over the last `window` of values up to each: a noisy curve made readable.
std::vector<double> smoothed(const std::vector<double>& values, std::size_t window);

}  // namespace norma::lab
