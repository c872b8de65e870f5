// Normalisation of each image by itself (Wu & He 2018, section 3). As batch norm (batch_norm.cpp), but i runs over the m
// numbers of one group: some neighbouring channels, and all pixels, of one image. With x_hat_i = (x_i - mean) inv_std and
// y_i = gamma_i x_hat_i + beta_i:
//
//   dbeta, dgamma   sums of dy_i and of dy_i x_hat_i over the numbers, of all images, that share the parameter
//   g_i = dy_i gamma_i, the gradient of x_hat_i         (gamma differs inside a group, so it stays under the sums)
//   dx_j = inv_std (g_j - 1/m sum g_i - x_hat_j 1/m sum g_i x_hat_i)
//
// The statistics of a group come from those of its channels, which all have the same number of pixels:
//   mean     = average of the channels' means
//   variance = average of (the channel's variance + the squared distance of its mean from the group's)
// Arithmetic is in double and results are rounded once, as in batch norm.
#include "norma/layers/image_norm.h"

#include "norma/core/parallel.h"

namespace norma {
namespace {

using Table = ImageStats::Table;

/// For each channel the average of `channels` over its group; exact where all are equal, as the first is the origin.
DoubleRow group_average(DoubleRow channels, Index groups) {
  const Index width = channels.size() / groups;
  for (Index g = 0; g < groups; ++g) {
    auto group = channels.segment(g * width, width);
    group.setConstant(group[0] + (group - group[0]).mean());
  }
  return channels;
}

Index pixels_of(const Tensor& x) { return x.rank() == 4 ? x.dim(2) * x.dim(3) : 1; }

/// Runs body(n) for every image that has numbers; threads share the images.
template <class Body>
void for_each_image(const Tensor& x, const Body& body) {
  parallel_blocks(x.size() == 0 ? 0 : x.dim(0), 1, [&](Index n, Index, Index) { body(n); });
}

/// What is known of the images: row p of gamma and beta belongs to pixel p of each image, or their only row to all pixels.
/// A `row` below is a row of x.pixels(): row / pixels is the image, row % pixels the pixel in it.
struct Known {
  Table mean, inv_std, gamma, beta;
  Index groups, pixels;
  bool stats_depend_on_x;

  Known(const Tensor& x, const ImageStats& stats, const Tensor& weight, const Tensor& bias, double eps)
      : mean(stats.mean),
        inv_std(inverse_std(stats.variance, eps)),
        gamma(weight.defined() ? Table(weight.pixels().cast<double>()) : Table::Ones(1, x.dim(1))),
        beta(bias.defined() ? Table(bias.pixels().cast<double>()) : Table::Zero(1, x.dim(1))),
        groups(stats.groups),
        pixels(pixels_of(x)),
        stats_depend_on_x(stats.depend_on_x) {}

  auto x_hat(const ConstArrayView& x, Index row) const {
    return (x.row(row).cast<double>() - mean.row(row / pixels)) * inv_std.row(row / pixels);
  }
  auto gamma_of(Index row) const { return gamma.row(row % pixels % gamma.rows()); }
  auto beta_of(Index row) const { return beta.row(row % pixels % beta.rows()); }
};

Tensor output(const Tensor& x_tensor, const Known& k) {
  Tensor y_tensor = Tensor::empty(x_tensor.shape());
  ArrayView y = y_tensor.pixels();
  const ConstArrayView x = x_tensor.pixels();
  for_each_image(x_tensor, [&](Index n) {
    for (Index row = n * k.pixels; row < (n + 1) * k.pixels; ++row)
      y.row(row) = (k.x_hat(x, row) * k.gamma_of(row) + k.beta_of(row)).template cast<Real>();
  });
  return y_tensor;
}

Tensor input_gradient(const Tensor& dy_tensor, const Tensor& x_tensor, const Known& k) {
  const ConstArrayView dy = dy_tensor.pixels(), x = x_tensor.pixels();
  Tensor dx_tensor = Tensor::empty(x_tensor.shape());
  ArrayView dx = dx_tensor.pixels();
  for_each_image(x_tensor, [&](Index n) {
    const Index first = n * k.pixels, end = first + k.pixels;
    const auto g = [&](Index row) { return dy.row(row).cast<double>() * k.gamma_of(row); };
    DoubleRow mean_g = DoubleRow::Zero(x.cols()), mean_g_x_hat = mean_g;
    if (k.stats_depend_on_x) {
      for (Index row = first; row < end; ++row) {
        mean_g += g(row);
        mean_g_x_hat += g(row) * k.x_hat(x, row);
      }
      mean_g = group_average(mean_g / k.pixels, k.groups);
      mean_g_x_hat = group_average(mean_g_x_hat / k.pixels, k.groups);
    }
    for (Index row = first; row < end; ++row)
      dx.row(row) = (k.inv_std.row(n) * (g(row) - mean_g - k.x_hat(x, row) * mean_g_x_hat)).template cast<Real>();
  });
  return dx_tensor;
}

/// dbeta and dgamma as one row, each with `period` pixels of channels: as many as gamma and beta have. (With one a pixel a
/// row is a whole image, and up to 1024 of them go to one thread.)
DoubleRow parameter_gradients(const ConstArrayView& dy, const ConstArrayView& x, const Known& k, Index period) {
  const Index channels = x.cols(), width = period * channels;
  return column_sum(dy.rows() / period, 2 * width, [&](Index first, Index n) {
    DoubleRow part = DoubleRow::Zero(2 * width);
    for (Index row = first * period; row < (first + n) * period; ++row) {
      part.segment(row % period * channels, channels) += dy.row(row).cast<double>();
      part.segment(width + row % period * channels, channels) += dy.row(row).cast<double>() * k.x_hat(x, row);
    }
    return part;
  });
}

/// Gives a parameter that wants one the gradient that stands in `row` in the order of storage.
void pass_on(const Edge& parameter, const DoubleRow& row) {
  if (!parameter.requires_grad()) return;
  Tensor gradient = Tensor::empty(parameter.shape());
  ArrayView numbers = gradient.pixels();
  numbers = Eigen::Map<const Table>(row.data(), numbers.rows(), numbers.cols()).cast<Real>();
  parameter.accumulate_grad(std::move(gradient));
}

void check_arguments(const char* op, const Tensor& x, const Tensor& gamma, const Tensor& beta, const Shape& parameters,
                     double eps) {
  check_eps(op, eps);
  check(x.rank() == 2 || x.rank() == 4, op, ": x must be (N,C,H,W) or (N,C), got ", x.shape());
  for (const auto& [name, p] : {std::pair("gamma", gamma), std::pair("beta", beta)})
    check(!p.defined() || p.shape() == parameters, op, ": x ", x.shape(), " needs ", name, " ", parameters, ", got ",
          p.defined() ? p.shape() : parameters);
}

}  // namespace

ImageStats ImageStats::of(const Tensor& x, Index groups) {
  const Index channels = x.dim(1), pixels = pixels_of(x);
  check(groups >= 1 && channels % groups == 0, "image_stats: ", groups, " groups do not divide the channels of x ",
        x.shape());
  ImageStats stats{Table(x.dim(0), channels), Table(x.dim(0), channels), groups, true};
  for_each_image(x, [&](Index n) {
    const Moments of = moments_of_rows(x.pixels(), n * pixels, pixels);
    stats.mean.row(n) = group_average(of.mean, groups);
    const DoubleRow distance = of.mean - stats.mean.row(n);
    stats.variance.row(n) = group_average(of.squares / of.count + distance.square(), groups);
  });
  return stats;
}

ImageStats ImageStats::fixed(const ChannelStats& stats, Index images) {
  return {stats.mean.replicate(images, 1), stats.variance.replicate(images, 1), stats.mean.size(), false};
}

Tensor normalise_images(const char* op, const Tensor& x, const ImageStats& stats, const Tensor& gamma,
                        const Tensor& beta, const Shape& parameters, double eps) {
  check_arguments(op, x, gamma, beta, parameters, eps);
  const Known k(x, stats, gamma, beta, eps);
  // gamma and beta are in k, in double.
  return record(op, output(x, k), {x, gamma, beta}, [x, gamma = gamma.edge(), beta = beta.edge(), k](const Tensor& dy) {
    if (x.requires_grad()) x.accumulate_grad(input_gradient(dy, x, k));
    if (!gamma.requires_grad() && !beta.requires_grad()) return;
    const Index period = std::max({k.gamma.rows(), k.beta.rows(), Index{1}});
    const DoubleRow sums = parameter_gradients(dy.pixels(), x.pixels(), k, period);
    pass_on(beta, sums.head(sums.size() / 2));
    pass_on(gamma, sums.tail(sums.size() / 2));
  });
}

}  // namespace norma
