// SGD: stochastic gradient descent with momentum.
#pragma once

#include <vector>

#include "norma/core/tensor.h"

namespace norma {

struct SGDOptions {
  double lr = 0.1, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};

/// Exactly torch.optim.SGD (dampening 0):
///   d = gradient + weight_decay * p
///   v = d at the first step, momentum * v + d later         (only with momentum > 0)
///   p = p - lr * d'      d' = v, or d + momentum * v with Nesterov; d without momentum
/// Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning". Gradients are read only.
class SGD {
 public:
  /// Throws Error unless lr, momentum, weight_decay are finite and >= 0, and for Nesterov without momentum.
  SGD(const std::vector<Tensor>& parameters, SGDOptions options);
  /// With names (Module::named_parameters()), for better messages.
  SGD(const NamedTensors& parameters, SGDOptions options);

  void zero_grad();
  /// Parameters that ask for no gradient (frozen ones) stay as they are. Throws Error, naming the parameter and changing
  /// none, if another one has received no gradient, and if all are frozen.
  void step();
  double learning_rate() const { return options_.lr; }
  void learning_rate(double lr);

  /// What step() remembers, by the names of the parameters: v of each that has been stepped, torch's momentum_buffer.
  /// Handles: clone() what shall stay.
  NamedTensors state() const;
  /// Goes on from a copy of it; a parameter that it does not name is as before its first step. Throws Error, and changes
  /// nothing, for a name that stands twice or is not known here, and for a shape that differs.
  void load_state(const NamedTensors& state);

 private:
  std::vector<std::string> names_;
  std::vector<Tensor> parameters_;
  std::vector<Tensor> velocities_;  // v, in step with parameters_; not defined() before the first step
  SGDOptions options_;
};

}  // namespace norma
