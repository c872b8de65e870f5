// What the experiments share beside the Trainer: trainings that are tested on the way, the statistics that reach batch
// norms, numbers over seeds.
#pragma once

#include <functional>
#include <vector>

#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/training/training.h"
#include "norma/layers/channel_stats.h"
#include "norma/layers/models/networks.h"

namespace norma::lab {

/// Whether step i, from 1, is one of `times` spread evenly over `steps`; the last one is.
inline bool due(Index i, Index steps, Index times) { return i * times / steps != (i - 1) * times / steps; }

/// A training that is tested on the way.
struct Course {
  Index steps, tests;                 // as due() spreads them
  std::function<double(Index)> rate;  // the learning rate of step 0, 1, ...
  const ImageSet& test;
  /// Told the steps done, the mean score of the batches since the last test, and the score on `test`; all are NaN from the
  /// step on that could not be taken.
  std::function<void(Index step, const Score& train, const Score& test)> tested;
};
/// Returns whether all steps could be taken.
bool train(Module& model, Trainer& trainer, const DataSets& data, const Course& course, Recorder& record);

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
