#include "norma/layers/channel_stats.h"

#include <limits>

#include "norma/core/parallel.h"

namespace norma {

void check_eps(const char* who, double eps) {
  check(eps > 0 && std::isfinite(eps), who, ": eps must be positive and finite, got ", eps);
}

void check_momentum(const char* who, double momentum) {
  check(momentum >= 0 && momentum <= 1, who, ": momentum, the weight of the new batch, must lie in [0,1], got ",
        momentum);
}

void reset_affine(Tensor weight, Tensor bias) {
  if (weight.defined()) weight.pixels().setOnes();
  if (bias.defined()) bias.pixels().setZero();
}

ChannelConstants::ChannelConstants(const ChannelStats& stats, const Tensor& weight, const Tensor& bias, double eps)
    : mean(stats.mean),
      inv_std(inverse_std(stats.variance, eps)),
      gamma(DoubleRow::Ones(stats.mean.size())),
      beta(DoubleRow::Zero(stats.mean.size())) {
  if (weight.defined()) gamma = weight.pixels().row(0).cast<double>();
  if (bias.defined()) beta = bias.pixels().row(0).cast<double>();
}

void Moments::merge(const Moments& more) {
  if (more.count == 0) return;
  if (count == 0) {
    *this = more;
    return;
  }
  const double together = count + more.count;
  const DoubleRow delta = more.mean - mean;
  mean += delta * (more.count / together);
  squares += more.squares + delta.square() * (count * more.count / together);
  count = together;
}

void update_average(Tensor& running, const DoubleRow& value, double momentum) {
  const DoubleRow average = (1 - momentum) * running.pixels().row(0).cast<double>() + momentum * value;
  running.pixels().row(0) = average.min(double{std::numeric_limits<Real>::max()}).cast<Real>();
}

Moments moments_of_rows(const ConstArrayView& x, Index first, Index n) {
  const Index channels = x.cols();
  if (n == 0) return {0, DoubleRow::Zero(channels), DoubleRow::Zero(channels)};
  const DoubleRow origin = x.row(first).cast<double>();
  DoubleRow sum = DoubleRow::Zero(channels), sum_of_squares = DoubleRow::Zero(channels);
  const double* from = origin.data();
  double *sums = sum.data(), *squares = sum_of_squares.data();
  in_fours(first + 1, n - 1, channels, [&](Index i, auto rows) {
    const Real* numbers = x.row(i).data();
#pragma omp simd
    for (Index c = 0; c < channels; ++c) {
      double of_channel = sums[c], of_squares = squares[c];
      for (int r = 0; r < rows; ++r) {
        const double d = static_cast<double>(numbers[r * channels + c]) - from[c];
        of_channel += d;
        of_squares += d * d;
      }
      sums[c] = of_channel;
      squares[c] = of_squares;
    }
  });
  const double count = static_cast<double>(n);
  const DoubleRow shift = sum / count;
  return {count, origin + shift, sum_of_squares - count * shift.square()};
}

Moments channel_moments(const Tensor& x) {
  check(x.rank() == 2 || x.rank() == 4, "channel_stats: x must be (N,C,H,W) or (N,C), got ", x.shape());
  const ConstArrayView in = x.pixels();
  std::vector<Moments> blocks(static_cast<std::size_t>(blocks_of(in.rows(), kBlockRows)));
  parallel_blocks(
      in.rows(), kBlockRows,
      [&](Index first, Index n, Index block) {
        blocks[static_cast<std::size_t>(block)] = moments_of_rows(in, first, n);
      },
      Order::last_to_first);
  Moments all;
  for (const Moments& block : blocks) all.merge(block);
  return all;
}

ChannelStats channel_stats(const Tensor& x) {
  const Moments all = channel_moments(x);
  check(all.count > 0, "channel_stats: an empty batch has no statistics, got x ", x.shape());
  return {all.mean, all.squares / all.count};
}

}  // namespace norma
