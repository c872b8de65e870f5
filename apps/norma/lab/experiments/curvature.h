// The loss as a function of all weights of a model: its gradient anywhere, and its largest curvature at a point.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <vector>

#include "norma/core/random.h"
#include "norma/core/tensor.h"

namespace norma::lab {

/// All numbers of all parameters, one after the other.
using Weights = Eigen::VectorXd;

Weights values_of(const std::vector<Tensor>& parameters);
/// d loss / d each of them, after backward(); 0 for a parameter that has none.
Weights gradient_of(const std::vector<Tensor>& parameters);

/// A loss, as a function of the parameters of a model. They are put back, bit for bit, when it ends, and their gradients are
/// cleared. State that `loss` moves besides, as running statistics, is for KeepBuffers.
class LossSurface {
 public:
  LossSurface(std::vector<Tensor> parameters, std::function<Tensor()> loss);
  ~LossSurface();
  LossSurface(const LossSurface&) = delete;
  LossSurface& operator=(const LossSurface&) = delete;

  struct Point {
    double loss;
    Weights gradient;
  };
  /// All is NaN where the loss is not finite.
  Point at(const Weights& w);
  /// The weights that the parameters had at the start.
  const Weights& start() const { return start_; }

 private:
  std::vector<Tensor> parameters_;
  std::function<Tensor()> loss_;
  Weights start_;

  void put(const Weights& w);
};

struct PowerIteration {
  int iterations = 12;
  /// Length of the step to either side, in lengths of the weights: what is found is the curvature over such a distance. A
  /// shorter one need not come closer to a limit: the gradient jumps where ReLUs bend, and the shorter the step, the more a jump
  /// weighs. docs/lab.md has numbers.
  double eps = 1e-3;
  /// Called after each iteration.
  std::function<void()> progress = [] {};
};

struct Eigenvalue {
  double value;     // v'Hv, v the direction found, |v| = 1
  double residual;  // |Hv - value v| / |value|: an eigenvalue of H lies so close to `value`, in units of it
};

/// The largest eigenvalue of the Hessian H of the loss at surface.start(), by power iteration: v, drawn from `random`, becomes Hv,
/// again and again, with Hv = (g(w + eps v) - g(w - eps v)) / (2 eps), g the gradient. H is never formed.
/// The last v alone would do if one eigenvalue were much larger than all others. Here several are close to it, and with batch
/// norm some are as large and negative. So all directions are kept, at right angles to each other, and the answer is the
/// direction of largest curvature among all their sums: the method of Lanczos 1950.
/// NaN where the loss is not finite. Sources: Pearlmutter 1994, "Fast exact multiplication by the Hessian" (the difference
/// quotient); Golub & Van Loan, "Matrix computations", chapter on Lanczos methods.
Eigenvalue largest_eigenvalue(LossSurface& surface, Random random, const PowerIteration& options = {});

}  // namespace norma::lab
