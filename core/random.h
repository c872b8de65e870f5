// Random: counter-based random numbers.
//
// Number i of a stream is a hash of (stream, i), so a stream is named by what it is for (seed, epoch, image, ...) and
// needs no stored state: the augmentation of image 17 in epoch 3 is the same whoever asks, in whatever order.
// Idea: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". The hash is the finaliser of SplitMix64:
// Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators", figure 17.
#pragma once

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <numeric>
#include <vector>

#include "norma/core/types.h"

namespace norma {

class Random {
 public:
  /// The stream named by these numbers; their order matters.
  explicit Random(std::initializer_list<std::uint64_t> name) {
    for (std::uint64_t part : name) stream_ = mix(stream_ + kStep + mix(part + kStep));
  }

  /// 64 random bits.
  std::uint64_t bits() { return mix(stream_ + kStep * ++counter_); }
  /// Uniform in [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in {0, ..., n-1}; n > 0. (The bias of taking a remainder of 64 bits is below n / 2^64.)
  Index below(Index n) { return static_cast<Index>(bits() % static_cast<std::uint64_t>(n)); }
  /// Standard normal, by Box and Muller 1958.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  /// A random order of 0, ..., n-1 (Fisher-Yates).
  std::vector<Index> permutation(Index n) {
    std::vector<Index> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), Index{0});
    for (Index i = n; i > 1; --i)
      std::swap(order[static_cast<std::size_t>(i - 1)], order[static_cast<std::size_t>(below(i))]);
    return order;
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t stream_ = 0;
  std::uint64_t counter_ = 0;
};

}  // namespace norma
