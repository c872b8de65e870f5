// Batch norm with the ReLU after it, as a Sequential runs them, beside the two layers one after the other.
#include "norma/layers/batch_norm.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

struct Result {
  Tensor y, dx, dgamma, dbeta, running_mean, running_var;
  std::vector<Tensor> all() const { return {y, dx, dgamma, dbeta, running_mean, running_var}; }
};

/// Output, gradients and statistics of a forward and backward pass of `net`, whose first layer is a BatchNorm2d.
Result run(Sequential& net, const Tensor& x, const Tensor& dy) {
  const Tensor leaf = x.clone().requires_grad(true);
  const Tensor y = net.forward(leaf);
  sum(mul(y, dy)).backward();
  const std::vector<Tensor> parameters = net.parameters();
  const NamedTensors buffers = net.named_buffers();
  return {y.detach(), leaf.grad(), parameters[0].grad(), parameters[1].grad(), buffers[0].second, buffers[1].second};
}

/// A layer with weights and biases of both signs, so that each channel is cut somewhere else.
BatchNorm2d layer_of(Index channels, BatchNormOptions options = {}) {
  BatchNorm2d layer(channels, options);
  set(layer.parameters()[0], random_tensor({channels}, 8));
  set(layer.parameters()[1], random_tensor({channels}, 9));
  return layer;
}

/// ReLU, but no Sequential knows.
struct HiddenReLU : Module {
  Tensor forward(const Tensor& x) override { return relu(x); }
};

void expect_equal(const Tensor& x, bool training, BatchNormOptions options = {}) {
  Sequential together(layer_of(x.dim(1), options), ReLU()), apart(layer_of(x.dim(1), options), HiddenReLU());
  for (Sequential* net : {&together, &apart}) net->train(training);
  const Tensor dy = random_tensor(x.shape(), 3);
  const std::vector<Tensor> a = run(together, x, dy).all(), b = run(apart, x, dy).all();
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_TRUE(same_bits(a[i], b[i])) << "result " << i << " of x " << join(x.shape())
                                       << (training ? ", train" : ", eval");
}

TEST(BatchNormReLU, HasTheBitsOfTheTwoLayers) {
  for (const Index channels : {1, 2, 3, 7, 8, 9, 16, 24, 33, 100})
    for (const bool training : {true, false}) {
      expect_equal(random_tensor({3, channels, 5, 7}, 1, 0.5, 2), training);
      expect_equal(random_tensor({40, channels, 6, 6}, 2, 1000, 1), training);
      expect_equal(random_tensor({2, channels, 1, 1}, 2, 0, 1e-20), training);
      expect_equal(Tensor({0, channels, 4, 4}), training);
      expect_equal(Tensor::full({2, channels, 3, 3}, 5), training);
    }
}

TEST(BatchNormReLU, PassesNothingBackWhereItsOutputIsZero) {  // as relu(): its slope at 0 is 0
  const Tensor x = random_tensor({3, 4, 5, 5}, 1);
  Sequential net(BatchNorm2d(4), ReLU());
  for (const Tensor& p : net.parameters()) set(p, Tensor(p.shape()));
  const Result r = run(net, x, random_tensor(x.shape(), 3));
  for (const Tensor& t : {r.y, r.dx, r.dgamma, r.dbeta}) EXPECT_TRUE((t.rows() == 0).all());
}

TEST(BatchNormReLU, PassesNothingBackWhereItsOutputIsRoundedToZero) {
  const Tensor x = random_tensor({3, 4, 5, 5}, 1), dy = random_tensor(x.shape(), 3);
  Sequential together(BatchNorm2d(4), ReLU()), apart(BatchNorm2d(4), HiddenReLU());
  for (Sequential* net : {&together, &apart})
    set(net->parameters()[0], Tensor::full({4}, std::numeric_limits<Real>::denorm_min()));
  const std::vector<Tensor> a = run(together, x, dy).all(), b = run(apart, x, dy).all();
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same_bits(a[i], b[i])) << i;
}

TEST(BatchNormReLU, PassesNaNAndInfinityAsTheTwoLayersDo) {
  Tensor x = random_tensor({3, 9, 5, 5}, 1);
  x.pixels()(3, 2) = kNaN;
  x.pixels()(7, 5) = kInfinity;
  for (const bool training : {true, false}) {
    Sequential together(layer_of(9, {.non_finite = NonFinite::ignore}), ReLU()),
        apart(layer_of(9, {.non_finite = NonFinite::ignore}), HiddenReLU());
    for (Sequential* net : {&together, &apart}) net->train(training);
    Tensor dy = random_tensor(x.shape(), 3);
    dy.pixels()(11, 0) = kNaN;
    const std::vector<Tensor> a = run(together, x, dy).all(), b = run(apart, x, dy).all();
    for (std::size_t i = 0; i < a.size(); ++i)  // the sign and payload of a NaN are nobody's business
      EXPECT_EQ(max_difference(to_doubles(a[i]), to_doubles(b[i])), 0) << i << training;
  }
}

TEST(BatchNormReLU, HasTheSameBitsOnAnyThreadCount) {
  const Tensor x = random_tensor({40, 24, 9, 9}, 1), dy = random_tensor(x.shape(), 3);
  std::vector<Tensor> first;
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    Sequential net(layer_of(24), ReLU());
    const std::vector<Tensor> results = run(net, x, dy).all();
    if (first.empty()) first = results;
    for (std::size_t i = 0; i < results.size(); ++i)
      EXPECT_TRUE(same_bits(results[i], first[i])) << i << " " << threads;
  }
}

TEST(BatchNormReLU, IsTakenOnlyWhereReLUFollows) {
  const Tensor x = random_tensor({4, 8, 5, 5}, 1);
  Sequential last(layer_of(8)), middle(layer_of(8), layer_of(8), ReLU(), ReLU());
  EXPECT_TRUE((last.forward(x).pixels() < 0).any());
  BatchNorm2d first = layer_of(8), second = layer_of(8);
  EXPECT_TRUE(same_bits(middle.forward(x), relu(second.forward(first.forward(x)))));
}

TEST(BatchNormReLU, AnErrorNamesTheBatchNorm) {
  Sequential net(ReLU(), BatchNorm2d(4), ReLU());
  expect_error([&] { net.forward(Tensor({2, 3, 4, 4})); }, {"layer 1, BatchNorm2d(4)", "(2,3,4,4)"});
}

}  // namespace
}  // namespace norma::test
