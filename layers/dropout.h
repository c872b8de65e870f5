// Dropout: random zeros while training.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// In train(): every number is set to 0 with probability p, the others are multiplied by 1/(1-p), so the mean stays.
/// In eval(): y = x. The mask of a call is a function of the seed and of how many calls came before; initialize() draws
/// a seed of its own for every layer. Throws Error unless 0 <= p <= 1.
/// Source: Srivastava et al. 2014, "Dropout", section 10 ("inverted"); torch.nn.Dropout.
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5, std::uint64_t seed = 0);
  Tensor forward(const Tensor& x) override;
  void reset_parameters(Random random) override;
  std::string describe() const override { return join("Dropout(p=", p_, ")"); }

 private:
  double p_;
  std::uint64_t seed_, calls_ = 0;
};

}  // namespace norma
