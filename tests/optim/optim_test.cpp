#include "norma/layers/linear.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/schedule.h"
#include "norma/optim/sgd.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

/// Runs three steps with these gradients from p = 1, in double, by the text of optim/sgd.h.
std::vector<double> by_hand(const SGDOptions& o, const std::vector<double>& gradients) {
  double p = 1, v = 0;
  std::vector<double> path;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const double d = gradients[i] + o.weight_decay * p;
    v = i == 0 ? d : o.momentum * v + d;
    p -= o.lr * (o.momentum == 0 ? d : o.nesterov ? d + o.momentum * v : v);
    path.push_back(p);
  }
  return path;
}

TEST(SGD, ThreeStepsByHand) {
  const SGDOptions options[] = {{.lr = 0.5},
                                {.lr = 0.5, .momentum = 0.9},
                                {.lr = 0.5, .momentum = 0.9, .nesterov = true},
                                {.lr = 0.5, .weight_decay = 0.1},
                                {.lr = 0.5, .momentum = 0.9, .weight_decay = 0.1},
                                {.lr = 0.5, .momentum = 0.5, .weight_decay = 0.25, .nesterov = true}};
  const std::vector<double> gradients = {0.5, -2, 1.5};
  for (const SGDOptions& o : options) {
    const Tensor p = Tensor::full({3}, 1).requires_grad(true);
    SGD sgd({p}, o);
    const std::vector<double> expected = by_hand(o, gradients);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      sgd.zero_grad();
      sum(scale(p, static_cast<Real>(gradients[i]))).backward();
      sgd.step();
      const std::string label = join("momentum ", o.momentum, ", nesterov ", o.nesterov, ", decay ", o.weight_decay);
      EXPECT_LE(max_difference(to_doubles(p), std::vector<double>(3, expected[i])), 1e-6) << label << ", step " << i;
    }
  }
  EXPECT_DOUBLE_EQ(by_hand({.lr = 0.5}, gradients)[2], 1 - 0.5 * (0.5 - 2 + 1.5));
  // v = 0.5, 0.9 * 0.5 - 2 = -1.55, 0.9 * -1.55 + 1.5 = 0.105
  EXPECT_DOUBLE_EQ(by_hand({.lr = 0.5, .momentum = 0.9}, gradients)[2], 1 - 0.5 * (0.5 - 1.55 + 0.105));
}

TEST(SGD, ManyParametersOverManyBlocks) {
  const Tensor p = random_leaf({40'000}, 1);
  const Tensor gradient = random_tensor({40'000}, 2), before = p.clone();
  p.accumulate_grad(gradient);
  SGD({p}, {.lr = 0.25}).step();
  const RowMajorArray expected = before.rows() - Real(0.25) * gradient.rows();
  EXPECT_LE((p.rows() - expected).abs().maxCoeff(), 1e-6);
}

TEST(SGD, GradientsAreReadOnly) {
  for (const double momentum : {0.0, 0.9}) {
    const Tensor p = random_leaf({100}, 1);
    p.accumulate_grad(random_tensor({100}, 2));
    const Tensor before = p.grad().clone();
    SGD sgd({p}, {.lr = 0.5, .momentum = momentum, .weight_decay = 0.1, .nesterov = momentum > 0});
    sgd.step();
    sgd.step();
    EXPECT_TRUE(same_bits(p.grad(), before));
  }
}

TEST(SGD, AMissingGradientIsNamedAndNothingChanges) {
  Sequential net(Linear(2, 2), ReLU(), ReLU(), Linear(2, 2));
  const NamedTensors parameters = net.named_parameters();
  SGD sgd(parameters, {.lr = 1, .momentum = 0.9});
  for (const auto& [name, p] : parameters)
    if (name != "3.weight") p.accumulate_grad(Tensor::full(p.shape(), 1));
  const std::string before = bytes_of(parameters);
  expect_error([&] { sgd.step(); }, {"SGD", "3.weight", "no gradient"});
  EXPECT_EQ(bytes_of(parameters), before);
  expect_error([&] { SGD(net.parameters(), {}).step(); }, {"SGD", "number 2", "(2,2)"});
}

TEST(SGD, ZeroGradClearsAndTheLearningRateCanChange) {
  const Tensor p = Tensor::full({1}, 1).requires_grad(true);
  SGD sgd({p}, {.lr = 0.5});
  p.accumulate_grad(Tensor::full({1}, 1));
  sgd.zero_grad();
  EXPECT_FALSE(p.grad().defined());
  sgd.learning_rate(0.25);
  EXPECT_EQ(sgd.learning_rate(), 0.25);
  p.accumulate_grad(Tensor::full({1}, 1));
  sgd.step();
  EXPECT_EQ(p.item(), Real(0.75));
}

TEST(SGD, ChecksItsOptions) {
  const std::vector<Tensor> p = {Tensor({1}).requires_grad(true)};
  for (const double bad : {-0.1, std::nan(""), HUGE_VAL}) {
    expect_error([&] { SGD(p, {.lr = bad}); }, {"SGD", "lr"});
    expect_error([&] { SGD(p, {.momentum = bad}); }, {"SGD", "momentum"});
    expect_error([&] { SGD(p, {.weight_decay = bad}); }, {"SGD", "weight_decay"});
    expect_error([&] { SGD(p, {}).learning_rate(bad); }, {"SGD", "lr"});
  }
  expect_error([&] { SGD(p, {.nesterov = true}); }, {"SGD", "nesterov", "momentum"});
}

Schedule schedule(const std::string& name, Index steps, Index warmup) {
  return Schedule({.name = name, .peak = 0.4, .steps = steps, .warmup = warmup, .every = 10, .factor = 0.5});
}

TEST(Schedule, WarmUpRisesInAStraightLineToThePeak) {
  for (const std::string name : {"constant", "step", "cosine"}) {
    const Schedule s = schedule(name, 100, 8);
    for (Index step = 0; step < 8; ++step)
      EXPECT_NEAR(s.at(step), 0.4 * static_cast<double>(step + 1) / 8, 1e-12) << name;
    EXPECT_NEAR(s.at(8), 0.4, 1e-12) << name;
  }
}

TEST(Schedule, ConstantAndStep) {
  for (Index step = 0; step < 100; ++step) EXPECT_EQ(schedule("constant", 100, 0).at(step), 0.4);
  const Schedule s = schedule("step", 100, 5);
  EXPECT_NEAR(s.at(14), 0.4, 1e-12);
  EXPECT_NEAR(s.at(15), 0.2, 1e-12);
  EXPECT_NEAR(s.at(25), 0.1, 1e-12);
}

TEST(Schedule, CosineFallsFromThePeakThroughTheMiddle) {
  const Schedule s = schedule("cosine", 100, 0);
  EXPECT_NEAR(s.at(0), 0.4, 1e-12);
  EXPECT_NEAR(s.at(50), 0.2, 1e-12);
  EXPECT_NEAR(s.at(25), 0.2 * (1 + std::sqrt(0.5)), 1e-12);
  for (Index step = 1; step < 100; ++step) EXPECT_LT(s.at(step), s.at(step - 1));
  EXPECT_GT(s.at(99), 0);
  EXPECT_EQ(s.at(1000), s.at(99)) << "after the end: the last rate";
}

TEST(Schedule, OneCycleRisesFromATwentyFifthAndFallsToNearlyNothing) {
  const Schedule s = schedule("one-cycle", 100, 30);
  EXPECT_NEAR(s.at(0), 0.4 / 25, 1e-12);
  EXPECT_NEAR(s.at(29), 0.4, 1e-12);
  EXPECT_NEAR(s.at(99), 0.4 / 250'000, 1e-12);
  for (Index step = 1; step < 30; ++step) EXPECT_GT(s.at(step), s.at(step - 1));
  for (Index step = 30; step < 100; ++step) EXPECT_LT(s.at(step), s.at(step - 1));
}

TEST(Schedule, TheSmallestOnesAreFinite) {
  for (const std::string& name : Schedule::names())
    for (const Index steps : {1, 2, 3})
      for (Index warmup = 0; warmup <= steps; ++warmup)
        for (Index step = 0; step < steps; ++step) {
          const double rate = schedule(name, steps, warmup).at(step);
          EXPECT_TRUE(std::isfinite(rate) && rate >= 0 && rate <= 0.4 + 1e-12)
              << name << steps << warmup << step << rate;
        }
}

TEST(Schedule, Errors) {
  expect_error([] { schedule("cosin", 10, 0); }, {"schedule", "'cosin'", "constant, step, cosine, one-cycle"});
  expect_error([] { schedule("cosine", 0, 0); }, {"schedule", "steps", "0"});
  expect_error([] { schedule("cosine", 10, 11); }, {"schedule", "warm-up", "[0,10]", "11"});
  expect_error([] { schedule("cosine", 10, -1); }, {"schedule", "warm-up", "-1"});
  expect_error([] { Schedule({.every = 0}); }, {"schedule", "every"});
  for (const double bad : {-1.0, std::nan(""), HUGE_VAL})
    expect_error([&] { Schedule({.peak = bad}); }, {"learning rate"});
}

TEST(SGD, LeavesFrozenParametersAlone) {
  const Tensor frozen = Tensor::full({2}, 1).requires_grad(false), trained = Tensor::full({2}, 1).requires_grad(true);
  SGD optimizer({frozen, trained}, {.lr = 0.5, .momentum = 0.9, .weight_decay = 0.1});
  sum(mul(trained, frozen)).backward();
  optimizer.step();
  EXPECT_EQ(to_doubles(frozen), (std::vector<double>{1, 1}));
  EXPECT_LT(trained.to_values()[0], 1);
}

TEST(SGD, GoesOnFromItsState) {
  const auto gradient = [](const Tensor& p, double factor) { sum(scale(p, static_cast<Real>(factor))).backward(); };
  const Tensor p = random_leaf({3, 2, 5, 5}, 1), q = random_leaf({4}, 2),
               idle = random_leaf({2}, 3).requires_grad(false);
  const SGDOptions options{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true};
  const auto train = [&](SGD& sgd, const Tensor& a, const Tensor& b, double factor) {
    sgd.zero_grad();
    gradient(a, factor);
    gradient(b, -factor);
    sgd.step();
  };
  SGD first({{"p", p}, {"q", q}, {"idle", idle}}, options);
  EXPECT_TRUE(first.state().empty());
  for (const double factor : {1.0, -2.0}) train(first, p, q, factor);
  EXPECT_EQ(names_of(first.state()), (std::vector<std::string>{"p", "q"}));

  const Tensor p2 = p.clone().requires_grad(true), q2 = q.clone().requires_grad(true);
  SGD second({{"p", p2}, {"q", q2}, {"idle", idle}}, options);
  second.load_state(first.state());
  for (const double factor : {0.5, 3.0}) {
    train(first, p, q, factor);
    train(second, p2, q2, factor);
  }
  EXPECT_TRUE(same_bits(p, p2) && same_bits(q, q2));
  EXPECT_EQ(bytes_of(first.state()), bytes_of(second.state())) << "and load_state() had copied";
}

TEST(SGD, RefusesAStateThatDoesNotFit) {
  const Tensor p = random_leaf({3}, 1), v = random_tensor({3}, 2);
  SGD sgd({{"p", p}}, {.lr = 0.1, .momentum = 0.9});
  sgd.load_state({{"p", v}});
  expect_error([&] { sgd.load_state({{"q", v}}); }, {"SGD", "q", "not known"});
  expect_error([&] { sgd.load_state({{"p", v}, {"p", v}}); }, {"SGD", "p", "twice"});
  expect_error([&] { sgd.load_state({{"p", Tensor()}}); }, {"SGD", "p", "no numbers"});
  expect_error([&] { sgd.load_state({{"p", Tensor({4})}}); }, {"SGD", "p", "(3)", "(4)"});
  EXPECT_TRUE(same_bits(sgd.state().at(0).second, v)) << "nothing changed";
}

}  // namespace
}  // namespace norma::test
