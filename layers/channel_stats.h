// Mean and variance of channels, and what else all normalisation layers share.
//
// Note [Stable in one pass]
//   The textbook's one-pass formula, E[x^2] - E[x]^2, loses everything when the mean is large against the deviation: at
//   mean/std = 10^4 float has no digit of the variance left. Here every block of at most 1024 rows is measured from its
//   first row, with d = x - origin in double:
//     mean = origin + sum d / n          squares = sum (x - mean)^2 = sum d^2 - (sum d)^2 / n
//   and blocks are merged by Chan's formula. What the subtraction loses is bounded: the origin is itself one of the n
//   numbers, so it lies at most sqrt(n) standard deviations from their mean, and sum d^2 is at most n + 1 times squares.
//   Of the 53 bits of a double 10 can be lost, and squares stays positive; a float has 24. A constant channel has d = 0, hence exactly its value as
//   mean and exactly 0 as variance. Sums of finite floats do not overflow a double.
#pragma once

#include <cmath>
#include <type_traits>

#include "norma/core/tensor.h"

namespace norma {

/// Mean and biased variance (divided by the count, not by count - 1) of every channel, kept in double.
struct ChannelStats {
  DoubleRow mean, variance;
};

/// Throws Error, led by `who`, unless eps is positive and finite.
void check_eps(const char* who, double eps);
/// Throws Error, led by `who`, unless momentum, the weight of the new batch, lies in [0,1].
void check_momentum(const char* who, double momentum);
/// Puts gamma and beta, where defined, to their start: 1 and 0.
void reset_affine(Tensor weight, Tensor bias);

/// 1/sqrt(variance + eps) for a row or table of variances. Number by number: Eigen's rsqrt() of eight doubles at once rounds
/// differently from that of the few left at the end, and how many images there are would decide which those are.
template <class Variances>
typename Variances::PlainObject inverse_std(const Variances& variance, double eps) {
  return variance.unaryExpr([eps](double v) { return 1 / std::sqrt(v + eps); });
}

/// What is known of the channels of x: x_hat = (x - mean) * inv_std, y = gamma * x_hat + beta. gamma and beta, (C), may be not
/// defined: 1 and 0.
struct ChannelConstants {
  DoubleRow mean, inv_std, gamma, beta;
  ChannelConstants(const ChannelStats& stats, const Tensor& weight, const Tensor& bias, double eps);
};

/// dbeta = sum dy and dgamma = sum dy x_hat, channel by channel.
struct ParameterGradients {
  DoubleRow dbeta, dgamma;
};

/// Hands on the gradients of batch norm, each where it is wanted: those of gamma and beta, which sums() computes, and dx =
/// input_gradient(sums, of_batch), where of_batch is 1/m, or 0 where the statistics do not depend on x.
template <class Sums, class InputGradient>
void accumulate_batch_norm(const Tensor& x, const Edge& gamma, const Edge& beta, bool stats_depend_on_x,
                           const Sums& sums, const InputGradient& input_gradient) {
  const auto as_tensor = [](const DoubleRow& row) {
    Tensor t = Tensor::empty({row.size()});
    t.pixels().row(0) = row.cast<Real>();
    return t;
  };
  ParameterGradients of_parameters{DoubleRow::Zero(x.dim(1)), DoubleRow::Zero(x.dim(1))};
  if (stats_depend_on_x || gamma.requires_grad() || beta.requires_grad()) of_parameters = sums();
  const double of_batch = stats_depend_on_x ? 1 / static_cast<double>(x.pixels().rows()) : 0;
  if (x.requires_grad()) x.accumulate_grad(input_gradient(of_parameters, of_batch));
  if (gamma.requires_grad()) gamma.accumulate_grad(as_tensor(of_parameters.dgamma));
  if (beta.requires_grad()) beta.accumulate_grad(as_tensor(of_parameters.dbeta));
}

/// Count, mean, and sum of squared distances from the mean, of the rows seen so far, channel by channel.
struct Moments {
  double count = 0;
  DoubleRow mean, squares;

  /// Adds the moments of further rows: Chan, Golub, LeVeque 1979, "Updating formulae", equation 2.1.
  void merge(const Moments& more);
};

/// running = (1 - momentum) * running + momentum * value; at most the largest Real, which the variance of huge numbers exceeds.
void update_average(Tensor& running, const DoubleRow& value, double momentum);

/// Calls visit(first, count) for neighbouring rows in fours, then one by one; count is an integral_constant. Sums over
/// rows stand in memory, and to load and store them takes longer than to add: this way they are once for four rows. Long
/// rows come one by one: four of them are more sequences of addresses than a processor foresees.
template <class Visit>
void in_fours(Index first, Index n, Index channels, const Visit& visit) {
  Index i = first;
  if (channels <= 64)
    for (; i + 4 <= first + n; i += 4) visit(i, std::integral_constant<int, 4>{});
  for (; i < first + n; ++i) visit(i, std::integral_constant<int, 1>{});
}

/// Moments of a few rows, on this thread: Note [Stable in one pass]. No rows give a count of 0.
Moments moments_of_rows(const ConstArrayView& x, Index first, Index n);

/// Moments of all m = N*H*W pixels of x, (N,C,H,W) or (N,C), in blocks that threads share. One pass over memory.
Moments channel_moments(const Tensor& x);

/// Mean and variance of them. Throws Error if m is 0.
ChannelStats channel_stats(const Tensor& x);

}  // namespace norma
