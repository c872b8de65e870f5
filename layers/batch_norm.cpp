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
// Rounding. x - mean cancels: with mean/std = 10^6, a mean rounded to float alone is wrong by 6% of std. So statistics
// are kept in double and the mean is used as a sum of two Reals, ((x - high) - low): the first difference is exact
// for x near the mean (Sterbenz's lemma). A constant channel gives x_hat = 0, y = beta, exactly.
#include "layers/batch_norm.h"

#include <cmath>

#include "core/parallel.h"

namespace norma {
namespace {

/// Count, mean and sum of squared distances from the mean, of some rows.
struct Moments {
  double count = 0;
  DoubleRow mean, squares;
};

/// Moments of both sets of rows together: Chan, Golub, LeVeque 1979, "Updating formulae", equation 2.1.
void merge(Moments& all, const Moments& more) {
  if (all.count == 0) {
    all = more;
    return;
  }
  const double count = all.count + more.count;
  const DoubleRow delta = more.mean - all.mean;
  all.mean += delta * (more.count / count);
  all.squares += more.squares + delta.square() * (all.count * more.count / count);
  all.count = count;
}

/// Rounding may leave -1e-20 for 0. NaN stays NaN.
DoubleRow not_negative(const DoubleRow& row) { return (row < 0).select(0, row); }

/// A few rows, measured from the first of them: distances are small where values are alike, exactly 0 where constant.
Moments moments_of_tile(const ConstArrayView& x, Index first, Index n) {
  const Row origin = x.row(first);
  DoubleRow sum = DoubleRow::Zero(x.cols()), squares = DoubleRow::Zero(x.cols());
  for (Index i = first + 1; i < first + n; ++i) {
    sum += (x.row(i) - origin).cast<double>();
    squares += (x.row(i) - origin).cast<double>().square();
  }
  const double count = static_cast<double>(n);
  const DoubleRow shift = sum / count;
  return {count, origin.cast<double>() + shift, not_negative(squares - count * shift.square())};
}

/// What normalising needs, as Reals: x_hat = ((x - mean_high) - mean_low) * inv_std.
struct Normaliser {
  Row mean_high, mean_low, inv_std;

  Normaliser(const ChannelStats& stats, double eps)
      : mean_high(stats.mean.cast<Real>()),
        mean_low((stats.mean - mean_high.cast<double>()).cast<Real>()),
        inv_std((stats.variance + eps).rsqrt().cast<Real>()) {}

  /// Row i of x_hat, as an expression.
  auto x_hat(const ConstArrayView& x, Index i) const { return ((x.row(i) - mean_high) - mean_low) * inv_std; }
};

/// eps must be > 0, and 1/sqrt(eps), the inv_std of a constant channel, must fit a Real.
bool usable(double eps) {
  return eps > 0 && std::isfinite(eps) && std::isfinite(static_cast<Real>(1 / std::sqrt(eps)));
}

void check_arguments(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps) {
  check(usable(eps), "batch_norm: eps must be positive and of usable size, got ", eps);
  check(x.rank() == 2 || x.rank() == 4, "batch_norm: x must be (N,C,H,W) or (N,C), got ", x.shape());
  check(stats.mean.size() == x.dim(1) && stats.variance.size() == x.dim(1), "batch_norm: x ", x.shape(), " needs ",
        x.dim(1), " means and variances, got ", stats.mean.size(), " and ", stats.variance.size());
  for (const auto& [name, p] : {std::pair("gamma", gamma), std::pair("beta", beta)})
    check(!p.defined() || p.shape() == Shape{x.dim(1)}, "batch_norm: x ", x.shape(), " needs ", name, " (", x.dim(1),
          "), got ", p.defined() ? p.shape() : Shape{});
}

Row row_or(const Tensor& parameter, Index columns, Real otherwise) {
  return parameter.defined() ? Row(parameter.pixels().row(0)) : Row::Constant(columns, otherwise);
}

Tensor normalise(const Tensor& x, const Normaliser& n, const Tensor& gamma, const Tensor& beta) {
  Tensor y = Tensor::empty(x.shape());
  ArrayView out = y.pixels();
  const ConstArrayView in = x.pixels();
  const Row weight = row_or(gamma, in.cols(), 1), bias = row_or(beta, in.cols(), 0);
  parallel_rows(in.rows(), [&](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) out.row(i) = n.x_hat(in, i) * weight + bias;
  });
  return y;
}

/// The derivation's last lines. In evaluation mean and variance are constants: dx keeps only its first term.
void batch_norm_backward(const Tensor& dy_tensor, const Tensor& x_tensor, const Normaliser& n, const Tensor& gamma,
                         const Tensor& beta, bool stats_depend_on_x) {
  const ConstArrayView dy = dy_tensor.pixels(), x = x_tensor.pixels();
  const Index channels = x.cols();
  const double m = static_cast<double>(x.rows());

  const DoubleRow sums = column_sum(x.rows(), 2 * channels, [&](Index first, Index count) {
    Row part = Row::Zero(2 * channels);
    for (Index i = first; i < first + count; ++i) {
      part.head(channels) += dy.row(i);
      part.tail(channels) += dy.row(i) * n.x_hat(x, i);
    }
    return part;
  });
  const DoubleRow dbeta = sums.head(channels), dgamma = sums.tail(channels);

  if (x_tensor.requires_grad()) {
    const Row gamma_inv_std = row_or(gamma, channels, 1) * n.inv_std;
    const Row mean_dy = stats_depend_on_x ? Row((dbeta / m).cast<Real>()) : Row::Zero(channels);
    const Row mean_dy_x_hat = stats_depend_on_x ? Row((dgamma / m).cast<Real>()) : Row::Zero(channels);
    Tensor dx_tensor = Tensor::empty(x_tensor.shape());
    ArrayView dx = dx_tensor.pixels();
    parallel_rows(x.rows(), [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i)
        dx.row(i) = gamma_inv_std * (dy.row(i) - mean_dy - n.x_hat(x, i) * mean_dy_x_hat);
    });
    x_tensor.accumulate_grad(std::move(dx_tensor));
  }
  const auto pass_on = [](const Tensor& parameter, const DoubleRow& gradient) {
    if (!parameter.defined()) return;
    Tensor g = Tensor::empty(parameter.shape());
    g.pixels().row(0) = gradient.cast<Real>();
    parameter.accumulate_grad(std::move(g));
  };
  pass_on(gamma, dgamma);
  pass_on(beta, dbeta);
}

Tensor batch_norm(const Tensor& x, const ChannelStats& stats, const Tensor& gamma, const Tensor& beta, double eps,
                  bool stats_depend_on_x) {
  check_arguments(x, stats, gamma, beta, eps);
  const Normaliser n(stats, eps);
  return record("batch_norm", normalise(x, n, gamma, beta), {x, gamma, beta},
                [x, n, gamma, beta, stats_depend_on_x](const Tensor& dy) {
                  batch_norm_backward(dy, x, n, gamma, beta, stats_depend_on_x);
                });
}

}  // namespace

ChannelStats channel_stats(const Tensor& x) {
  constexpr Index kTileRows = 64;
  check(x.rank() == 2 || x.rank() == 4, "channel_stats: x must be (N,C,H,W) or (N,C), got ", x.shape());
  const ConstArrayView in = x.pixels();
  check(in.rows() > 0, "channel_stats: an empty batch has no statistics, got x ", x.shape());
  std::vector<Moments> parts(static_cast<std::size_t>(blocks_of(in.rows(), kBlockRows)));
  parallel_blocks(in.rows(), kBlockRows, [&](Index first, Index n, Index block) {
    for (Index i = first; i < first + n; i += kTileRows)
      merge(parts[static_cast<std::size_t>(block)], moments_of_tile(in, i, std::min(kTileRows, first + n - i)));
  });
  Moments all;
  for (const Moments& part : parts) merge(all, part);
  return {all.mean, all.squares / all.count};
}

Tensor batch_norm_train(const Tensor& x, const ChannelStats& of_x, const Tensor& gamma, const Tensor& beta,
                        double eps) {
  return batch_norm(x, of_x, gamma, beta, eps, true);
}

Tensor batch_norm_eval(const Tensor& x, const ChannelStats& fixed, const Tensor& gamma, const Tensor& beta,
                       double eps) {
  return batch_norm(x, fixed, gamma, beta, eps, false);
}

BatchNorm2d::BatchNorm2d(Index num_features, BatchNormOptions options)
    : num_features_(num_features), options_(options) {
  check(num_features > 0, "BatchNorm2d: num_features must be positive, got ", num_features);
  check(usable(options.eps), "BatchNorm2d: eps must be positive and of usable size, got ", options.eps);
  check(!options.momentum || (*options.momentum >= 0 && *options.momentum <= 1),
        "BatchNorm2d: momentum, the weight of the new batch, must lie in [0,1], got ", options.momentum.value_or(0));
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

Tensor BatchNorm2d::forward(const Tensor& x) {
  check(x.rank() == 4 && x.dim(1) == num_features_, "batch_norm: needs x (N,", num_features_, ",H,W), got ", x.shape());
  const bool use_batch = training() || !options_.track_running_stats;
  if (!use_batch || x.size() == 0) {  // of an empty batch there is nothing to normalise and nothing to learn
    const ChannelStats running =
        options_.track_running_stats
            ? ChannelStats{running_mean_.pixels().row(0).cast<double>(), running_var_.pixels().row(0).cast<double>()}
            : ChannelStats{DoubleRow::Zero(num_features_), DoubleRow::Ones(num_features_)};
    return batch_norm_eval(x, running, weight_, bias_, options_.eps);
  }
  const Index m = x.pixels().rows();
  check(m > 1, "batch_norm: the statistics of a batch need more than 1 value per channel, got x ", x.shape(),
        "; use a larger batch, a larger image, or eval()");
  const ChannelStats batch = channel_stats(x);
  Tensor y = batch_norm_train(x, batch, weight_, bias_, options_.eps);
  if (options_.track_running_stats) update_running_stats(batch, static_cast<double>(m));
  return y;
}

void BatchNorm2d::update_running_stats(const ChannelStats& batch, double m) {
  num_batches_tracked_.pixels() += 1;
  const double momentum = options_.momentum.value_or(1 / static_cast<double>(num_batches_tracked_.item()));
  const auto take = [momentum](Tensor& running, const DoubleRow& value) {
    running.pixels().row(0) = ((1 - momentum) * running.pixels().row(0).cast<double>() + momentum * value).cast<Real>();
  };
  take(running_mean_, batch.mean);
  take(running_var_, batch.variance * (m / (m - 1)));
}

void BatchNorm2d::reset_running_stats() {
  if (!options_.track_running_stats) return;
  running_mean_.pixels().setZero();
  running_var_.pixels().setOnes();
  num_batches_tracked_.pixels().setZero();
}

void BatchNorm2d::reset_parameters(Random) {
  reset_running_stats();
  if (!options_.affine) return;
  weight_.pixels().setOnes();
  bias_.pixels().setZero();
}

std::string BatchNorm2d::describe() const {
  const BatchNormOptions usual;
  std::string text = join("BatchNorm2d(", num_features_);
  if (options_.eps != usual.eps) text += join(", eps=", options_.eps);
  if (options_.momentum != usual.momentum)
    text += options_.momentum ? join(", momentum=", *options_.momentum) : ", momentum=none";
  if (!options_.affine) text += ", affine=false";
  if (!options_.track_running_stats) text += ", track_running_stats=false";
  return text + ")";
}

}  // namespace norma
