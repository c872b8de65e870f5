// What the tests share. Header-only, for the float and the double build alike.
#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "norma/core/autograd.h"
#include "norma/core/check.h"
#include "norma/core/gradcheck.h"
#include "norma/core/ops.h"
#include "norma/core/random.h"
#include "norma/core/tensor.h"

namespace norma::test {

inline constexpr Real kNaN = std::numeric_limits<Real>::quiet_NaN();
inline constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

/// Normal numbers of the given mean and standard deviation; a function of shape and seed.
inline Tensor random_tensor(Shape shape, std::uint64_t seed, double mean = 0, double deviation = 1) {
  Random random({seed, static_cast<std::uint64_t>(shape.size())});
  std::vector<Real> values(static_cast<std::size_t>(shape.size()));
  for (Real& value : values) value = static_cast<Real>(mean + deviation * random.normal());
  return Tensor::from_values(shape, values);
}

/// The same, asking for a gradient.
inline Tensor random_leaf(Shape shape, std::uint64_t seed, double mean = 0, double deviation = 1) {
  return random_tensor(shape, seed, mean, deviation).requires_grad(true);
}

/// For tables of numbers that are not exact in float.
inline Tensor from_doubles(Shape shape, const std::vector<double>& values) {
  std::vector<Real> rounded;
  for (const double value : values) rounded.push_back(static_cast<Real>(value));
  return Tensor::from_values(shape, rounded);
}

inline std::vector<double> to_doubles(const Tensor& x) {
  const std::vector<Real> values = x.to_values();
  return {values.begin(), values.end()};
}

/// Largest |a - b|; NaN only if both are NaN at that place, otherwise infinite.
inline double max_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return std::numeric_limits<double>::infinity();
    if (!std::isnan(a[i])) worst = std::max(worst, a[i] == b[i] ? 0 : std::abs(a[i] - b[i]));
  }
  return worst;
}

/// Largest |a - b| in units of the largest |b|.
inline double max_relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 1e-30;
  for (const double value : b) largest = std::max(largest, std::abs(value));
  return max_difference(a, b) / largest;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return false;
  const std::vector<Real> left = a.to_values(), right = b.to_values();
  return left.empty() || std::memcmp(left.data(), right.data(), left.size() * sizeof(Real)) == 0;
}

/// The bytes of all tensors, one after the other.
inline std::string bytes_of(const NamedTensors& tensors) {
  std::string bytes;
  for (const auto& [name, tensor] : tensors) {
    const std::vector<Real> values = tensor.to_values();
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Real));
  }
  return bytes;
}

inline std::vector<std::string> names_of(const NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

/// Writes `values` into a parameter or buffer.
inline void set(Tensor tensor, const Tensor& values) { tensor.rows() = values.rows(); }

/// Runs f and expects an Error whose message holds every one of `parts`.
inline void expect_error(const std::function<void()>& f, std::initializer_list<std::string> parts) {
  try {
    f();
  } catch (const Error& error) {
    const std::string message = error.what();
    for (const std::string& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
    return;
  }
  ADD_FAILURE() << "no Error was thrown; expected one with '" << (parts.size() ? *parts.begin() : "") << "'";
}

/// Runs OpenMP with `threads` threads while it lives.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  ~ThreadCount() { omp_set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

inline constexpr int kThreadCounts[] = {1, 2, 3, 4, 8};

/// gradcheck, with the bound that a right gradient keeps in the double build.
inline void expect_gradient(const std::string& label, const std::function<Tensor()>& f,
                            const std::vector<Tensor>& inputs) {
  EXPECT_LE(gradcheck(f, inputs), 1e-6) << label;
}

}  // namespace norma::test
