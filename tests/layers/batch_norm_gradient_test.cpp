// gradcheck over batch norm, and over a small net as a whole.
#include "norma/layers/batch_norm.h"

#include "norma/layers/conv2d.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

constexpr double kEps = 1e-5;

const Shape kShapes[] = {{2, 1, 1, 1}, {1, 1, 1, 3},  {4, 3, 1, 1}, {1, 3, 4, 5},  {2, 3, 4, 5},
                         {3, 2, 3, 2}, {2, 17, 3, 3}, {5, 1, 7, 2}, {16, 4, 2, 2}, {3, 2, 25, 27}};

struct Inputs {
  Tensor x, factor, gamma, beta;

  explicit Inputs(const Shape& shape)
      : x(random_leaf(shape, 1)),
        factor(random_leaf(shape, 2, 2)),
        gamma(random_leaf({shape[1]}, 3, 2)),
        beta(random_leaf({shape[1]}, 4)) {}
  Tensor image() const { return mul(x, factor); }
};

TEST(BatchNormGradient, WithTheStatisticsOfTheBatch) {
  for (const Shape& shape : kShapes) {
    const Inputs in(shape);
    const auto f = [&](const Tensor& gamma, const Tensor& beta) {
      const Tensor image = in.image();
      return batch_norm_train(image, channel_stats(image), gamma, beta, kEps);
    };
    const std::string label = join("batch_norm_train ", shape);
    expect_gradient(label, [&] { return f(in.gamma, in.beta); }, {in.x, in.factor, in.gamma, in.beta});
    expect_gradient(label + ", plain", [&] { return f(Tensor(), Tensor()); }, {in.x, in.factor});
    expect_gradient(label + ", gamma alone", [&] { return f(in.gamma, Tensor()); }, {in.x, in.gamma});
    expect_gradient(label + ", beta alone", [&] { return f(Tensor(), in.beta); }, {in.x, in.beta});
  }
}

TEST(BatchNormGradient, WithFixedStatistics) {
  for (const Shape& shape : kShapes) {
    const Inputs in(shape);
    const ChannelStats fixed = channel_stats(random_tensor({5, shape[1], 3, 3}, 9, 0.7, 1.8));
    const auto f = [&] { return batch_norm_eval(in.image(), fixed, in.gamma, in.beta, kEps); };
    expect_gradient(join("batch_norm_eval ", shape), f, {in.x, in.factor, in.gamma, in.beta});
  }
}

TEST(BatchNormGradient, OfAMatrix) {
  for (const Shape& shape : {Shape{2, 1}, Shape{5, 3}, Shape{9, 17}}) {
    const Inputs in(shape);
    const auto f = [&] {
      const Tensor image = in.image();
      return batch_norm_train(image, channel_stats(image), in.gamma, in.beta, kEps);
    };
    expect_gradient(join(shape), f, {in.x, in.factor, in.gamma, in.beta});
  }
}

/// A layer with parameters that are neither 1 nor 0, and running statistics that are neither 0 nor 1.
BatchNorm2d used_layer(Index channels, BatchNormOptions options = {}) {
  BatchNorm2d layer(channels, options);
  std::uint64_t seed = 20;
  for (const Tensor& p : layer.parameters()) set(p, random_tensor(p.shape(), seed++, 2));
  for (int i = 0; i < 3; ++i) layer(random_tensor({4, channels, 3, 3}, seed++, 1.5, 3));
  return layer;
}

TEST(BatchNormGradient, OfTheLayerInBothModes) {
  for (const Shape& shape : kShapes)
    for (const bool training : {true, false})
      for (const bool track : {true, false}) {
        BatchNorm2d layer = used_layer(shape[1], {.track_running_stats = track});
        layer.train(training);
        const Inputs in(shape);
        const std::vector<Tensor> own = layer.parameters();
        expect_gradient(join("training ", training, ", track ", track, ", ", shape), [&] { return layer(in.image()); },
                        {in.x, in.factor, own.at(0), own.at(1)});
      }
}

TEST(BatchNormGradient, BehindAConvolutionAndBeforeReLU) {
  for (const Shape& shape : {Shape{2, 3, 5, 4}, Shape{1, 1, 4, 4}, Shape{6, 2, 3, 3}}) {
    const Tensor x = random_leaf(shape, 1), weight = random_leaf({4, shape[1], 3, 3}, 2);
    BatchNorm2d layer = used_layer(4);
    const std::vector<Tensor> own = layer.parameters();
    expect_gradient(join(shape), [&] { return relu(layer(conv2d(x, weight, Tensor(), 1, 1))); },
                    {x, weight, own.at(0), own.at(1)});
    Sequential together(std::move(layer), ReLU());  // in the same passes over memory
    expect_gradient(join(shape, ", together"), [&] { return together(conv2d(x, weight, Tensor(), 1, 1)); },
                    {x, weight, own.at(0), own.at(1)});
  }
}

TEST(BatchNormGradient, OfTheBatchIsOrthogonalToShiftAndStretch) {
  const Inputs in({3, 4, 5, 6});
  const Tensor y = batch_norm_train(in.x, channel_stats(in.x), in.gamma, in.beta, 1e-12);
  sum(mul(y, random_tensor(y.shape(), 8))).backward();
  const ConstArrayView dx = in.x.grad().pixels(), x = in.x.pixels();
  EXPECT_LE(dx.colwise().sum().abs().maxCoeff(), 1e-10) << "a shift of x changes nothing";
  EXPECT_LE((dx * x).colwise().sum().abs().maxCoeff(), 1e-9) << "nor does a stretch";
}

TEST(NetGradient, ConvBatchNormReLUPoolLinearCrossEntropy) {
  for (const bool training : {true, false}) {
    Sequential net(Conv2d(3, 4, {.padding = 1, .bias = false}), BatchNorm2d(4), ReLU(), MaxPool2d(2),
                   Conv2d(4, 5, {.kernel_size = 2}), BatchNorm2d(5), ReLU(), GlobalAvgPool(), Linear(5, 3));
    initialize(net, 3);
    net(random_tensor({4, 3, 7, 6}, 1));
    net.train(training);
    const Tensor x = random_leaf({4, 3, 7, 6}, 2);
    const std::vector<int> labels = {0, 2, 1, 2};
    std::vector<Tensor> inputs = net.parameters();
    inputs.push_back(x);
    expect_gradient(
        join("training ", training), [&] { return cross_entropy(net(x), labels); }, inputs);
  }
}

}  // namespace
}  // namespace norma::test
