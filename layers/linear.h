// Linear: the fully connected layer.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// Y = X W^T + b:  x (N,in), weight (out,in), bias (out) or not defined -> (N,out).
/// Throws Error if the sizes do not fit. Source: torch.nn.functional.linear.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

struct LinearOptions {
  bool bias = true;
};

/// Parameters "weight" (out,in) and "bias" (out), drawn as PyTorch does: uniform in +-1/sqrt(in).
class Linear : public Module {
 public:
  Linear(Index in_features, Index out_features, LinearOptions options = {});
  Tensor forward(const Tensor& x) override { return linear(x, weight_, bias_); }
  void reset_parameters(Random random) override;
  std::string describe() const override;
  Index multiply_adds(const Shape& in, const Shape& out) const override;

 private:
  Tensor weight_, bias_;
};

}  // namespace norma
