// The largest eigenvalue of a Hessian by power iteration, where it is known; and what LossSurface leaves behind.
#include "norma/apps/norma/lab/experiments/curvature.h"

#include <Eigen/Eigenvalues>

#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

using lab::Eigenvalue;
using lab::largest_eigenvalue;
using lab::LossSurface;

/// A symmetric matrix with these eigenvalues: a reflection makes the axes directions that no coordinate has.
Eigen::MatrixXd with_eigenvalues(const Eigen::VectorXd& values) {
  const Eigen::VectorXd normal = Eigen::VectorXd::LinSpaced(values.size(), 1, 2).normalized();
  const Eigen::MatrixXd mirror =
      Eigen::MatrixXd::Identity(values.size(), values.size()) - 2 * normal * normal.transpose();
  return mirror * values.asDiagonal() * mirror;
}

/// w'Hw / 2, w being the numbers of all parameters.
Tensor quadratic(const Eigen::MatrixXd& hessian, const std::vector<Tensor>& parameters) {
  const Eigen::VectorXd w = lab::values_of(parameters), slope = hessian * w;
  return record("quadratic", Tensor::full({}, static_cast<Real>(0.5 * w.dot(slope))), parameters,
                [parameters, slope](const Tensor& dy) {
                  Index at = 0;
                  for (const Tensor& p : parameters) {
                    Tensor dp = Tensor::empty(p.shape());
                    for (Index i = 0; i < p.size(); ++i)
                      dp.rows().data()[i] = static_cast<Real>(slope[at + i]) * dy.item();
                    at += p.size();
                    p.accumulate_grad(dp);
                  }
                });
}

Eigenvalue of_quadratic(const Eigen::VectorXd& values, int iterations) {
  const std::vector<Tensor> parameters{random_leaf({3}, 1), random_leaf({2, 2}, 2)};
  const Eigen::MatrixXd hessian = with_eigenvalues(values);
  LossSurface surface(parameters, [&] { return quadratic(hessian, parameters); });
  return largest_eigenvalue(surface, Random({5}), {.iterations = iterations});
}

TEST(LargestEigenvalue, OfAQuadraticForm) {
  const Eigenvalue top = of_quadratic(Eigen::VectorXd{{0.1, 40, -3, 7, 25, 0, 2}}, 20);
  EXPECT_NEAR(top.value, 40, 0.04);
  EXPECT_LT(top.residual, 0.01);
}

TEST(LargestEigenvalue, IsTheLargestThoughANegativeOneIsFartherFromZero) {
  EXPECT_NEAR(of_quadratic(Eigen::VectorXd{{0.1, 10, -30, 7, 5, 0, 2}}, 20).value, 10, 0.01);
}

TEST(LargestEigenvalue, TheResidualTellsThatItHasNotConverged) {
  const Eigen::VectorXd values{{1, 40, 2, 39, 38, 30, 3}};
  const Eigenvalue early = of_quadratic(values, 2);
  EXPECT_GT(early.residual, 0.02);
  double nearest = 1e30;
  for (const double value : values) nearest = std::min(nearest, std::abs(value - early.value));
  EXPECT_LE(nearest, early.residual * std::abs(early.value));
}

TEST(LargestEigenvalue, OfALinearClassifier) {
  constexpr Index kImages = 40, kInputs = 6, kClasses = 4;
  const Tensor x = random_tensor({kImages, kInputs}, 1, 0.5);
  std::vector<int> labels;
  for (int i = 0; i < kImages; ++i) labels.push_back(i % kClasses);
  Linear model(kInputs, kClasses, {.bias = false});
  model.reset_parameters(Random({3}));

  // H is the mean over images of (diag(p) - p p') (x) (x x'), p their probabilities: Boehning 1992, "Multinomial logistic
  // regression algorithm", section 2.
  const Eigen::MatrixXd inputs = x.rows().cast<double>().matrix();
  Eigen::MatrixXd p = (inputs * model.parameters()[0].rows().cast<double>().matrix().transpose()).array().exp();
  Eigen::MatrixXd hessian = Eigen::MatrixXd::Zero(kClasses * kInputs, kClasses * kInputs);
  for (Index n = 0; n < kImages; ++n) {
    p.row(n) /= p.row(n).sum();
    for (Index a = 0; a < kClasses; ++a)
      for (Index b = 0; b < kClasses; ++b)
        hessian.block(a * kInputs, b * kInputs, kInputs, kInputs) +=
            p(n, a) * ((a == b ? 1 : 0) - p(n, b)) / kImages * inputs.row(n).transpose() * inputs.row(n);
  }
  const double expected = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(hessian).eigenvalues().maxCoeff();

  LossSurface surface(model.parameters(), [&] { return cross_entropy(model.forward(x), labels); });
  const Eigenvalue top = largest_eigenvalue(surface, Random({5}), {.iterations = 40});
  EXPECT_NEAR(top.value, expected, 0.01 * expected);
}

TEST(LossSurface, LeavesTheParametersAsTheyWere) {
  const std::vector<Tensor> parameters{random_leaf({3}, 1, 0, 1e-3), random_leaf({2, 2}, 2, 0, 1e6)};
  const std::vector<Tensor> before{parameters[0].clone(), parameters[1].clone()};
  {
    LossSurface surface(parameters, [&] { return quadratic(Eigen::MatrixXd::Identity(7, 7), parameters); });
    const LossSurface::Point there = surface.at(surface.start() / 3);
    EXPECT_LT((there.gradient - surface.start() / 3).norm(), 1e-6 * surface.start().norm());
    EXPECT_FALSE(same_bits(parameters[1], before[1]));
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(same_bits(parameters[i], before[i])) << i;
    EXPECT_FALSE(parameters[i].grad().defined()) << i;
  }
}

TEST(LossSurface, ALossThatIsNotFiniteIsNaN) {
  const std::vector<Tensor> parameters{random_leaf({3}, 1)};
  LossSurface surface(parameters, [&]() -> Tensor { throw NonFiniteError("as batch norm does"); });
  EXPECT_TRUE(std::isnan(surface.at(surface.start()).loss));
  EXPECT_TRUE(std::isnan(largest_eigenvalue(surface, Random({5})).value));
  LossSurface infinite(parameters, [&] { return scale(sum(parameters[0]), kInfinity); });
  EXPECT_TRUE(std::isnan(infinite.at(infinite.start()).gradient[0]));
}

}  // namespace
}  // namespace norma::test
