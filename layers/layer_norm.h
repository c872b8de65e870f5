// LayerNorm: all numbers of one image share a mean and variance, in both modes.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// y = (x - mean) / sqrt(variance + eps) * gamma + beta over all numbers of an image. gamma, beta: of the shape of one
/// image, (C,H,W) for x (N,C,H,W) and (C) for x (N,C), or not defined. Throws Error for other shapes.
/// Source: Ba, Kiros & Hinton 2016, "Layer Normalization", section 3; torch.nn.functional.layer_norm.
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps);

/// Names and defaults of torch.nn.LayerNorm.
struct LayerNormOptions {
  double eps = 1e-5;
  bool elementwise_affine = true;
  bool bias = true;
};

/// `normalized_shape` is that of one image, (C,H,W), or of one row of features, (C): every size of x but the first.
/// PyTorch's other choices, the last one or two sizes of (N,C,H,W), are not offered.
/// Parameters "weight" (1 at the start) and "bias" (0) have that shape, so that images of another size do not fit.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(Shape normalized_shape, LayerNormOptions options = {});
  Tensor forward(const Tensor& x) override;
  void reset_parameters(Random) override;
  std::string describe() const override;

 private:
  Shape normalized_shape_;
  LayerNormOptions options_;
  Tensor weight_, bias_;
};

}  // namespace norma
