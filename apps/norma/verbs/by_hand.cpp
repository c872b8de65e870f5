#include "norma/apps/norma/verbs/by_hand.h"

#include <cmath>

namespace norma::by_hand {
namespace {

constexpr double kStep = 1e-5;  // of differences: smaller ones lose digits to rounding, larger ones to curvature

Channels example() {
  return {Channel{.x = {2, 9, 4, 5, 7, 4, 5, 4}, .dy = {2, 3, 0, -1, 1, 0, 3, 0}, .gamma = 3, .beta = 1},
          Channel{.x = {-6, 6, -2, -6, 2, -6, -2, -2}, .dy = {2, -1, 1, 0, -1, -1, 3, 1}, .gamma = 0.5, .beta = -1}};
}

void compute_statistics(Channel& c) {
  c.sum = c.squares = 0;
  for (double x : c.x) c.sum += x;
  c.mean = c.sum / kM;
  for (double x : c.x) c.squares += (x - c.mean) * (x - c.mean);
  c.variance = c.squares / kM;
  c.unbiased = c.squares / (kM - 1);
}

/// y from mean and variance, wherever these come from.
void normalise(Channel& c) {
  c.inv_std = 1 / std::sqrt(c.variance + kEps);
  for (std::size_t i = 0; i < kM; ++i) {
    c.distance[i] = c.x[i] - c.mean;
    c.x_hat[i] = c.distance[i] * c.inv_std;
    c.y[i] = c.gamma * c.x_hat[i] + c.beta;
  }
}

void go_back(Channel& c, bool stats_depend_on_x) {
  c.dbeta = c.dgamma = c.mean_g = c.mean_g_x_hat = c.sum_dx = c.sum_dx_x_hat = 0;
  for (std::size_t i = 0; i < kM; ++i) {
    c.dbeta += c.dy[i];
    c.dgamma += c.dy[i] * c.x_hat[i];
    c.g[i] = c.dy[i] * c.gamma;
    c.mean_g += c.g[i] / kM;
    c.mean_g_x_hat += c.g[i] * c.x_hat[i] / kM;
  }
  for (std::size_t i = 0; i < kM; ++i) {
    c.direct[i] = c.g[i] * c.inv_std;
    c.through_mean[i] = stats_depend_on_x ? -c.inv_std * c.mean_g : 0;
    c.through_variance[i] = stats_depend_on_x ? -c.inv_std * c.x_hat[i] * c.mean_g_x_hat : 0;
    c.dx[i] = c.direct[i] + c.through_mean[i] + c.through_variance[i];
    c.sum_dx += c.dx[i];
    c.sum_dx_x_hat += c.dx[i] * c.x_hat[i];
  }
}

/// sum dy y of a batch in train(): the loss whose gradient with respect to y is dy.
double loss(Channel c) {
  compute_statistics(c);
  normalise(c);
  double sum = 0;
  for (std::size_t i = 0; i < kM; ++i) sum += c.dy[i] * c.y[i];
  return sum;
}

/// (loss(number + h) - loss(number - h)) / 2h, for one of the numbers of c.
double slope(const Channel& c, double& number) {
  const double given = number;
  number = given + kStep;
  const double up = loss(c);
  number = given - kStep;
  const double down = loss(c);
  number = given;
  return (up - down) / (2 * kStep);
}

void measure(Channel& c) {
  for (std::size_t i = 0; i < kM; ++i) c.dx_measured[i] = slope(c, c.x[i]);
  c.dgamma_measured = slope(c, c.gamma);
  c.dbeta_measured = slope(c, c.beta);
}

}  // namespace

Channels in_train() {
  Channels channels = example();
  for (Channel& c : channels) {
    compute_statistics(c);
    normalise(c);
    go_back(c, true);
    measure(c);
  }
  return channels;
}

Channels in_eval(const Channels& train) {
  Channels channels = train;
  for (Channel& c : channels) {
    c.mean = (1 - kMomentum) * 0 + kMomentum * c.mean;
    c.variance = (1 - kMomentum) * 1 + kMomentum * c.unbiased;
    normalise(c);
    go_back(c, false);
  }
  return channels;
}

}  // namespace norma::by_hand
