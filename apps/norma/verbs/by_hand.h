// Batch norm by hand: the numbers of `norma explain bn`, with the formulas and letters of layers/batch_norm.cpp, but in
// double and in plain loops, so that they check the layer instead of repeating it.
#pragma once

#include <array>
#include <cstddef>

namespace norma::by_hand {

constexpr std::size_t kM = 8;  // m = N*H*W with N = H = W = 2
constexpr double kEps = 1e-5, kMomentum = 0.1;

/// One number for each pixel: image 0 row by row, then image 1.
using Numbers = std::array<double, kM>;

/// What is given of a channel, and all that follows from it.
struct Channel {
  Numbers x, dy;
  double gamma, beta;
  // Forward
  double sum = 0, mean = 0, squares = 0, variance = 0, unbiased = 0, inv_std = 0;
  Numbers distance{}, x_hat{}, y{};
  // Backward
  double dbeta = 0, dgamma = 0, mean_g = 0, mean_g_x_hat = 0, sum_dx = 0, sum_dx_x_hat = 0;
  Numbers g{}, direct{}, through_mean{}, through_variance{}, dx{};
  // Differences of the loss
  double dbeta_measured = 0, dgamma_measured = 0;
  Numbers dx_measured{};
};
using Channels = std::array<Channel, 2>;

/// The worked example: a batch in train(), forward and backward.
Channels in_train();
/// The same x and dy in eval(), after the running averages have taken that batch.
Channels in_eval(const Channels& train);

}  // namespace norma::by_hand
