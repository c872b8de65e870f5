// gradcheck(): is the gradient of a function, a layer of yours for example, right?
//
// Take any random weights w and look at the scalar L = sum(w * f()). For a random direction u of an input x, its slope
//   (L(x + eps u) - L(x - eps u)) / (2 eps)        (two forward passes)
// must equal <dL/dx, u>                           (one backward pass)
// If one entry of the gradient is wrong the two differ, except by chance: one direction checks all entries at once.
// Plain sum(f()) would not do as L: for batch norm it is constant, its gradient 0, and any error goes unseen.
//
// Does a graph that is dropped without backward() give its memory back? A rule that captures its own result y makes the
// graph own itself, and nothing frees it. So f is called again, and the blocks of numbers alive before and after are
// counted.
//
// After Griewank & Walther 2008, "Evaluating Derivatives", and the check_vjp of HIPS/autograd.
#pragma once

#include <cstdint>
#include <functional>

#include "norma/core/tensor.h"

namespace norma {

struct GradcheckOptions {
  /// Step of the difference quotient; the default is right for the double build, use 1e-2 with float.
  double eps = 1e-6;
  /// Random directions tried for each input.
  int directions = 3;
  std::uint64_t seed = 0;
};

/// Runs f with recording on and checks the gradient of every one of `inputs` (leaves with requires_grad, shared with f).
/// f must compute the same function each time it is called. Returns the worst error over inputs and directions,
///   |slope - <dL/dx, u>| / (|dL/dx| + 1e-3),        u of length about sqrt(size), |.| the Euclidean norm.
/// In the double build (norma::norma_double) a right gradient stays below 1e-6. Gradients of `inputs` are cleared.
/// Throws Error for an input without requires_grad, one that f did not use, values that are not finite, and where each
/// call of f leaves more numbers in memory after its result is dropped. A cache that f fills once is no error.
double gradcheck(const std::function<Tensor()>& f, const std::vector<Tensor>& inputs, GradcheckOptions options = {});

}  // namespace norma
