// Module, Sequential and initialisation: names, modes, places in messages, seeds.
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/flatten.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

using Names = std::vector<std::string>;

/// A layer as a user writes it, after the comment in layers/module.h.
class Scale : public Module {
 public:
  explicit Scale(Index n) : weight_(parameter("weight", Tensor::full({n}, 1))) {}
  Tensor forward(const Tensor& x) override {
    Tensor y = Tensor::empty(x.shape());
    y.pixels() = x.pixels().rowwise() * weight_.pixels().row(0);
    return record("user_scale", y, {x, weight_}, [x, weight = weight_](const Tensor& dy) {
      Tensor dx = Tensor::empty(x.shape()), dweight = Tensor::empty(weight.shape());
      dx.pixels() = dy.pixels().rowwise() * weight.pixels().row(0);
      dweight.pixels().row(0) = (dy.pixels() * x.pixels()).colwise().sum();
      x.accumulate_grad(std::move(dx));
      weight.accumulate_grad(std::move(dweight));
    });
  }
  void reset_parameters(Random) override { weight_.rows().setConstant(3); }

 private:
  Tensor weight_;
};

/// A model with two children and a parameter of its own.
class Pair : public Module {
 public:
  Pair()
      : head_(parameter("head", Tensor({1}))), left_(child("left", Scale(2))), right_(child("right", BatchNorm2d(2))) {}
  Tensor forward(const Tensor& x) override { return add((*left_)(x), (*right_)(x)); }

 private:
  Tensor head_;
  std::shared_ptr<Scale> left_;
  std::shared_ptr<BatchNorm2d> right_;
};

Sequential small_net() {
  return Sequential(Conv2d(3, 4, {.padding = 1, .bias = false}), BatchNorm2d(4), ReLU(), Flatten(), Linear(4 * 16, 2));
}

TEST(Module, NamesAreThoseOfPyTorch) {
  const Sequential net = small_net();
  EXPECT_EQ(names_of(net.named_parameters()), (Names{"0.weight", "1.weight", "1.bias", "4.weight", "4.bias"}));
  EXPECT_EQ(names_of(net.named_buffers()), (Names{"1.running_mean", "1.running_var", "1.num_batches_tracked"}));
  const std::vector<Tensor> parameters = net.parameters();
  ASSERT_EQ(parameters.size(), 5u);
  EXPECT_EQ(parameters[0].shape(), (Shape{4, 3, 3, 3}));
  for (const Tensor& p : parameters) EXPECT_TRUE(p.requires_grad());
  for (const auto& [name, buffer] : net.named_buffers()) EXPECT_FALSE(buffer.requires_grad()) << name;
}

TEST(Module, OwnParametersComeBeforeThoseOfChildren) {
  const Pair model;
  EXPECT_EQ(names_of(model.named_parameters()), (Names{"head", "left.weight", "right.weight", "right.bias"}));
  ASSERT_EQ(model.children().size(), 2u);
  EXPECT_EQ(model.children()[1].first, "right");
}

TEST(Module, AUsersLayerIsLikeAnyOther) {
  Sequential net(Scale(2), ReLU());
  EXPECT_EQ(names_of(net.named_parameters()), (Names{"0.weight"}));
  EXPECT_EQ(net.children()[0].second->describe(), "Scale");
  const Tensor x = random_leaf({3, 2, 4, 4}, 1, 2);
  sum(net(x)).backward();
  EXPECT_TRUE(net.parameters()[0].grad().defined());
  initialize(net, 1);
  EXPECT_EQ(net.parameters()[0].to_values(), (std::vector<Real>{3, 3}));
}

TEST(Module, AMovedModuleKeepsItsParameters) {
  Sequential net = small_net();
  const Real* weight = net.parameters()[0].rows().data();
  Sequential moved = std::move(net);
  EXPECT_EQ(moved.parameters()[0].rows().data(), weight);
  EXPECT_EQ(moved(random_tensor({2, 3, 4, 4}, 1)).shape(), (Shape{2, 2}));
}

TEST(Module, TrainAndEvalReachEveryDescendant) {
  Sequential inner(Dropout(), Scale(2));
  Sequential net{ReLU()};
  net.add(std::move(inner));
  const auto modes = [&] {
    const Module& nested = *net.children()[1].second;
    return std::vector<bool>{net.training(), net.children()[0].second->training(), nested.training(),
                             nested.children()[0].second->training()};
  };
  EXPECT_EQ(modes(), (std::vector<bool>{true, true, true, true}));
  net.eval();
  EXPECT_EQ(modes(), (std::vector<bool>{false, false, false, false}));
  net.train();
  EXPECT_EQ(modes(), (std::vector<bool>{true, true, true, true}));
}

TEST(Module, ModeAndRecordingAreTwoSwitches) {
  Sequential net(Scale(2));
  net.eval();
  EXPECT_TRUE(net(Tensor({1, 2})).requires_grad());
  net.train();
  const NoGrad off;
  EXPECT_FALSE(net(Tensor({1, 2})).requires_grad());
}

TEST(Sequential, AppliesItsLayersInOrder) {
  Linear first(3, 4), second(4, 2);
  const Tensor x = random_tensor({5, 3}, 1);
  const Tensor expected = second(relu(first(x)));
  Sequential net(std::move(first), ReLU(), std::move(second));
  EXPECT_TRUE(same_bits(net(x), expected));
  EXPECT_TRUE(same_bits(Sequential()(x), x));
}

TEST(Sequential, Nests) {
  Sequential net(Linear(3, 4));
  net.add(Sequential(Linear(4, 4), ReLU())).add(Linear(4, 2));
  EXPECT_EQ(names_of(net.named_parameters()),
            (Names{"0.weight", "0.bias", "1.0.weight", "1.0.bias", "2.weight", "2.bias"}));
  EXPECT_EQ(net(Tensor({5, 3})).shape(), (Shape{5, 2}));
}

TEST(Sequential, ErrorsNameTheLayersPlace) {
  Sequential net = small_net();
  expect_error([&] { net(Tensor({2, 3, 5, 5})); }, {"layer 4", "Linear(64, 2)", "linear", "(2,100)"});
  Sequential outer{ReLU()};
  outer.add(Sequential(ReLU(), BatchNorm2d(64)));
  expect_error([&] { outer(Tensor({2, 3, 5, 5})); }, {"layer 1, Sequential: layer 1, BatchNorm2d(64)", "batch_norm"});
}

TEST(Initialize, TheSameSeedGivesTheSameBytesAndAnotherGivesOthers) {
  Sequential a = small_net(), b = small_net(), other = small_net();
  initialize(a, 1);
  initialize(b, 1);
  initialize(other, 2);
  EXPECT_EQ(bytes_of(a.named_parameters()), bytes_of(b.named_parameters()));
  EXPECT_NE(bytes_of(a.named_parameters()), bytes_of(other.named_parameters()));
  initialize(other, 1);
  EXPECT_EQ(bytes_of(a.named_parameters()), bytes_of(other.named_parameters()));
}

TEST(Initialize, LayersOfEqualShapeDiffer) {
  Sequential net(Linear(4, 4), Linear(4, 4));
  net.add(Sequential(Linear(4, 4)));
  initialize(net, 1);
  const std::vector<Tensor> p = net.parameters();
  EXPECT_FALSE(same_bits(p[0], p[2]));
  EXPECT_FALSE(same_bits(p[2], p[4]));
  EXPECT_FALSE(same_bits(p[0], p[4]));
}

TEST(Initialize, DropoutLayersGetSeedsOfTheirOwn) {
  const Tensor x = Tensor::full({8, 40}, 1);
  Sequential net{Dropout()};
  net.add(Dropout());
  initialize(net, 1);
  Module &first = *net.children()[0].second, &second = *net.children()[1].second;
  const Tensor y = first(x);
  EXPECT_FALSE(same_bits(y, second(x)));
  initialize(net, 1);
  EXPECT_TRUE(same_bits(first(x), y)) << "the call counter starts anew";
}

TEST(Initialize, ResetsRunningStatistics) {
  Sequential net(BatchNorm2d(2));
  net(random_tensor({2, 2, 3, 3}, 1));
  initialize(net, 1);
  EXPECT_EQ(bytes_of(net.named_buffers()), bytes_of(BatchNorm2d(2).named_buffers()));
}

TEST(Initialize, FansOfAWeight) {
  EXPECT_EQ(fan_in(Tensor({8, 3, 5, 5})), 75);
  EXPECT_EQ(fan_out(Tensor({8, 3, 5, 5})), 200);
  EXPECT_EQ(fan_in(Tensor({8, 3})), 3);
  EXPECT_EQ(fan_out(Tensor({8, 3})), 8);
  expect_error([] { fan_in(Tensor({8})); }, {"fan_in", "(8)"});
}

TEST(Initialize, KaimingNormalHasItsDeviation) {
  Tensor weight({64, 32, 3, 3});
  kaiming_normal(weight, Random({1}));
  const Eigen::ArrayXd values = Eigen::Map<const Eigen::ArrayXd>(to_doubles(weight).data(), weight.size());
  const double expected = std::sqrt(2.0 / (64 * 9)), count = static_cast<double>(weight.size());
  EXPECT_NEAR(values.mean(), 0, 5 * expected / std::sqrt(count));
  EXPECT_NEAR(std::sqrt((values - values.mean()).square().mean()) / expected, 1, 5 / std::sqrt(2 * count));
  EXPECT_GT(values.abs().maxCoeff(), 3 * expected) << "normal, not uniform";
}

TEST(Initialize, DefaultsAreUniformWithinPyTorchsBound) {
  const Conv2d conv(16, 32, {.kernel_size = 5});
  const Linear fully(400, 300);
  const std::pair<std::vector<Tensor>, Index> layers[] = {{conv.parameters(), 16 * 25}, {fully.parameters(), 400}};
  for (const auto& [parameters, fan] : layers) {
    const double bound = 1 / std::sqrt(static_cast<double>(fan));
    for (const Tensor& p : parameters) {
      double largest = 0, total = 0;
      for (const double value : to_doubles(p)) {
        largest = std::max(largest, std::abs(value));
        total += value;
      }
      EXPECT_LE(largest, bound * (1 + 1e-6));
      EXPECT_GT(largest, bound * 0.8);
      const double count = static_cast<double>(p.size());
      EXPECT_NEAR(total / count, 0, 5 * bound / std::sqrt(3 * count));
    }
  }
}

}  // namespace
}  // namespace norma::test
