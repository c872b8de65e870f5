// Numbers of GroupNorm, LayerNorm and InstanceNorm2d in float: against a plain model, far from zero, huge, and bit for bit.
#include "norma/tests/layers/norm_family.h"

namespace norma::test {
namespace {

using Numbers = std::vector<double>;

/// Normalisation of each image by groups of channels as the papers state it: loops and long doubles.
struct Plain {
  Numbers y, dx, dgamma, dbeta;
  double largest_term = 0;  // of dx, before its terms cancel: in a group of two numbers they do

  Plain(const Tensor& x, Index groups, const Tensor& gamma, const Tensor& beta, const Tensor& dy)
      : y(count(x.size())), dx(count(x.size())) {
    const Index images = x.dim(0), channels = x.dim(1), width = channels / groups,
                pixels = x.size() / images / channels;
    const Numbers in = to_doubles(x), slope = to_doubles(dy);
    const Numbers weight = gamma.defined() ? to_doubles(gamma) : Numbers(count(channels), 1);
    const Numbers bias = beta.defined() ? to_doubles(beta) : Numbers(count(channels), 0);
    std::vector<long double> sum_dy_x_hat(weight.size()), sum_dy(bias.size());
    const auto m = static_cast<long double>(width * pixels);
    for (Index first = 0; first < x.size(); first += width * pixels) {  // of a group: its numbers are neighbours
      const std::size_t begin = count(first), end = count(first + width * pixels);
      const auto place = [&](std::size_t i, const Numbers& parameter) {
        const std::size_t in_image = i % count(channels * pixels);
        return parameter.size() == count(channels) ? in_image / count(pixels) : in_image;
      };
      long double total = 0, squares = 0, sum_g = 0, sum_g_x_hat = 0;
      for (std::size_t i = begin; i < end; ++i) total += static_cast<long double>(in[i]);
      const long double mean = total / m;
      for (std::size_t i = begin; i < end; ++i) squares += (in[i] - mean) * (in[i] - mean);
      const long double inv_std = 1 / std::sqrt(squares / m + 1e-5L);
      const auto x_hat = [&](std::size_t i) { return (static_cast<long double>(in[i]) - mean) * inv_std; };
      const auto g = [&](std::size_t i) { return static_cast<long double>(slope[i]) * weight[place(i, weight)]; };
      for (std::size_t i = begin; i < end; ++i) {
        y[i] = static_cast<double>(x_hat(i) * weight[place(i, weight)] + bias[place(i, bias)]);
        sum_dy[place(i, bias)] += static_cast<long double>(slope[i]);
        sum_dy_x_hat[place(i, weight)] += slope[i] * x_hat(i);
        sum_g += g(i);
        sum_g_x_hat += g(i) * x_hat(i);
      }
      for (std::size_t i = begin; i < end; ++i) {
        dx[i] = static_cast<double>(inv_std * (g(i) - sum_g / m - x_hat(i) * sum_g_x_hat / m));
        largest_term = std::max(largest_term, static_cast<double>(inv_std * std::abs(g(i))));
      }
    }
    dgamma.assign(sum_dy_x_hat.begin(), sum_dy_x_hat.end());
    dbeta.assign(sum_dy.begin(), sum_dy.end());
  }

 private:
  static std::size_t count(Index size) { return static_cast<std::size_t>(size); }
};

/// Largest |a - b| in units of max(1, |b|).
double max_error(const Numbers& a, const Numbers& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t i = 0; i < b.size(); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i])));
  return worst;
}

void expect_plain(const FamilyMember& one, const Tensor& x, const Tensor& dy) {
  const NamedTensors results = passes(*one.layer, x, dy);
  const Plain plain(x, one.groups, state_named(*one.layer, "weight"), state_named(*one.layer, "bias"), dy);
  EXPECT_LE(max_error(to_doubles(results.at(0).second), plain.y), 5e-7) << one.name;
  for (const auto& [name, tensor] : results) {
    if (name == "y") continue;
    const Numbers& expected = name == "dx" ? plain.dx : name == "dweight" ? plain.dgamma : plain.dbeta;
    const double cancelled = name == "dx" ? 1e-14 * plain.largest_term : 0;
    double largest = 1e-30;
    for (const double value : expected) largest = std::max(largest, std::abs(value));
    EXPECT_LE(max_difference(to_doubles(tensor), expected), 1e-7 * largest + cancelled) << one.name << " " << name;
  }
}

const Shape kShapes[] = {{2, 4, 2, 3}, {3, 6, 1, 2}, {1, 1, 5, 5}, {4, 12, 8, 7}, {2, 3, 40, 30},
                         {2, 4, 1, 2}, {5, 6},       {3, 64},      {1, 2}};

TEST(NormFamilyAccuracy, AMeanAMillionDeviationsAwayCostsNothing) {
  struct Level {
    double mean, deviation;
  };
  for (const auto& [mean, deviation] :
       {Level{0, 1}, {-100, 1}, {1e6, 1}, {-1e6, 1}, {1e3, 1e-3}, {0, 1e-3}, {1e30, 1e29}})
    for (const Shape& shape : kShapes) {
      SCOPED_TRACE(join("mean ", mean, ", deviation ", deviation, ", x ", shape));
      const Tensor x = random_leaf(shape, 1, mean, deviation), dy = random_tensor(shape, 2, 0.5);
      for (const FamilyMember& one : family_for(shape)) {
        draw_parameters(*one.layer, 3);
        expect_plain(one, x, dy);
      }
    }
}

TEST(NormFamilyAccuracy, ChannelsFarApartShareAGroup) {
  for (const Shape& shape : {Shape{2, 4, 5, 3}, Shape{3, 8}}) {
    Tensor x = random_leaf(shape, 1);
    for (Index c = 0; c < shape[1]; ++c) x.pixels().col(c) += static_cast<Real>(c % 2 ? 1e6 : -1e3);
    for (const FamilyMember& one : family_for(shape)) expect_plain(one, x, random_tensor(shape, 2));
  }
}

TEST(NormFamilyAccuracy, AConstantGroupGivesExactlyBias) {
  for (const double value : {0.1, 3.3, -1234.567, 1e6, 1e-30, 3e38})
    for (const Shape& shape : kShapes)
      for (const FamilyMember& one : family_for(shape)) {
        draw_parameters(*one.layer, 3);
        const Tensor y = one.layer->forward(Tensor::full(shape, static_cast<Real>(value)));
        const Tensor bias = state_named(*one.layer, "bias");
        Tensor expected(shape);
        if (bias.defined())
          expected.pixels() = bias.pixels().replicate(expected.pixels().rows() / bias.pixels().rows(), 1);
        EXPECT_TRUE((y.rows() == expected.rows()).all()) << one.name << " " << shape << " " << value;
      }
}

TEST(NormFamilyAccuracy, FiniteNumbersOfAnySizeGiveFiniteNumbers) {
  const Real largest = std::numeric_limits<Real>::max(), smallest = std::numeric_limits<Real>::denorm_min();
  for (const std::vector<Real>& values : std::vector<std::vector<Real>>{{largest, -largest, largest, -largest},
                                                                        {largest, largest, largest, -largest},
                                                                        {0, 0, 0, largest},
                                                                        {smallest, 0, smallest, 0},
                                                                        {-largest, -largest, -largest, -largest}})
    for (const Shape& shape : {Shape{1, 2, 1, 2}, Shape{1, 1, 2, 2}, Shape{2, 2}, Shape{1, 4}}) {
      const Tensor x = Tensor::from_values(shape, values).requires_grad(true);
      for (const FamilyMember& one : family_for(shape)) {
        expect_plain(one, x, random_tensor(shape, 1));
        for (const auto& [name, buffer] : one.layer->named_buffers())
          EXPECT_TRUE(buffer.rows().isFinite().all()) << name;
        one.layer->eval();
        EXPECT_TRUE(one.layer->forward(x).rows().isFinite().all()) << one.name << " " << shape;
      }
    }
}

TEST(NormFamilyAccuracy, ANotANumberStaysInItsGroup) {
  Tensor x = random_leaf({2, 4, 2, 3}, 1);
  x.pixels()(7, 2) = kNaN;  // image 1, channel 2
  for (const FamilyMember& one : family_for(x.shape())) {
    if (one.name == "instance, tracked") continue;
    const NamedTensors results = passes(*one.layer, x, random_tensor(x.shape(), 2));
    const Index width = 4 / one.groups;
    for (const auto& [name, tensor] : {results[0], results[1]})
      for (Index row = 0; row < 12; ++row)
        for (Index c = 0; c < 4; ++c)
          EXPECT_EQ(std::isnan(tensor.pixels()(row, c)), row >= 6 && c / width == 2 / width) << one.name << " " << name;
  }
}

TEST(NormFamilyAccuracy, HasTheSameBitsOnAnyThreadCount) {
  for (const Shape& shape : {Shape{9, 12, 13, 11}, Shape{2100, 12}, Shape{1030, 4, 2, 2}}) {
    const Tensor x = random_leaf(shape, 1, 3), dy = random_tensor(shape, 2);
    std::vector<std::string> first;
    for (const int threads : kThreadCounts) {
      const ThreadCount use(threads);
      std::vector<std::string> bytes;
      for (const FamilyMember& one : family_for(shape)) {
        draw_parameters(*one.layer, 3);
        bytes.push_back(bytes_of(passes(*one.layer, x, dy)) + state_of(*one.layer));
      }
      if (first.empty()) first = bytes;
      EXPECT_TRUE(bytes == first) << threads << " threads, x " << shape;
    }
  }
}

Tensor image_of(const Tensor& batch, Index n) {
  const Shape& s = batch.shape();
  Tensor image = Tensor::empty(s.rank() == 4 ? Shape{1, s[1], s[2], s[3]} : Shape{1, s[1]});
  image.rows() = batch.rows().row(n);
  return image;
}

TEST(NormFamilyAccuracy, AnImageDoesNotSeeItsNeighbours) {
  for (const Index channels : {1, 2, 3, 7, 8, 12, 30})
    for (const Shape& shape : {Shape{7, channels, 5, 3}, Shape{2, channels, 1, 2}, Shape{5, channels}}) {
      const Tensor x = random_leaf(shape, 1, 1, 2), dy = random_tensor(shape, 2);
      for (const FamilyMember& one : family_for(shape)) {
        if (shape.rank() == 2 && one.groups == channels) continue;
        draw_parameters(*one.layer, 3);
        for (const bool training : {true, false}) {
          one.layer->train(training);
          const NamedTensors together = passes(*one.layer, x, dy);
          for (Index n = 0; n < shape[0]; ++n) {
            const NamedTensors alone = passes(*one.layer, image_of(x, n).requires_grad(true), image_of(dy, n));
            for (const std::size_t i : {0, 1})
              EXPECT_TRUE(same_bits(alone[i].second, image_of(together[i].second, n)))
                  << one.name << ", x " << shape << ", image " << n << ", " << alone[i].first;
          }
        }
      }
    }
}

/// With beta = -x_hat, rounded to float, what is left of y is the rounding of beta, and the last bits of 1/std show in it.
TEST(NormFamilyAccuracy, AnImageDoesNotSeeItsNeighboursInTheLastBitOfTheStatistics) {
  for (const Index channels : {1, 2, 3, 5, 8, 9, 15, 17}) {
    const Shape shape{4, channels, 3, 3};
    const Tensor x = random_tensor(shape, static_cast<std::uint64_t>(channels), 1, 2);
    for (Index n = 0; n < shape[0]; ++n) {
      const Tensor image = image_of(x, n), none;
      const std::vector<Real> minus_x_hat = scale(layer_norm(image, none, none, 1e-5), -1).to_values();
      const Tensor beta = Tensor::from_values(one_image(shape), minus_x_hat);
      const Tensor together = layer_norm(x, none, beta, 1e-5);
      EXPECT_TRUE(same_bits(layer_norm(image, none, beta, 1e-5), image_of(together, n))) << channels << ", image " << n;
    }
  }
}

}  // namespace
}  // namespace norma::test
