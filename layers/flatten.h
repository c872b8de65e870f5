// Flatten: an image batch as a matrix with one row per image.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// x (N,C,H,W) -> (N, C*H*W), features in the logical order c,h,w, so that the weights of a Linear after it mean the
/// same as in PyTorch. (N,C) stays as it is. Source: torch.nn.Flatten.
Tensor flatten(const Tensor& x);

class Flatten : public Module {
 public:
  Tensor forward(const Tensor& x) override { return flatten(x); }
  std::string describe() const override { return "Flatten()"; }
};

}  // namespace norma
