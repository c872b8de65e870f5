#include "norma/core/gradcheck.h"

#include <algorithm>
#include <cmath>

#include "norma/core/ops.h"
#include "norma/core/random.h"
#include "norma/core/storage.h"

namespace norma {
namespace {

Tensor random_like(const Tensor& x, Random random) {
  Tensor t = Tensor::empty(x.shape());
  ArrayView values = t.rows();
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Real>(random.normal());
  return t;
}

double dot(const Tensor& a, const Tensor& b) { return (a.rows().cast<double>() * b.rows().cast<double>()).sum(); }

/// How many blocks of numbers stay alive after a call of f whose result is dropped. The smaller of two counts: a layer
/// may put something into a cache once, and other threads allocate too.
Index blocks_left_by(const std::function<Tensor()>& f) {
  const auto call = [&] {
    const Index before = Storage::live();
    f();
    return Storage::live() - before;
  };
  const Index first = call();
  return std::min(first, call());
}

}  // namespace

double gradcheck(const std::function<Tensor()>& f, const std::vector<Tensor>& inputs, GradcheckOptions options) {
  for (const Tensor& x : inputs) {
    check(x.requires_grad(), "gradcheck: input ", x.shape(), " does not have requires_grad");
    x.zero_grad();
  }
  const Tensor y = f();
  const Tensor w = random_like(y, Random({options.seed, 0}));
  sum(mul(w, y)).backward();

  const auto loss = [&] {
    const NoGrad values_only;
    return dot(w, f());
  };
  double worst = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Tensor x = inputs[i];
    check(x.grad().defined(), "gradcheck: input ", i, " of shape ", x.shape(), " received no gradient");
    const Tensor gradient = x.grad(), start = x.clone();
    for (int k = 0; k < options.directions; ++k) {
      const Tensor u = random_like(x, Random({options.seed, 1, i, static_cast<std::uint64_t>(k)}));
      const auto loss_at = [&](double step) {
        x.rows() = start.rows() + static_cast<Real>(step) * u.rows();
        return loss();
      };
      const double slope = (loss_at(options.eps) - loss_at(-options.eps)) / (2 * options.eps);
      x.rows() = start.rows();
      const double error = std::abs(slope - dot(gradient, u)) / (std::sqrt(dot(gradient, gradient)) + 1e-3);
      check(std::isfinite(error), "gradcheck: input ", i, " of shape ", x.shape(), " gives values that are not finite");
      worst = std::max(worst, error);
    }
  }
  for (const Tensor& x : inputs) x.zero_grad();
  const Index left = blocks_left_by(f);
  check(left <= 0, "gradcheck: each call of f leaves ", left,
        " block(s) of numbers in memory after its result is dropped; does a rule capture its own result y? record() "
        "hands y to a rule (dy, y)");
  return worst;
}

}  // namespace norma
