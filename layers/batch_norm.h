// BatchNorm2d: batch normalisation. The derivation is in batch_norm.cpp.
#pragma once

#include <optional>

#include "layers/module.h"

namespace norma {

/// Mean and biased variance (divided by m, not m-1) of every channel, kept in double.
struct ChannelStats {
  DoubleRow mean, variance;
};

/// Statistics over the m = N*H*W pixels of x, (N,C,H,W) or (N,C). Throws Error if m is 0.
/// One pass over memory; a constant channel has exactly its value as mean and exactly 0 as variance.
ChannelStats channel_stats(const Tensor& x);

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta, channel by channel, where `of_x` = channel_stats(x): the
/// gradient takes into account that mean and variance depend on x. gamma, beta: (C), or not defined for 1 and 0.
/// Source: Ioffe & Szegedy 2015, "Batch Normalization", algorithm 1; torch.nn.functional.batch_norm(training=True).
Tensor batch_norm_train(const Tensor& x, const ChannelStats& of_x, const Tensor& gamma, const Tensor& beta, double eps);

/// The same with given statistics, which are constants for the gradient (running averages, when evaluating).
Tensor batch_norm_eval(const Tensor& x, const ChannelStats& fixed, const Tensor& gamma, const Tensor& beta, double eps);

/// PyTorch's five arguments (the first, num_features, stands before them).
struct BatchNormOptions {
  /// Added to the variance under the root; > 0.
  double eps = 1e-5;
  /// Weight of the new batch in the running averages, in [0,1] (other frameworks: weight of the old ones).
  /// std::nullopt: cumulative averages, every batch counts alike.
  std::optional<double> momentum = 0.1;
  /// Whether there are parameters "weight" (gamma, 1 at the start) and "bias" (beta, 0 at the start).
  bool affine = true;
  /// Whether there are buffers "running_mean" (0), "running_var" (1) and "num_batches_tracked" (0). Without them the
  /// layer normalises with the batch's statistics in both modes.
  bool track_running_stats = true;
};

/// Normalises every channel of an image batch (N,C,H,W). Semantics, names and defaults are torch.nn.BatchNorm2d's:
///   train(): with the batch's mean and biased variance; then the running averages take
///            running = (1 - momentum) * running + momentum * batch, the variance being the unbiased one, m/(m-1) as large.
///   eval():  with the running averages: a row of the output depends on its own image alone.
/// Batch statistics need m = N*H*W > 1. An empty batch gives an empty result and changes nothing (PyTorch would count it).
/// Throws Error, before any state changes, for wrong shapes and for m = 1.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(Index num_features, BatchNormOptions options = {});
  Tensor forward(const Tensor& x) override;
  /// Running averages and counter back to their start.
  void reset_running_stats();
  void reset_parameters(Random) override;
  std::string describe() const override;

 private:
  void update_running_stats(const ChannelStats& batch, double m);

  Index num_features_;
  BatchNormOptions options_;
  Tensor weight_, bias_;  // gamma, beta
  Tensor running_mean_, running_var_, num_batches_tracked_;
};

}  // namespace norma
