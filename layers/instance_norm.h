// InstanceNorm2d: every channel of every image has a mean and variance of its own.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta, with mean and variance of one channel of one image.
/// x (N,C,H,W); gamma, beta (C) or not defined. Throws Error for other shapes and for images of one pixel.
/// Source: Ulyanov, Vedaldi & Lempitsky 2016, "Instance Normalization"; torch.nn.functional.instance_norm.
Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps);

/// Names and defaults of torch.nn.InstanceNorm2d: affine and track_running_stats are off.
struct InstanceNormOptions {
  double eps = 1e-5;
  /// Weight of the new batch in the running averages, in [0,1].
  double momentum = 0.1;
  bool affine = false;
  /// Whether there are running averages of the images' means and unbiased variances, and eval() normalises with them.
  bool track_running_stats = false;
};

/// Parameters "weight", "bias" and buffers "running_mean", "running_var", "num_batches_tracked" as the options say; the
/// counter stays 0, as in PyTorch. An empty batch changes nothing. Throws NonFiniteError, and changes nothing, where NaN or
/// infinity would enter the running averages.
class InstanceNorm2d : public Module {
 public:
  explicit InstanceNorm2d(Index num_features, InstanceNormOptions options = {});
  Tensor forward(const Tensor& x) override;
  void reset_parameters(Random) override;
  std::string describe() const override;

 private:
  Index num_features_;
  InstanceNormOptions options_;
  Tensor weight_, bias_;
  Tensor running_mean_, running_var_;
};

}  // namespace norma
