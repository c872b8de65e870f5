// What GroupNorm, LayerNorm and InstanceNorm2d share: every image normalised by itself. The derivation is in image_norm.cpp.
#pragma once

#include "norma/layers/channel_stats.h"

namespace norma {

/// Mean and biased variance for every image (row) and channel (column); channels of one group have the same.
struct ImageStats {
  using Table = Eigen::Array<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Table mean, variance;
  Index groups = 1;
  bool depend_on_x = true;  // whether gradients flow through mean and variance

  /// Each image's C channels in `groups` groups of neighbours: the C/groups * H*W numbers of a group share mean and
  /// variance. x (N,C,H,W) or (N,C); `groups` must divide C.
  static ImageStats of(const Tensor& x, Index groups);
  /// The same fixed statistics for each of `images` images.
  static ImageStats fixed(const ChannelStats& stats, Index images);
};

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta, recorded under the name `op`. gamma and beta, where defined, have
/// the shape `parameters`, which is (C), or (C,H,W): one for each number of an image. Throws Error, led by `op`, for other
/// shapes, and for eps that is not positive and finite.
Tensor normalise_images(const char* op, const Tensor& x, const ImageStats& stats, const Tensor& gamma,
                        const Tensor& beta, const Shape& parameters, double eps);

}  // namespace norma
