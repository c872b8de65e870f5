// GroupNorm: groups of channels of one image share a mean and variance, in both modes.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// Each image's C channels in `groups` groups of neighbours; the C/groups * H*W numbers of a group share mean and variance.
///   y = (x - mean) / sqrt(variance + eps) * gamma + beta        x (N,C,H,W) or (N,C); gamma, beta (C) or not defined
/// Throws Error unless `groups` divides C, and, as PyTorch, if the whole batch has a single number per group.
/// Source: Wu & He 2018, "Group Normalization", section 3; torch.nn.functional.group_norm.
Tensor group_norm(const Tensor& x, Index groups, const Tensor& gamma, const Tensor& beta, double eps);

/// Names and defaults of torch.nn.GroupNorm.
struct GroupNormOptions {
  double eps = 1e-5;
  bool affine = true;
};

/// Parameters "weight" (1 at the start) and "bias" (0), both (num_channels), unless affine is off.
class GroupNorm : public Module {
 public:
  GroupNorm(Index num_groups, Index num_channels, GroupNormOptions options = {});
  Tensor forward(const Tensor& x) override;
  void reset_parameters(Random) override;
  std::string describe() const override;

 private:
  Index num_groups_, num_channels_;
  GroupNormOptions options_;
  Tensor weight_, bias_;
};

}  // namespace norma
