// BatchNorm2d and BatchNorm1d: batch normalisation. The derivation is in batch_norm.cpp.
#pragma once

#include <optional>

#include "norma/layers/channel_stats.h"
#include "norma/layers/module.h"

namespace norma {

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta, channel by channel, where `of_x` = channel_stats(x): the
/// gradient takes into account that mean and variance depend on x. gamma, beta: (C), or not defined for 1 and 0.
/// Source: Ioffe & Szegedy 2015, "Batch Normalization", algorithm 1; torch.nn.functional.batch_norm(training=True).
Tensor batch_norm_train(const Tensor& x, const ChannelStats& of_x, const Tensor& gamma, const Tensor& beta, double eps);

/// The same with given statistics, which are constants for the gradient (running averages, when evaluating).
Tensor batch_norm_eval(const Tensor& x, const ChannelStats& fixed, const Tensor& gamma, const Tensor& beta, double eps);

/// What to do with a batch that holds NaN or infinity and so would spoil the running statistics for ever.
enum class NonFinite {
  error,   // throw NonFiniteError; nothing changes
  ignore,  // normalise it as it is, but keep it out of the running statistics and the counter
};

/// PyTorch's arguments, but for num_features, which stands before them, and one of Norma's own.
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
  NonFinite non_finite = NonFinite::error;
};

/// What BatchNorm2d and BatchNorm1d have in common. Semantics, names and defaults are torch.nn.BatchNorm2d's:
///   train(): normalises with the batch's mean and biased variance; then the running averages take
///            running = (1 - momentum) * running + momentum * batch, the variance being the unbiased one, m/(m-1) as large.
///   eval():  normalises with the running averages: a row of the output depends on its own image alone.
/// Batch statistics need m = N*H*W > 1. An empty batch gives an empty result and changes nothing (PyTorch would count it).
/// Throws Error, before any state changes, for wrong shapes and for m = 1, and NonFiniteError: see NonFinite.
/// A convolution before it needs no bias: the mean takes it away again, and its gradient is 0.
class BatchNorm : public Module {
 public:
  /// A way to normalise: batch_norm_train() or batch_norm_eval(), as the flag says, or more in the same passes over memory.
  using Normalise = Tensor(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta,
                           double eps, bool stats_depend_on_x);

  Tensor forward(const Tensor& x) override;
  /// forward() with another way to normalise.
  Tensor forward_by(Normalise normalise, const Tensor& x);
  void reset_parameters(Random) override;
  std::string describe() const override;

  /// Running averages and counter back to their start.
  void reset_running_stats();
  /// Fixes the layer whatever train() and eval() say, until freeze(false): it normalises with the running averages, these
  /// stay, and weight and bias ask for no gradient; then they do again what they did before. Throws Error for a layer without
  /// running statistics.
  void freeze(bool on = true);
  bool frozen() const { return frozen_; }
  /// Whether forward() would normalise with the statistics of its batch now.
  bool uses_batch() const { return !frozen_ && (training() || !options_.track_running_stats); }
  /// Running mean and variance. Throws Error for a layer without.
  ChannelStats running_stats() const;
  /// Takes the mean and unbiased variance of everything in `seen`, which came in `batches` batches. Throws Error for a layer without
  /// running statistics, for other channels and for a single value, NonFiniteError for NaN and infinity; then nothing has changed.
  void set_running_stats(const Moments& seen, Index batches);
  /// How many batches the running averages took since they began with 0 and 1; none where set_running_stats() has set them.
  std::optional<double> batches_averaged() const;
  const BatchNormOptions& options() const { return options_; }

 protected:
  /// `rank` of the x that is accepted: 4 for (N,C,H,W), 2 for (N,C).
  BatchNorm(const char* name, int rank, Index num_features, BatchNormOptions options);

 private:
  void update_running_stats(const ChannelStats& batch, double m);

  const char* name_;
  int rank_;
  Index num_features_;
  BatchNormOptions options_;
  Tensor weight_, bias_;  // gamma, beta
  Tensor running_mean_, running_var_, num_batches_tracked_;
  bool frozen_ = false, weight_was_trained_ = false, bias_was_trained_ = false;  // before freeze()
  std::optional<Real> set_at_;                                                   // the counter of set_running_stats()
};

/// Batch normalisation of images: x (N,C,H,W).
class BatchNorm2d : public BatchNorm {
 public:
  explicit BatchNorm2d(Index num_features, BatchNormOptions options = {})
      : BatchNorm("BatchNorm2d", 4, num_features, options) {}
};

/// Batch normalisation of rows of features: x (N,C).
class BatchNorm1d : public BatchNorm {
 public:
  explicit BatchNorm1d(Index num_features, BatchNormOptions options = {})
      : BatchNorm("BatchNorm1d", 2, num_features, options) {}
};

}  // namespace norma
