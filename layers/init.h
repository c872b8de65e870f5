// Initialisation of parameters.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// Inputs that one output number is computed from: Cin*k*k of a weight (Cout,Cin,k,k), Cin of (Cout,Cin).
Index fan_in(const Tensor& weight);
/// Outputs that one input number takes part in: Cout*k*k of a weight (Cout,Cin,k,k), Cout of (Cout,Cin).
Index fan_out(const Tensor& weight);

/// PyTorch's default for Conv2d and Linear: weight and bias (if defined) uniform in +-1/sqrt(fan_in).
/// Source: torch.nn.Linear, "Variables".
void uniform_by_fan_in(Tensor weight, Tensor bias, Random random);

/// Normal with standard deviation sqrt(2 / fan_out), which keeps the size of gradients through ReLU layers.
/// Source: He et al. 2015, "Delving Deep into Rectifiers", section 2.2; torch.nn.init.kaiming_normal_(mode="fan_out").
void kaiming_normal(Tensor weight, Random random);

/// The stream a layer draws its first parameters from, before anyone names a seed.
Random default_stream(const Shape& weight);

/// Calls reset_parameters() of every module in the tree, each with a stream of its own drawn from `seed`: the same seed
/// gives the same parameters. Begin every model with it; freshly constructed layers of equal shape are equal.
void initialize(Module& model, std::uint64_t seed);

}  // namespace norma
