// Batch norm in models that are not as one expects: derived classes, shared layers, modes and gradients set by hand,
// failures midway.
#include <memory>

#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/init.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/lint.h"
#include "norma/layers/relu.h"
#include "norma/optim/sgd.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

Tensor batch(std::uint64_t seed) { return random_tensor({4, 3, 6, 6}, seed, 0.5, 2); }

struct Residual : public Sequential {
  using Sequential::Sequential;
  Tensor forward(const Tensor& x) override { return norma::add(x, Sequential::forward(x)); }
};

TEST(FoldBatchNorm, DoesNotLookInsideDerivedClasses) {
  Sequential net(Conv2d(3, 4), BatchNorm2d(4));
  net.add(Residual(Conv2d(4, 4, {.padding = 1}), BatchNorm2d(4)));
  initialize(net, 1);
  for (std::uint64_t i = 0; i < 3; ++i) net.forward(batch(i));
  net.eval();
  Sequential folded = fold_batch_norm(net);
  EXPECT_EQ(folded.children().size(), 2U);
  EXPECT_EQ(batch_norms(folded).size(), 1U);
  EXPECT_LE(max_relative_difference(to_doubles(folded.forward(batch(7))), to_doubles(net.forward(batch(7)))), 1e-6);
  Residual root(Conv2d(3, 3, {.padding = 1}), BatchNorm2d(3));
  root.eval();
  expect_error([&] { fold_batch_norm(root); }, {"fold_batch_norm", "derived"});
}

TEST(FoldBatchNorm, LeavesTheModesOfSharedLayersAndRefusesMixedOnes) {
  Sequential net(Conv2d(3, 4), BatchNorm2d(4), Dropout(0.5));
  initialize(net, 1);
  net.forward(batch(1));
  net.eval();
  net.children()[2].second->train();
  fold_batch_norm(net);
  EXPECT_TRUE(net.children()[2].second->training());
  net.children()[1].second->train();
  expect_error([&] { fold_batch_norm(net); }, {"fold_batch_norm", "BatchNorm2d(4)", "train()"});
}

TEST(FoldBatchNorm, RefusesLayersThatDoNotFit) {
  for (const Index channels : {4, 9}) {
    Sequential net(Conv2d(3, 8), BatchNorm2d(channels));
    net.eval();
    expect_error([&] { fold_batch_norm(net); }, {"fold_batch_norm", "does not fit", "Conv2d(3, 8"});
  }
}

TEST(Recalibrate, PutsEveryModuleBackIntoItsMode) {
  Sequential net(Conv2d(3, 4), BatchNorm2d(4), Dropout(0.5));
  net.children()[2].second->eval();
  recalibrate(net, 2, [](Index i) { return batch(static_cast<std::uint64_t>(i)); });
  EXPECT_TRUE(net.training());
  EXPECT_TRUE(net.children()[1].second->training());
  EXPECT_FALSE(net.children()[2].second->training());
}

TEST(Recalibrate, WorksOnALayerAloneAndOnceOnALayerUsedTwice) {
  BatchNorm2d layer(3);
  recalibrate(layer, 1, [](Index) { return batch(1); });
  EXPECT_LE((layer.running_stats().mean - channel_stats(batch(1)).mean).abs().maxCoeff(), 1e-6);
  const auto shared = std::make_shared<BatchNorm2d>(3);
  Sequential net;
  net.add(shared).add(ReLU()).add(shared);
  EXPECT_EQ(batch_norms(net).size(), 1U);
  BatchNorm2d alone(3);
  freeze_batch_norm(alone);
  EXPECT_TRUE(alone.frozen());
}

TEST(Recalibrate, AFailureDoesNotSilenceTheLint) {
  Sequential net(BatchNorm2d(3), Conv2d(3, 4), BatchNorm2d(4));
  initialize(net, 1);
  const std::string before = bytes_of(net.named_buffers());
  Tensor weight = net.children()[1].second->parameters()[0];
  weight.rows()(0, 0) = kNaN;
  EXPECT_THROW(recalibrate(net, 2, [](Index i) { return batch(static_cast<std::uint64_t>(i)); }), NonFiniteError);
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
  net.eval();
  EXPECT_EQ(lint(net).size(), 2U);
}

TEST(Lint, TrustsRecalibratedStatisticsUntilTheyAreReset) {
  BatchNorm2d layer(3);
  recalibrate(layer, 1, [](Index) { return batch(1); });
  layer.eval();
  EXPECT_TRUE(lint(layer).empty());
  layer.reset_running_stats();
  EXPECT_EQ(lint(layer).size(), 1U);
  layer.train();
  layer.forward(batch(1));
  layer.eval();
  EXPECT_EQ(lint(layer).size(), 1U) << "as many batches as before the reset";
  recalibrate(layer, 1, [](Index) { return batch(1); });
  layer.load_state_dict(BatchNorm2d(3).state_dict());
  EXPECT_EQ(lint(layer).size(), 1U) << "a state that saw nothing";
}

TEST(Lint, LooksAtTheStatisticsOfAStateWithoutCounter) {
  BatchNorm2d used(3), loaded(3);
  for (std::uint64_t i = 0; i < 5; ++i) used.forward(batch(i));
  NamedTensors old = used.state_dict();
  old.pop_back();
  loaded.load_state_dict(old);
  loaded.eval();
  EXPECT_TRUE(lint(loaded).empty());
}

TEST(SetRunningStats, ChecksWhatItTakes) {
  BatchNorm2d layer(3), untracked(3, {.track_running_stats = false});
  const std::string before = bytes_of(layer.named_buffers());
  expect_error([&] { layer.set_running_stats(channel_moments(random_tensor({4, 2, 3, 3}, 1)), 1); }, {"3", "2"});
  expect_error([&] { layer.set_running_stats(Moments{}, 1); }, {"more than 1"});
  expect_error([&] { untracked.set_running_stats(channel_moments(batch(1)), 1); }, {"no running statistics"});
  Tensor bad = batch(1);
  bad.pixels()(3, 1) = kInfinity;
  EXPECT_THROW(layer.set_running_stats(channel_moments(bad), 1), NonFiniteError);
  EXPECT_EQ(bytes_of(layer.named_buffers()), before);
}

TEST(Freeze, GivesBackEachOfTheTwo) {
  for (const bool weight : {false, true})
    for (const bool bias : {false, true}) {
      BatchNorm2d layer(3);
      std::vector<Tensor> own = layer.parameters();
      own[0].requires_grad(weight);
      own[1].requires_grad(bias);
      layer.freeze();
      layer.freeze(false);
      EXPECT_EQ(own[0].requires_grad(), weight);
      EXPECT_EQ(own[1].requires_grad(), bias);
    }
}

TEST(Freeze, GivesBackWhatItFound) {
  BatchNorm2d layer(3);
  const std::vector<Tensor> own = layer.parameters();
  Tensor(own[0]).requires_grad(false);
  layer.freeze();
  layer.freeze();
  EXPECT_FALSE(own[1].requires_grad());
  layer.freeze(false);
  EXPECT_FALSE(own[0].requires_grad());
  EXPECT_TRUE(own[1].requires_grad());
  sum(mul(layer.forward(batch(1)), batch(2))).backward();
  layer.freeze(false);
  EXPECT_TRUE(own[1].grad().defined()) << "thawing what is not frozen touches nothing";
}

TEST(Sequential, AForwardThatThrowsLeavesEarlierLayersAsTheyWere) {
  Sequential net(BatchNorm2d(3), Conv2d(3, 4));
  net.add(Sequential(BatchNorm2d(4), ReLU())).add(BatchNorm2d(5));
  const std::string before = bytes_of(net.state_dict());
  expect_error([&] { net.forward(batch(1)); }, {"layer 3, BatchNorm2d(5)"});
  EXPECT_EQ(bytes_of(net.state_dict()), before);
}

TEST(StateDict, MayComeFromTheSameModel) {
  Sequential net(BatchNorm2d(2), BatchNorm2d(2));
  set(net.parameters()[0], from_doubles({2}, {1, 5}));
  set(net.parameters()[2], from_doubles({2}, {7, 8}));
  NamedTensors exchanged = net.state_dict();
  std::swap(exchanged[0].second, exchanged[5].second);  // 0.weight and 1.weight
  net.load_state_dict(exchanged);
  EXPECT_EQ(to_doubles(net.parameters()[0]), (std::vector<double>{7, 8}));
  EXPECT_EQ(to_doubles(net.parameters()[2]), (std::vector<double>{1, 5}));
  exchanged[3].second = Tensor();
  expect_error([&] { net.load_state_dict(exchanged); }, {"0.running_var", "no numbers"});
}

TEST(SGD, RefusesToTrainNothing) {
  SGD frozen(std::vector<Tensor>{Tensor({4})}, {});
  expect_error([&] { frozen.step(); }, {"SGD", "requires_grad"});
  expect_error([] { SGD(NamedTensors{{"3.weight", Tensor()}}, {}); }, {"3.weight", "not defined"});
}

}  // namespace
}  // namespace norma::test
