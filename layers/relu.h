// ReLU: the positive part.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// y = max(x, 0), elementwise, any shape; NaN stays NaN. Source: torch.nn.functional.relu.
Tensor relu(const Tensor& x);

class ReLU : public Module {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
  std::string describe() const override { return "ReLU()"; }
};

}  // namespace norma
