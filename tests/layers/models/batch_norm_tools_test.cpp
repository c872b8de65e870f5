// What is done to all batch norms of a model together: freeze, recalibrate, fold.
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/lint.h"

#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/optim/sgd.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

Sequential small_net() {
  Sequential net(Conv2d(3, 5, {.padding = 1, .bias = false}), BatchNorm2d(5), ReLU(), MaxPool2d(2), Conv2d(5, 7),
                 BatchNorm2d(7), ReLU(), GlobalAvgPool(), Linear(7, 6), BatchNorm1d(6));
  initialize(net, 1);
  std::uint64_t seed = 50;
  for (const auto& [name, norm] : batch_norms(net))
    for (const Tensor& p : norm->parameters()) set(p, random_tensor(p.shape(), seed++, 1.5));
  return net;
}

Tensor batch(Index i) { return random_tensor({i == 2 ? 3 : 8, 3, 8, 9}, 100 + static_cast<std::uint64_t>(i), 0.5, 2); }

void train_a_little(Sequential& net) {
  for (Index i = 0; i < 3; ++i) net.forward(batch(i));
}

TEST(BatchNormModel, FindsThemByNameAlsoInside) {
  Sequential innermost(BatchNorm1d(5)), inner(ReLU(), BatchNorm1d(3));
  inner.add(std::move(innermost));
  Sequential net(BatchNorm2d(4), ReLU());
  net.add(std::move(inner));
  std::vector<std::string> found;
  for (const auto& [name, norm] : batch_norms(net)) found.push_back(name + " " + norm->describe());
  EXPECT_EQ(found, (std::vector<std::string>{"0 BatchNorm2d(4)", "2.1 BatchNorm1d(3)", "2.2.0 BatchNorm1d(5)"}));
}

TEST(Freeze, SurvivesTrainAndKeepsEverythingAsItIs) {
  Sequential net = small_net();
  train_a_little(net);
  SGD optimizer(net.named_parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1});
  freeze_batch_norm(net);
  std::string before;
  for (const auto& [name, norm] : batch_norms(net)) before += bytes_of(norm->state_dict());
  const std::string all_before = bytes_of(net.state_dict());
  for (int step = 0; step < 2; ++step) {
    net.train();
    optimizer.zero_grad();
    const Tensor y = net(batch(step));
    sum(mul(y, random_tensor(y.shape(), 5))).backward();
    optimizer.step();
  }
  std::string after;
  for (const auto& [name, norm] : batch_norms(net)) after += bytes_of(norm->state_dict());
  EXPECT_EQ(after, before);
  EXPECT_NE(bytes_of(net.state_dict()), all_before) << "the convolutions go on learning";

  net.train();
  const Tensor in_train = net.forward(batch(0));
  net.eval();
  EXPECT_TRUE(same_bits(in_train, net.forward(batch(0)))) << "frozen, both modes are evaluation";
  EXPECT_NE(net.children()[1].second->describe().find("frozen"), std::string::npos);

  freeze_batch_norm(net, false);
  net.train();
  net.forward(batch(0));
  after.clear();
  for (const auto& [name, norm] : batch_norms(net)) after += bytes_of(norm->state_dict());
  EXPECT_NE(after, before);
  for (const Tensor& p : net.parameters()) EXPECT_TRUE(p.requires_grad());
}

TEST(Freeze, NeedsRunningStatistics) {
  BatchNorm2d layer(2, {.track_running_stats = false});
  expect_error([&] { layer.freeze(); }, {"BatchNorm2d", "running statistics"});
}

TEST(Freeze, OfAModelPassesOverLayersWithoutRunningStatistics) {
  Sequential net(Conv2d(3, 2), BatchNorm2d(2, {.track_running_stats = false}), BatchNorm2d(2));
  freeze_batch_norm(net);
  const auto found = batch_norms(net);
  EXPECT_FALSE(found[0].second->frozen());
  EXPECT_TRUE(found[1].second->frozen());
}

TEST(Freeze, ForgetsTheGradientsOfTheStepBefore) {
  BatchNorm2d layer(2);
  const Tensor x = random_tensor({4, 2, 3, 3}, 1);
  sum(mul(layer.forward(x), x)).backward();
  for (const Tensor& p : layer.parameters()) ASSERT_TRUE(p.grad().defined());
  layer.freeze();
  for (const Tensor& p : layer.parameters()) EXPECT_FALSE(p.grad().defined()) << "neither norm nor step may see them";
  EXPECT_FALSE(layer.forward(x).requires_grad());
}

TEST(Freeze, WorksOnABatchOfOneValue) {
  BatchNorm2d layer(2);
  layer.freeze();
  EXPECT_EQ(layer.forward(random_tensor({1, 2, 1, 1}, 1)).size(), 2);
}

/// The numbers that reach child `k` of the net in evaluation mode, over all batches, as one matrix.
RowMajorArray inputs_of_child(Sequential& net, std::size_t k, Index batches) {
  const NoGrad values_only;
  net.eval();
  RowMajorArray all(0, 0);
  for (Index i = 0; i < batches; ++i) {
    Tensor x = batch(i);
    for (std::size_t layer = 0; layer < k; ++layer) x = net.children()[layer].second->forward(x);
    const RowMajorArray before = all;
    all.resize(before.rows() + x.pixels().rows(), x.pixels().cols());
    if (before.size() > 0) all.topRows(before.rows()) = before;
    all.bottomRows(x.pixels().rows()) = x.pixels();
  }
  return all;
}

TEST(Recalibrate, GivesTheExactStatisticsOfEveryLayersInput) {
  Sequential net = small_net();
  train_a_little(net);
  net.train();
  recalibrate(net, 3, batch);
  EXPECT_TRUE(net.training()) << "the mode is put back";
  for (const auto& [name, norm] : batch_norms(net)) {
    const auto x = inputs_of_child(net, std::stoul(name), 3).cast<double>().eval();
    const DoubleRow mean = x.colwise().mean();
    const DoubleRow variance = (x.rowwise() - mean).square().colwise().sum() / static_cast<double>(x.rows() - 1);
    const ChannelStats stats = norm->running_stats();
    EXPECT_LE(((stats.mean - mean) / variance.sqrt()).abs().maxCoeff(), 1e-6) << name;
    EXPECT_LE((stats.variance / variance - 1).abs().maxCoeff(), 1e-6) << name;
    EXPECT_EQ(norm->named_buffers()[2].second.item(), 3) << "batches, of unequal size";
    EXPECT_TRUE(lint(*norm).empty());
  }
}

TEST(Recalibrate, OnAnyFailureChangesNothing) {
  Sequential net = small_net();
  train_a_little(net);
  const std::string before = bytes_of(net.state_dict());
  const auto spoilt = [](Index i) {
    Tensor x = batch(i);
    if (i == 2) x.pixels()(4, 1) = kNaN;
    return x;
  };
  EXPECT_THROW(recalibrate(net, 3, spoilt), NonFiniteError);
  expect_error([&] { recalibrate(net, 3, spoilt); }, {"recalibrate: NaN or infinity reaches BatchNorm2d(5) \"1\""});
  EXPECT_EQ(bytes_of(net.state_dict()), before);
  int calls = 0;
  const auto fails_in_the_second_pass = [&](Index i) {
    check(++calls < 5, "no more images");
    return batch(i);
  };
  expect_error([&] { recalibrate(net, 3, fails_in_the_second_pass); }, {"no more images"});
  EXPECT_EQ(bytes_of(net.state_dict()), before);
  EXPECT_TRUE(net.training());
  net.forward(batch(0));  // nobody listens any more
  expect_error([&] { recalibrate(net, 0, batch); }, {"recalibrate", "batch"});
}

TEST(Recalibrate, LeavesFrozenLayersAlone) {
  Sequential net = small_net();
  train_a_little(net);
  BatchNorm* first = batch_norms(net)[0].second;
  first->freeze();
  const std::string before = bytes_of(first->state_dict());
  recalibrate(net, 3, batch);
  EXPECT_EQ(bytes_of(first->state_dict()), before);
}

TEST(Recalibrate, PassesOverLayersWithoutRunningStatistics) {
  Sequential net(Conv2d(3, 2), BatchNorm2d(2, {.affine = false, .track_running_stats = false}), BatchNorm2d(2));
  initialize(net, 1);
  recalibrate(net, 3, batch);
  const ChannelStats stats = batch_norms(net)[1].second->running_stats();
  EXPECT_LE(stats.mean.abs().maxCoeff(), 1e-6) << "the layer before normalised every batch";
  EXPECT_LE((stats.variance - 1).abs().maxCoeff(), 2e-3) << "m/(m-1) and eps";
}

TEST(FoldBatchNorm, GivesTheSameNumbersWithoutBatchNorm) {
  for (const bool bias : {false, true})
    for (const bool affine : {false, true})
      for (const Index stride : {1, 2}) {
        Sequential net(Conv2d(4, 6, {.kernel_size = 3, .stride = stride, .padding = 1, .bias = bias}),
                       BatchNorm2d(6, {.affine = affine}), ReLU());
        initialize(net, 3);
        for (const Tensor& p : net.children()[1].second->parameters()) set(p, random_tensor(p.shape(), 9, 1.5));
        for (std::uint64_t i = 0; i < 5; ++i) net.forward(random_tensor({4, 4, 9, 7}, i, 0.3, 2));
        net.eval();
        Sequential fast = fold_batch_norm(net);
        ASSERT_EQ(fast.children().size(), 2U);
        EXPECT_FALSE(fast.training());
        const Tensor x = random_tensor({3, 4, 9, 7}, 99, 0.3, 2);
        EXPECT_LE(max_relative_difference(to_doubles(fast(x)), to_doubles(net(x))), 1e-6);
      }
}

TEST(FoldBatchNorm, OfANetKeepsTheRestAndTheOriginal) {
  Sequential inner(Conv2d(7, 4, {.kernel_size = 1}), BatchNorm2d(4));
  Sequential net(Conv2d(3, 7, {.padding = 1}), BatchNorm2d(7), ReLU(), BatchNorm2d(7));
  net.add(std::move(inner)).add(GlobalAvgPool()).add(Dropout(0.5)).add(Linear(4, 3));
  initialize(net, 2);
  for (Index i = 0; i < 3; ++i) net.forward(batch(i));
  expect_error([&] { fold_batch_norm(net); }, {"fold_batch_norm", "eval()"});
  net.eval();
  const std::string before = bytes_of(net.state_dict());
  Sequential fast = fold_batch_norm(net);
  EXPECT_EQ(batch_norms(fast).size(), 1U) << "the one behind ReLU has no convolution to go into";
  EXPECT_LE(max_relative_difference(to_doubles(fast(batch(5))), to_doubles(net(batch(5)))), 1e-6);
  EXPECT_EQ(bytes_of(net.state_dict()), before);

  Sequential untracked(Conv2d(3, 2), BatchNorm2d(2, {.track_running_stats = false}));
  untracked.eval();
  expect_error([&] { fold_batch_norm(untracked); }, {"BatchNorm2d", "running statistics"});
}

TEST(BatchNorm, AConvolutionBeforeItNeedsNoBias) {
  Sequential net(Conv2d(3, 4, {.padding = 1}), BatchNorm2d(4), ReLU());
  initialize(net, 1);
  const Tensor y = net(random_tensor({6, 3, 8, 8}, 1));
  sum(mul(y, random_tensor(y.shape(), 2))).backward();
  const Tensor dweight = net.parameters()[0].grad(), dbias = net.parameters()[1].grad();
  EXPECT_LE(dbias.rows().abs().maxCoeff(), 2e-6 * dweight.rows().abs().maxCoeff());
  EXPECT_GT(dweight.rows().abs().maxCoeff(), 1);
}

TEST(NonFinite, IsAnErrorThatNamesTheLayerAndChangesNothing) {
  for (const Real bad : {kNaN, kInfinity, -kInfinity}) {
    Sequential net = small_net();
    train_a_little(net);
    const std::string before = bytes_of(net.state_dict());
    Tensor x = batch(0);
    x.pixels()(3, 0) = bad;
    try {
      net(x);
      ADD_FAILURE() << "no error";
    } catch (const NonFiniteError& error) {
      EXPECT_NE(std::string(error.what()).find("layer 1, BatchNorm2d(5): batch_norm"), std::string::npos)
          << error.what();
    }
    EXPECT_EQ(bytes_of(net.state_dict()), before);
    net.eval();
    EXPECT_NO_THROW(net(x)) << "in evaluation there is nothing to spoil";
  }
}

TEST(NonFinite, IgnoredItStaysOutOfStatisticsAndCounter) {
  BatchNorm2d layer(2, {.non_finite = NonFinite::ignore});
  layer.forward(random_tensor({4, 2, 3, 3}, 1));
  const std::string before = bytes_of(layer.named_buffers());
  Tensor x = random_tensor({4, 2, 3, 3}, 2);
  x.pixels()(7, 1) = kNaN;
  const Tensor y = layer.forward(x);
  EXPECT_TRUE(y.pixels().col(1).isNaN().all());
  EXPECT_FALSE(y.pixels().col(0).isNaN().any());
  EXPECT_EQ(bytes_of(layer.named_buffers()), before);
}

TEST(NonFinite, IsNoErrorWhereNothingIsKept) {
  BatchNorm2d layer(2, {.track_running_stats = false});
  Tensor x = random_tensor({4, 2, 3, 3}, 2);
  x.pixels()(7, 1) = kNaN;
  for (const bool training : {true, false}) {
    layer.train(training);
    EXPECT_TRUE(layer.forward(x).pixels().col(1).isNaN().all());
  }
}

TEST(BatchNorm1d, IsTheSameOfAMatrix) {
  BatchNorm1d layer(3);
  BatchNorm2d images(3);
  const Tensor x = random_tensor({6, 3}, 1), as_images = Tensor::from_values({6, 3, 1, 1}, x.to_values());
  EXPECT_EQ(to_doubles(layer(x)), to_doubles(images(as_images)));
  EXPECT_EQ(bytes_of(layer.named_buffers()), bytes_of(images.named_buffers()));
  expect_error([&] { layer(as_images); }, {"(N,3)", "(6,3,1,1)"});
  expect_error([&] { layer(random_tensor({1, 3}, 1)); }, {"more than 1 value", "(1,3)"});
  EXPECT_EQ(layer.describe(), "BatchNorm1d(3)");
}

}  // namespace
}  // namespace norma::test
