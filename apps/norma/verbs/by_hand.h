// Batch norm by hand: the example of `norma explain bn`, and gradients that are measured instead of computed. All in double
// and in plain loops over the numbers of a std::valarray, with nothing of the layer that they check.
#pragma once

#include <cmath>
#include <valarray>

namespace norma::by_hand {

constexpr double kM = 8;  // m = N*H*W with N = H = W = 2
constexpr double kEps = 1e-5, kMomentum = 0.1;
constexpr double kStep = 1e-5;  // of differences: smaller ones lose digits to rounding, larger ones to curvature
constexpr std::size_t kPixels = 8, kChannels = 2;

/// One number for each pixel of channel 0, image 0 row by row, then image 1, and the same of channel 1. A number of a whole
/// channel stands at each of its pixels.
using Numbers = std::valarray<double>;

inline Numbers of_channels(double channel_0, double channel_1) {
  Numbers all(channel_0, kChannels * kPixels);
  all[std::slice(kPixels, kPixels, 1)] = channel_1;
  return all;
}

/// Over the pixels of a channel.
inline Numbers sum(const Numbers& v) {
  return of_channels(Numbers(v[std::slice(0, kPixels, 1)]).sum(), Numbers(v[std::slice(kPixels, kPixels, 1)]).sum());
}

struct Example {
  Numbers x{2, 9, 4, 5, 7, 4, 5, 4, -6, 6, -2, -6, 2, -6, -2, -2};
  Numbers dy{2, 3, 0, -1, 1, 0, 3, 0, 2, -1, 1, 0, -1, -1, 3, 1};
  Numbers gamma = of_channels(3, 0.5), beta = of_channels(1, -1);
};

/// sum dy y of a batch in train(): the loss whose gradient with respect to y is dy.
inline double loss(const Example& e) {
  const Numbers mean = sum(e.x) / kM, variance = sum(std::pow(e.x - mean, 2.0)) / kM;
  return Numbers(e.dy * (e.gamma * (e.x - mean) / std::sqrt(variance + kEps) + e.beta)).sum();
}

/// (loss(v + h) - loss(v - h)) / 2h for each number v of a member of e; for numbers of a channel with all of its pixels.
inline Numbers measured(const Example& e, Numbers Example::*member, bool of_channel) {
  Numbers slopes(e.x.size());
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    const std::slice moved = of_channel ? std::slice(i - i % kPixels, kPixels, 1) : std::slice(i, 1, 1);
    Example up = e, down = e;
    (up.*member)[moved] += Numbers(kStep, moved.size());
    (down.*member)[moved] -= Numbers(kStep, moved.size());
    slopes[i] = (loss(up) - loss(down)) / (2 * kStep);
  }
  return slopes;
}

}  // namespace norma::by_hand
