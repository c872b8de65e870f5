// Rounding of batch norm in float: constant channels, means far from zero, many numbers, any thread count.
#include "norma/layers/batch_norm.h"

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

/// Statistics and gradients of one-channel-at-a-time batch norm in long double, from the exact numbers in x.
struct Exact {
  std::vector<double> y, dx, dgamma, dbeta;
  std::vector<double> mean, variance;
};

Exact exactly(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& dy) {
  const auto size = static_cast<std::size_t>(x.size());
  Exact e{std::vector<double>(size), std::vector<double>(size), {}, {}, {}, {}};
  const std::vector<double> in = to_doubles(x), slope = to_doubles(dy), weight = to_doubles(gamma),
                            bias = to_doubles(beta);
  const Index channels = x.dim(1), pixels = x.dim(2) * x.dim(3);
  for (Index c = 0; c < channels; ++c) {
    std::vector<std::size_t> places;
    for (Index n = 0; n < x.dim(0); ++n)
      for (Index p = 0; p < pixels; ++p) places.push_back(static_cast<std::size_t>((n * channels + c) * pixels + p));
    const auto m = static_cast<long double>(places.size());
    const auto k = static_cast<std::size_t>(c);
    long double total = 0, squares = 0, dbeta = 0, dgamma = 0;
    for (const std::size_t i : places) total += static_cast<long double>(in[i]);
    const long double mean = total / m;
    for (const std::size_t i : places) squares += (in[i] - mean) * (in[i] - mean);
    const long double inv_std = 1 / std::sqrt(squares / m + 1e-5L);
    const auto x_hat = [&](std::size_t i) { return (static_cast<long double>(in[i]) - mean) * inv_std; };
    for (const std::size_t i : places) {
      dbeta += static_cast<long double>(slope[i]);
      dgamma += slope[i] * x_hat(i);
      e.y[i] = static_cast<double>(x_hat(i) * weight[k] + bias[k]);
    }
    for (const std::size_t i : places)
      e.dx[i] = static_cast<double>(weight[k] * inv_std * (slope[i] - dbeta / m - x_hat(i) * dgamma / m));
    e.dbeta.push_back(static_cast<double>(dbeta));
    e.dgamma.push_back(static_cast<double>(dgamma));
    e.mean.push_back(static_cast<double>(mean));
    e.variance.push_back(static_cast<double>(squares / m));
  }
  return e;
}

TEST(BatchNormAccuracy, AConstantChannelGivesExactlyBias) {
  for (const double value : {0.1, 3.3, -1234.567, 1e6, 1e-30, 3e38})
    for (const Shape& shape : {Shape{1, 3, 1, 2}, Shape{3, 3, 5, 7}, Shape{8, 3, 31, 33}}) {
      BatchNorm2d layer(3);
      const Tensor bias = layer.parameters()[1];
      set(bias, from_doubles({3}, {0.3, -7.7, 0}));
      const Tensor x = Tensor::full(shape, static_cast<Real>(value));
      const Tensor y = layer(x);
      const RowMajorArray expected = bias.pixels().row(0).replicate(y.pixels().rows(), 1);
      EXPECT_TRUE((std::as_const(y).pixels() == expected).all()) << value << " " << shape;
      const ChannelStats stats = channel_stats(x);
      EXPECT_TRUE((stats.variance == 0).all());
      EXPECT_TRUE((stats.mean == static_cast<double>(static_cast<Real>(value))).all());
    }
}

/// Largest |a - b| in units of the last place of b as a Real, or of 1/100 where b is smaller (there the last bit of the
/// mean, a double, begins to show). A Real that was rounded once is wrong by at most 1/2 of it.
double max_ulps(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const Real size = std::max(std::abs(static_cast<Real>(b[i])), Real(1e-2));
    const double ulp = static_cast<double>(std::nextafter(size, kInfinity) - size);
    worst = std::max(worst, std::abs(a[i] - b[i]) / ulp);
  }
  return worst;
}
constexpr double kRoundedOnce = 0.501;

struct Level {
  double mean, deviation;
};
const Level kLevels[] = {{0, 1},   {1, 1},     {-100, 1}, {1e4, 1},  {1e6, 1},    {-1e6, 1}, {1e3, 1},
                         {3e5, 3}, {100, 0.5}, {0, 1e-3}, {5, 1e-2}, {1e3, 1e-3}, {0, 1e15}, {1e30, 1e29}};
const Shape kShapes[] = {{2, 3, 2, 2}, {4, 17, 8, 8}, {3, 2, 21, 23}, {16, 5, 32, 32}};

TEST(BatchNormAccuracy, AMeanAMillionDeviationsAwayCostsNothing) {
  for (const auto& [mean, deviation] : kLevels)
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(join("mean ", mean, ", deviation ", deviation, ", x ", shape));
      const Tensor x = random_leaf(shape, 1, mean, deviation), dy = random_tensor(shape, 2, 0.5);
      BatchNorm2d layer(shape[1]);
      const Tensor gamma = layer.parameters()[0], beta = layer.parameters()[1];
      const Exact exact = exactly(x, gamma, beta, dy);
      const Tensor y = layer(x);
      EXPECT_LE(max_ulps(to_doubles(y), exact.y), kRoundedOnce);
      sum(mul(y, dy)).backward();
      EXPECT_LE(max_relative_difference(to_doubles(x.grad()), exact.dx), 6e-8);
      EXPECT_LE(max_relative_difference(to_doubles(gamma.grad()), exact.dgamma), 6e-8);
      EXPECT_LE(max_relative_difference(to_doubles(beta.grad()), exact.dbeta), 6e-8);
    }
}

TEST(BatchNormAccuracy, ChannelStatsAreExactToManyDigits) {
  for (const auto& [mean, deviation] : kLevels)
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(join("mean ", mean, ", deviation ", deviation, ", x ", shape));
      const Tensor x = random_tensor(shape, 1, mean, deviation), ones = Tensor::full({shape[1]}, 1);
      const Exact exact = exactly(x, ones, ones, x);
      const ChannelStats stats = channel_stats(x);
      for (Index c = 0; c < shape[1]; ++c) {
        const auto k = static_cast<std::size_t>(c);
        EXPECT_NEAR(stats.mean[c], exact.mean[k], 1e-9 * deviation);
        EXPECT_NEAR(stats.variance[c] / exact.variance[k], 1, 1e-10);
      }
    }
}

TEST(BatchNormAccuracy, AChannelThatDriftsFromBlockToBlock) {
  constexpr Index kImages = 40, kSide = 16;
  Tensor x({kImages, 1, kSide, kSide});
  const Tensor noise = random_tensor({kImages, 1, kSide, kSide}, 5);
  for (Index n = 0; n < kImages; ++n) x.rows().row(n) = noise.rows().row(n) + static_cast<Real>(n * 10);
  const Tensor ones = Tensor::full({1}, 1);
  const Exact exact = exactly(x, ones, ones, noise);
  const ChannelStats stats = channel_stats(x);
  EXPECT_NEAR(stats.mean[0] / exact.mean[0], 1, 1e-12);
  EXPECT_NEAR(stats.variance[0] / exact.variance[0], 1, 1e-12);
}

TEST(BatchNormAccuracy, AFirstRowFarFromAllOthersCostsNothing) {
  Tensor x = random_tensor({4, 1, 16, 16}, 3);
  x.pixels()(0, 0) = Real(1e7);
  const Tensor ones = Tensor::full({1}, 1);
  const Exact exact = exactly(x, ones, ones, x);
  const ChannelStats stats = channel_stats(x);
  EXPECT_NEAR(stats.mean[0] / exact.mean[0], 1, 1e-11);
  EXPECT_NEAR(stats.variance[0] / exact.variance[0], 1, 1e-11);
}

TEST(BatchNormAccuracy, FiniteNumbersOfAnySizeGiveFiniteNumbers) {
  const Real largest = std::numeric_limits<Real>::max(), smallest = std::numeric_limits<Real>::denorm_min();
  const std::vector<std::vector<Real>> channels = {{largest, largest, largest, -largest},
                                                   {largest, -largest, largest, -largest},
                                                   {0, 0, 0, largest},
                                                   {smallest, 0, smallest, 0},
                                                   {1e30F, 2e30F, -1e30F, 5},
                                                   {-largest, -largest, -largest, -largest}};
  for (const std::vector<Real>& values : channels) {
    const Tensor x = Tensor::from_values({4, 1, 1, 1}, values).requires_grad(true), dy = random_tensor(x.shape(), 1);
    BatchNorm2d layer(1);
    const Tensor y = layer(x);
    sum(mul(y, dy)).backward();
    const Tensor ones = Tensor::full({1}, 1);
    const Exact exact = exactly(x, ones, Tensor({1}), dy);
    EXPECT_LE(max_relative_difference(to_doubles(y), exact.y), 1e-7);
    EXPECT_LE(max_relative_difference(to_doubles(x.grad()), exact.dx), 1e-7);
    for (const auto& [name, buffer] : layer.named_buffers()) EXPECT_TRUE(buffer.rows().isFinite().all()) << name;
    layer.eval();
    EXPECT_TRUE(layer(x).rows().isFinite().all());
  }
}

TEST(BatchNormAccuracy, ChannelStatsOfAMatrix) {
  const Tensor x = Tensor::from_values({4, 2}, {1, 10, 2, 10, 3, 10, 6, 10});
  const ChannelStats stats = channel_stats(x);
  EXPECT_DOUBLE_EQ(stats.mean[0], 3);
  EXPECT_DOUBLE_EQ(stats.variance[0], 3.5);
  EXPECT_DOUBLE_EQ(stats.mean[1], 10);
  EXPECT_DOUBLE_EQ(stats.variance[1], 0);
}

TEST(BatchNormAccuracy, ANotANumberStaysInItsChannel) {
  Tensor x = random_tensor({2, 2, 3, 3}, 1);
  x.pixels()(5, 0) = kNaN;
  const Tensor y = BatchNorm2d(2, {.non_finite = NonFinite::ignore})(x);
  EXPECT_TRUE(y.pixels().col(0).isNaN().all());
  EXPECT_FALSE(y.pixels().col(1).isNaN().any());
}

TEST(BatchNormAccuracy, HasTheSameBitsOnAnyThreadCount) {
  const Tensor x = random_leaf({16, 17, 20, 21}, 1, 3), dy = random_tensor(x.shape(), 2);
  std::string first;
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    BatchNorm2d layer(17);
    x.zero_grad();
    const Tensor y = layer(x);
    sum(mul(y, dy)).backward();
    NamedTensors all = layer.named_buffers();
    for (const Tensor& p : layer.parameters()) all.emplace_back("gradient", p.grad());
    all.emplace_back("dx", x.grad());
    all.emplace_back("y", y);
    const std::string bytes = bytes_of(all);
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << threads << " threads";
  }
}

}  // namespace
}  // namespace norma::test
