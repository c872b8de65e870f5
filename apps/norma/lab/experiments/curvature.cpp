#include "norma/apps/norma/lab/experiments/curvature.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>

namespace norma::lab {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Flat = Eigen::Map<Eigen::VectorX<Real>>;
using ConstFlat = Eigen::Map<const Eigen::VectorX<Real>>;

Index numbers(const std::vector<Tensor>& parameters) {
  Index all = 0;
  for (const Tensor& p : parameters) all += p.size();
  return all;
}

}  // namespace

Weights values_of(const std::vector<Tensor>& parameters) {
  Weights all(numbers(parameters));
  Index at = 0;
  for (const Tensor& p : parameters) {
    all.segment(at, p.size()) = ConstFlat(p.rows().data(), p.size()).cast<double>();
    at += p.size();
  }
  return all;
}

Weights gradient_of(const std::vector<Tensor>& parameters) {
  Weights all = Weights::Zero(numbers(parameters));
  Index at = 0;
  for (const Tensor& p : parameters) {
    const Tensor& dp = p.grad();
    if (dp.defined()) all.segment(at, p.size()) = ConstFlat(dp.rows().data(), p.size()).cast<double>();
    at += p.size();
  }
  return all;
}

LossSurface::LossSurface(std::vector<Tensor> parameters, std::function<Tensor()> loss)
    : parameters_(std::move(parameters)), loss_(std::move(loss)), start_(values_of(parameters_)) {}

LossSurface::~LossSurface() {
  put(start_);  // from Real to double and back: the same bits
  for (const Tensor& p : parameters_) p.zero_grad();
}

void LossSurface::put(const Weights& w) {
  Index at = 0;
  for (Tensor& p : parameters_) {
    Flat(p.rows().data(), p.size()) = w.segment(at, p.size()).cast<Real>();
    at += p.size();
  }
}

LossSurface::Point LossSurface::at(const Weights& w) {
  const Point lost{kNaN, Weights::Constant(w.size(), kNaN)};
  put(w);
  for (const Tensor& p : parameters_) p.zero_grad();
  try {
    const Tensor loss = loss_();
    if (!std::isfinite(loss.item())) return lost;
    loss.backward();
    return {static_cast<double>(loss.item()), gradient_of(parameters_)};
  } catch (const NonFiniteError&) {
    return lost;
  }
}

Eigenvalue largest_eigenvalue(LossSurface& surface, Random random, const PowerIteration& options) {
  constexpr double kNothingNew = 1e-4;  // of |Hv|; differences of float gradients have about so many digits
  const Weights& w = surface.start();
  const double eps = options.eps * w.norm();
  Weights v(w.size());
  for (double& number : v) number = random.normal();
  v.normalize();
  Eigen::MatrixXd directions(w.size(), 0), curved(w.size(), 0);  // v and Hv of each iteration, as columns
  for (Index k = 1; k <= options.iterations; ++k) {
    const Weights above = surface.at(w + eps * v).gradient;
    const Weights hv = (above - surface.at(w - eps * v).gradient) / (2 * eps);
    options.progress();
    if (!hv.allFinite()) return {kNaN, kNaN};
    directions.conservativeResize(Eigen::NoChange, k);
    curved.conservativeResize(Eigen::NoChange, k);
    directions.col(k - 1) = v;
    curved.col(k - 1) = hv;
    v = hv;
    for (int twice = 0; twice < 2; ++twice)  // once loses digits where hv hardly leaves the old directions
      for (Index i = 0; i < k; ++i) v -= directions.col(i).dot(v) * directions.col(i);
    if (v.norm() <= kNothingNew * hv.norm()) break;
    v.normalize();
  }
  const Eigen::MatrixXd h = directions.transpose() * curved;  // H among the directions, but for rounding
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solved((h + h.transpose()) / 2);
  const double value = solved.eigenvalues()(h.rows() - 1);
  const Eigen::VectorXd best = solved.eigenvectors().col(h.rows() - 1);
  return {value, (curved * best - value * (directions * best)).norm() / std::abs(value)};
}

}  // namespace norma::lab
