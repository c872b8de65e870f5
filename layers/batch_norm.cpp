// Batch normalisation (Ioffe & Szegedy 2015, section 3). Each channel on its own; i runs over its m = N*H*W numbers:
//
//   mean = 1/m sum x_i             variance = 1/m sum (x_i - mean)^2           inv_std = 1/sqrt(variance + eps)
//   x_hat_i = (x_i - mean) inv_std                                             y_i = gamma x_hat_i + beta
//
// Backward. Given dy_i, the parameters are simple:  dbeta = sum dy_i,   dgamma = sum dy_i x_hat_i.
// For x, write g_i = dy_i gamma for the gradient of x_hat_i. A change of x_j reaches the loss in three ways:
//   1. through x_hat_j directly:                        g_j inv_std
//   2. through the mean, d mean/d x_j = 1/m, which lowers every x_hat_i by inv_std:
//                                                      -inv_std 1/m sum g_i
//   3. through the variance, d variance/d x_j = 2/m (x_j - mean), and d inv_std/d variance = -1/2 inv_std^3, so
//      d inv_std/d x_j = -1/m inv_std^2 x_hat_j, and every x_hat_i = (x_i - mean) inv_std changes with it:
//                                                      -inv_std x_hat_j 1/m sum g_i x_hat_i
//   (The mean inside the variance adds nothing: sum (x_i - mean) = 0.)
// Together, with sum g_i = gamma dbeta and sum g_i x_hat_i = gamma dgamma, the sums already at hand:
//
//   dx_j = gamma inv_std (dy_j - 1/m dbeta - x_hat_j 1/m dgamma)
//
// In words: of the gradient, the parts that would shift or stretch the whole channel are taken away, because batch norm
// would undo any such shift or stretch. In evaluation the statistics are constants and only the first term remains.
//
// Rounding. The arithmetic is in double and every result is rounded once, to float: no float lies nearer to the true
// value, except where a result is the small rest that a cancellation leaves. In float alone x - mean would cancel: with
// mean/std = 10^6 the rounding of the mean is already 6% of std.
// Statistics: Note [Stable in one pass], channel_stats.h. A constant channel gives x_hat = 0, y = beta, exactly.
#include "norma/layers/batch_norm.h"

#include <cmath>

#include "norma/core/parallel.h"

namespace norma {
namespace {

void check_arguments(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps) {
  check_eps("batch_norm", eps);
  check(x.rank() == 2 || x.rank() == 4, "batch_norm: x must be (N,C,H,W) or (N,C), got ", x.shape());
  check(stats.mean.size() == x.dim(1) && stats.variance.size() == x.dim(1), "batch_norm: x ", x.shape(), " needs ",
        x.dim(1), " means and variances, got ", stats.mean.size(), " and ", stats.variance.size());
  for (const auto& [name, p] : {std::pair("gamma", gamma), std::pair("beta", beta)})
    check(!p.defined() || p.shape() == Shape{x.dim(1)}, "batch_norm: x ", x.shape(), " needs ", name, " (", x.dim(1),
          "), got ", p.defined() ? p.shape() : Shape{});
}

Tensor normalise(const Tensor& x, const ChannelConstants& k) {
  Tensor y = Tensor::empty(x.shape());
  ArrayView out = y.pixels();
  const ConstArrayView in = x.pixels();
  const DoubleRow gamma_inv_std = k.gamma * k.inv_std;
  parallel_rows(in.rows(), [&](Index first, Index n) {
    for (Index i = first; i < first + n; ++i)
      out.row(i) = ((in.row(i).cast<double>() - k.mean) * gamma_inv_std + k.beta).cast<Real>();
  });
  return y;
}

ParameterGradients parameter_gradients(const Tensor& dy_tensor, const Tensor& x_tensor, const ChannelConstants& k) {
  const ConstArrayView dy = dy_tensor.pixels(), x = x_tensor.pixels();
  const Index channels = x.cols();
  const DoubleRow sums = column_sum(x.rows(), 2 * channels, [&](Index first, Index n) {
    DoubleRow part = DoubleRow::Zero(2 * channels);
    double *sum_dy = part.data(), *sum_dy_distance = sum_dy + channels;
    for (Index i = first; i < first + n; ++i) {
      const Real *dy_row = dy.row(i).data(), *x_row = x.row(i).data();
#pragma omp simd
      for (Index c = 0; c < channels; ++c) {
        const double slope = dy_row[c];
        sum_dy[c] += slope;
        sum_dy_distance[c] += slope * (x_row[c] - k.mean[c]);
      }
    }
    return part;
  });
  return {sums.head(channels), sums.tail(channels) * k.inv_std};
}

/// The derivation's last lines. In evaluation mean and variance are constants: dx keeps only its first term.
Tensor input_gradient(const Tensor& dy_tensor, const Tensor& x_tensor, const ChannelConstants& k,
                      const ParameterGradients& sums, double of_batch) {
  const ConstArrayView dy = dy_tensor.pixels(), x = x_tensor.pixels();
  const DoubleRow gamma_inv_std = k.gamma * k.inv_std, mean_dy = of_batch * sums.dbeta,
                  x_hat_slope = of_batch * sums.dgamma * k.inv_std;
  Tensor dx_tensor = Tensor::empty(x_tensor.shape());
  ArrayView dx = dx_tensor.pixels();
  parallel_rows(x.rows(), [&](Index first, Index n) {
    for (Index i = first; i < first + n; ++i)
      dx.row(i) =
          (gamma_inv_std * (dy.row(i).cast<double>() - (mean_dy + (x.row(i).cast<double>() - k.mean) * x_hat_slope)))
              .cast<Real>();
  });
  return dx_tensor;
}

Tensor batch_norm(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps,
                  bool stats_depend_on_x) {
  check_arguments(x, stats, gamma, beta, eps);
  const ChannelConstants k(stats, gamma, beta, eps);
  return record("batch_norm", normalise(x, k), {x, gamma, beta},
                [x, k, gamma = gamma.edge(), beta = beta.edge(), stats_depend_on_x](const Tensor& dy) {
                  accumulate_batch_norm(
                      x, gamma, beta, stats_depend_on_x, [&] { return parameter_gradients(dy, x, k); },
                      [&](const auto& sums, double of_batch) { return input_gradient(dy, x, k, sums, of_batch); });
                });
}

}  // namespace

Tensor batch_norm_train(const Tensor& x, const ChannelStats& of_x, const Tensor& gamma, const Tensor& beta,
                        double eps) {
  return batch_norm(x, of_x, gamma, beta, eps, true);
}

Tensor batch_norm_eval(const Tensor& x, const ChannelStats& fixed, const Tensor& gamma, const Tensor& beta,
                       double eps) {
  return batch_norm(x, fixed, gamma, beta, eps, false);
}

BatchNorm::BatchNorm(const char* name, int rank, Index num_features, BatchNormOptions options)
    : name_(name), rank_(rank), num_features_(num_features), options_(options) {
  check(num_features > 0, name, ": num_features must be positive, got ", num_features);
  check_eps(name, options.eps);
  if (options.momentum) check_momentum(name, *options.momentum);
  if (options.affine) {
    weight_ = parameter("weight", Tensor::full({num_features}, 1));
    bias_ = parameter("bias", Tensor({num_features}));
  }
  if (options.track_running_stats) {
    running_mean_ = buffer("running_mean", Tensor({num_features}));
    running_var_ = buffer("running_var", Tensor::full({num_features}, 1));
    num_batches_tracked_ = buffer("num_batches_tracked", Tensor::full({}, 0));
  }
}

Tensor BatchNorm::forward(const Tensor& x) {
  return forward_by(
      [](const Tensor& in, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps,
         bool of_batch) {
        return of_batch ? batch_norm_train(in, stats, gamma, beta, eps) : batch_norm_eval(in, stats, gamma, beta, eps);
      },
      x);
}

Tensor BatchNorm::forward_by(Normalise normalise, const Tensor& x) {
  check(x.rank() == rank_ && x.dim(1) == num_features_, "batch_norm: needs x (N,", num_features_,
        rank_ == 4 ? ",H,W)" : ")", ", got ", x.shape());
  if (x.size() == 0) {  // nothing to normalise and nothing to learn: any statistics do
    const DoubleRow zero = DoubleRow::Zero(num_features_);
    return batch_norm_eval(x, {zero, zero}, weight_, bias_, options_.eps);
  }
  if (!uses_batch()) return normalise(x, running_stats(), weight_, bias_, options_.eps, false);

  const Index m = x.pixels().rows();
  check(m > 1, "batch_norm: the statistics of a batch need more than 1 value per channel, got x ", x.shape(),
        "; use a larger batch, a larger image, or eval()");
  const ChannelStats batch = channel_stats(x);
  const bool finite = batch.mean.isFinite().all() && batch.variance.isFinite().all();
  if (options_.track_running_stats && options_.non_finite == NonFinite::error && !finite)
    throw NonFiniteError(join("batch_norm: x ", x.shape(), " holds NaN or infinity; the running statistics were kept"));
  Tensor y = normalise(x, batch, weight_, bias_, options_.eps, true);
  if (options_.track_running_stats && finite) update_running_stats(batch, static_cast<double>(m));
  return y;
}

void BatchNorm::update_running_stats(const ChannelStats& batch, double m) {
  num_batches_tracked_.pixels() += 1;
  const double momentum = options_.momentum.value_or(1 / static_cast<double>(num_batches_tracked_.item()));
  update_average(running_mean_, batch.mean, momentum);
  update_average(running_var_, batch.variance * (m / (m - 1)), momentum);
}

void BatchNorm::set_running_stats(const Moments& seen, Index batches) {
  check(options_.track_running_stats, name_, ": this layer keeps no running statistics");
  check(seen.count > 1, name_, ": running statistics need more than 1 value per channel, got ", seen.count);
  check(seen.mean.size() == num_features_, name_, ": num_features ", num_features_, " needs as many means, got ",
        seen.mean.size());
  if (!seen.mean.isFinite().all() || !seen.squares.isFinite().all())
    throw NonFiniteError(join(name_, ": NaN or infinity would enter the running statistics; they were kept"));
  reset_running_stats();
  num_batches_tracked_.pixels() = static_cast<Real>(batches);
  set_at_ = num_batches_tracked_.item();
  update_average(running_mean_, seen.mean, 1);
  update_average(running_var_, seen.squares / (seen.count - 1), 1);
}

std::optional<double> BatchNorm::batches_averaged() const {
  if (!options_.track_running_stats || (set_at_ && num_batches_tracked_.item() >= *set_at_)) return std::nullopt;
  return num_batches_tracked_.item();
}

ChannelStats BatchNorm::running_stats() const {
  check(options_.track_running_stats, name_, ": this layer keeps no running statistics");
  return {std::as_const(running_mean_).pixels().row(0).cast<double>(),
          std::as_const(running_var_).pixels().row(0).cast<double>()};
}

void BatchNorm::freeze(bool on) {
  check(options_.track_running_stats, name_, ": without running statistics there is nothing to freeze to");
  if (on == std::exchange(frozen_, on) || !options_.affine) return;
  if (on) {
    weight_was_trained_ = weight_.requires_grad();
    bias_was_trained_ = bias_.requires_grad();
  }
  weight_.requires_grad(!on && weight_was_trained_).zero_grad();
  bias_.requires_grad(!on && bias_was_trained_).zero_grad();
}

void BatchNorm::reset_running_stats() {
  if (!options_.track_running_stats) return;
  running_mean_.pixels().setZero();
  running_var_.pixels().setOnes();
  num_batches_tracked_.pixels().setZero();
  set_at_ = std::nullopt;
}

void BatchNorm::reset_parameters(Random) {
  reset_running_stats();
  reset_affine(weight_, bias_);
}

std::string BatchNorm::describe() const {
  const BatchNormOptions usual;
  std::string text = join(name_, "(", num_features_);
  if (options_.eps != usual.eps) text += join(", eps=", options_.eps);
  if (options_.momentum != usual.momentum)
    text += options_.momentum ? join(", momentum=", *options_.momentum) : ", momentum=none";
  if (!options_.affine) text += ", affine=false";
  if (!options_.track_running_stats) text += ", track_running_stats=false";
  if (frozen_) text += ", frozen";
  return text + ")";
}

}  // namespace norma
