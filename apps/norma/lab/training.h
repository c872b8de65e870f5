// What the experiments share beside the Trainer: the statistics that reach batch norms, and numbers over seeds.
#pragma once

#include <functional>
#include <vector>

#include "norma/apps/training/training.h"
#include "norma/layers/channel_stats.h"
#include "norma/layers/models/networks.h"

namespace norma::lab {

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
