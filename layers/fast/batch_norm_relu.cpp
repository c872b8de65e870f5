// z_i = max(y_i, 0),   y_i = gamma (x_i - mean) inv_std + beta        (the derivation of y: layers/batch_norm.cpp)
//
// dz_i reaches y_i where y_i > 0 and is lost elsewhere. So with dy_i = dz_i where y_i > 0, else 0, everything is as
// without a ReLU:
//   dbeta = sum dy_i     dgamma = sum dy_i x_hat_i     dx_i = gamma inv_std (dy_i - 1/m dbeta - x_hat_i 1/m dgamma)
// y_i is computed again from x_i, which these passes read anyway. Alone, relu reads y and writes z, and reads y and dz
// and writes dy: batch norm and ReLU are as slow as memory is, and this takes five of the thirteen passes away.
#include "norma/layers/fast/batch_norm_relu.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "norma/core/parallel.h"

namespace norma::fast {
namespace {

/// What the loops need to know of the channels, as plain pointers.
struct Constants {
  const double *mean, *gamma_inv_std, *beta;
  static constexpr double kRoundsToZero = double{std::numeric_limits<Real>::denorm_min()} / 2;  // the largest such y

  double y(Real x, Index c) const { return (x - mean[c]) * gamma_inv_std[c] + beta[c]; }
  /// The gradient of y: dz where y is positive (or NaN, as relu() has it), else 0. It is computed with bits because
  /// compilers make a jump of `y <= 0 ? 0 : dz`, and then no vectors.
  double dy(Real dz, Real x, Index c) const {
    const std::uint64_t all_if_kept = -std::uint64_t{!(y(x, c) <= kRoundsToZero)};
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(double{dz}) & all_if_kept);
  }
};

/// Compilers load dz under a mask that depends on x, and processors do not foresee such loads. By lines of 64 bytes.
void fetch_ahead(const Real* dz, Index channels) {
  for (Index c = 0; c < channels; c += 64 / sizeof(Real)) __builtin_prefetch(dz + 1024 + c);
}

/// The tensor that row(constants, channels, i, row i of x, row i of it) writes.
template <class Row>
Tensor row_by_row(const Tensor& x_tensor, const ChannelConstants& of_x, const Row& row) {
  Tensor out_tensor = Tensor::empty(x_tensor.shape());
  const ConstArrayView x = x_tensor.pixels();
  ArrayView out = out_tensor.pixels();
  const DoubleRow gamma_inv_std = of_x.gamma * of_x.inv_std;
  parallel_rows(x.rows(), [&](Index first, Index n) {
    const Constants k{of_x.mean.data(), gamma_inv_std.data(), of_x.beta.data()};
    for (Index i = first; i < first + n; ++i) row(k, x.cols(), i, x.row(i).data(), out.row(i).data());
  });
  return out_tensor;
}

Tensor normalise(const Tensor& x, const ChannelConstants& of_x) {
  return row_by_row(x, of_x, [](const Constants& k, Index channels, Index, const Real* x_row, Real* z_row) {
#pragma omp simd
    for (Index c = 0; c < channels; ++c) {
      const Real y = static_cast<Real>(k.y(x_row[c], c));
      z_row[c] = y < 0 ? Real{0} : y;
    }
  });
}

ParameterGradients parameter_gradients(const Tensor& dz_tensor, const Tensor& x_tensor, const ChannelConstants& of_x) {
  const ConstArrayView dz = dz_tensor.pixels(), x = x_tensor.pixels();
  const Index channels = x.cols();
  const DoubleRow gamma_inv_std = of_x.gamma * of_x.inv_std;
  const DoubleRow sums = column_sum(x.rows(), 2 * channels, [&](Index first, Index n) {
    const Constants k{of_x.mean.data(), gamma_inv_std.data(), of_x.beta.data()};
    DoubleRow part = DoubleRow::Zero(2 * channels);
    double *sum_dy = part.data(), *sum_dy_distance = sum_dy + channels;
    in_fours(first, n, channels, [&](Index i, auto rows) {
      const Real *dz_rows = dz.row(i).data(), *x_rows = x.row(i).data();
      fetch_ahead(dz_rows, rows * channels);
#pragma omp simd
      for (Index c = 0; c < channels; ++c) {
        double sum = sum_dy[c], sum_distance = sum_dy_distance[c];
        for (int r = 0; r < rows; ++r) {
          const Index at = r * channels + c;
          const double dy = k.dy(dz_rows[at], x_rows[at], c);
          sum += dy;
          sum_distance += dy * (x_rows[at] - k.mean[c]);
        }
        sum_dy[c] = sum;
        sum_dy_distance[c] = sum_distance;
      }
    });
    return part;
  });
  return {sums.head(channels), sums.tail(channels) * of_x.inv_std};
}

Tensor input_gradient(const Tensor& dz_tensor, const Tensor& x, const ChannelConstants& of_x,
                      const ParameterGradients& sums, double of_batch) {
  const ConstArrayView dz = dz_tensor.pixels();
  const DoubleRow mean_dy = of_batch * sums.dbeta, x_hat_slope = of_batch * sums.dgamma * of_x.inv_std;
  return row_by_row(x, of_x, [&](const Constants& k, Index channels, Index i, const Real* x_row, Real* dx_row) {
    const double *mean_slope = mean_dy.data(), *stretch = x_hat_slope.data();
    const Real* dz_row = dz.row(i).data();
    fetch_ahead(dz_row, channels);
#pragma omp simd
    for (Index c = 0; c < channels; ++c) {
      const double undone = mean_slope[c] + (x_row[c] - k.mean[c]) * stretch[c];
      dx_row[c] = static_cast<Real>(k.gamma_inv_std[c] * (k.dy(dz_row[c], x_row[c], c) - undone));
    }
  });
}

}  // namespace

Tensor batch_norm_relu(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps,
                       bool stats_depend_on_x) {
  const ChannelConstants k(stats, gamma, beta, eps);
  return record("batch_norm_relu", normalise(x, k), {x, gamma, beta},
                [x, k, gamma = gamma.edge(), beta = beta.edge(), stats_depend_on_x](const Tensor& dz) {
                  accumulate_batch_norm(
                      x, gamma, beta, stats_depend_on_x, [&] { return parameter_gradients(dz, x, k); },
                      [&](const auto& sums, double of_batch) { return input_gradient(dz, x, k, sums, of_batch); });
                });
}

}  // namespace norma::fast
