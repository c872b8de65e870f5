#include <thread>

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

std::vector<Real> gradient_of(const Tensor& x) { return x.grad().to_values(); }

using Values = std::vector<Real>;

TEST(Autograd, ATensorUsedTwiceSumsItsGradients) {
  const Tensor x = Tensor::from_values({3}, {1, 2, 5}).requires_grad(true);
  sum(add(x, x)).backward();
  EXPECT_EQ(gradient_of(x), (Values{2, 2, 2}));
  x.zero_grad();
  sum(mul(x, x)).backward();
  EXPECT_EQ(gradient_of(x), (Values{2, 4, 10}));
}

TEST(Autograd, ADiamondCountsBothPaths) {
  const Tensor x = Tensor::from_values({2}, {3, -1}).requires_grad(true);
  const Tensor square = mul(x, x);
  sum(mul(add(square, scale(x, 3)), square)).backward();  // (x^2 + 3x) x^2: 4x^3 + 9x^2
  EXPECT_EQ(gradient_of(x), (Values{189, 5}));
}

TEST(Autograd, FortyDiamondsOnTopOfEachOtherTakeNoExponentialTime) {
  const Tensor x = Tensor::full({}, 1).requires_grad(true);
  Tensor y = x;
  for (int i = 0; i < 40; ++i) y = add(y, y);
  y.backward();
  EXPECT_EQ(x.grad().item(), static_cast<Real>(0x1p40));
}

TEST(Autograd, ARuleRunsOnceAndOnlyWhenItsGradientIsComplete) {
  const Tensor x = Tensor::full({}, 2).requires_grad(true);
  int calls = 0;
  const Tensor y = record("watched", Tensor::full({}, 2), {x}, [x, &calls](const Tensor& dy) {
    ++calls;
    EXPECT_EQ(dy.item(), 1 + 3 + 4);  // the far use (y^2: 2 * 2) too, although it was recorded last
    x.accumulate_grad(dy);
  });
  add(add(y, scale(y, 3)), mul(y, y)).backward();
  EXPECT_EQ(calls, 1);
}

TEST(Autograd, NoGradNestsAndEnds) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  EXPECT_TRUE(recording());
  {
    const NoGrad outer;
    { const NoGrad inner; }
    EXPECT_FALSE(recording());
    EXPECT_FALSE(scale(x, 2).requires_grad());
  }
  EXPECT_TRUE(recording());
  EXPECT_TRUE(scale(x, 2).requires_grad());
}

TEST(Autograd, NoGradHoldsOnItsOwnThreadAlone) {
  const NoGrad here;
  bool recorded_there = false;
  std::thread([&] { recorded_there = recording(); }).join();
  EXPECT_TRUE(recorded_there);
  EXPECT_FALSE(recording());
}

TEST(Autograd, NothingIsRecordedForInputsThatWantNoGradient) {
  const Tensor y = add(Tensor({2}), Tensor({2}));
  EXPECT_FALSE(y.requires_grad());
  expect_error([&] { sum(y).backward(); }, {"backward", "wants a gradient"});
}

TEST(Autograd, DetachCutsTheGraph) {
  const Tensor x = Tensor::from_values({2}, {3, 4}).requires_grad(true);
  sum(mul(x, x.detach())).backward();
  EXPECT_EQ(gradient_of(x), (Values{3, 4}));
}

TEST(Autograd, ASecondBackwardIsAnErrorThatNamesTheOperation) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  const Tensor product = mul(x, x), loss = sum(product);
  loss.backward();
  expect_error([&] { loss.backward(); }, {"backward", "sum"});
  expect_error([&] { sum(product).backward(); }, {"backward", "mul"});
  EXPECT_EQ(gradient_of(x), (Values{2, 2})) << "the refused passes must add nothing";
}

TEST(Autograd, BackwardNeedsAScalarThatDependsOnALeaf) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  expect_error([&] { scale(x, 2).backward(); }, {"backward", "one element", "(2)"});
  expect_error([] { Tensor::full({}, 1).backward(); }, {"backward", "gradient"});
}

TEST(Autograd, BackwardFromALeafGivesItOne) {
  const Tensor x = Tensor::full({}, 5).requires_grad(true);
  x.backward();
  EXPECT_EQ(x.grad().item(), 1);
}

TEST(Autograd, LeavesAccumulateUntilZeroGrad) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  EXPECT_FALSE(x.grad().defined());
  sum(scale(x, 3)).backward();
  sum(scale(x, 4)).backward();
  EXPECT_EQ(gradient_of(x), (Values{7, 7}));
  x.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  sum(x).backward();
  EXPECT_EQ(gradient_of(x), (Values{1, 1}));
}

TEST(Autograd, RequiresGradOnAComputedTensorIsAnErrorThatNamesTheOperation) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  Tensor y = scale(x, 2);
  expect_error([&] { y.requires_grad(false); }, {"requires_grad", "scale"});
}

TEST(Autograd, SwitchingRequiresGradOffFreezesALeaf) {
  Tensor x = Tensor::full({2}, 1).requires_grad(true);
  const Tensor w = Tensor::full({2}, 3).requires_grad(true);
  x.requires_grad(false);
  sum(mul(x, w)).backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_EQ(gradient_of(w), (Values{1, 1}));
}

TEST(Autograd, IntermediateTensorsKeepNoGradient) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  const Tensor y = scale(x, 2), loss = sum(y);
  loss.backward();
  EXPECT_FALSE(y.grad().defined());
  EXPECT_FALSE(loss.grad().defined());
}

TEST(Autograd, BackwardFreesWhatTheRulesKept) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  auto kept = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = kept;
  const Tensor y = record("keeps", Tensor::full({2}, 1), {x},
                          [x, kept = std::move(kept)](const Tensor& dy) { x.accumulate_grad(dy); });
  EXPECT_FALSE(watch.expired());
  sum(y).backward();
  EXPECT_TRUE(watch.expired()) << "the graph must be freed though y is alive";
}

constexpr int kDeep = 200'000;

Tensor deep_chain(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < kDeep; ++i) y = scale(y, i % 2 ? Real(2) : Real(0.5));
  return y;
}

TEST(Autograd, ADeepChainRunsBackwardWithoutRecursion) {
  const Tensor x = Tensor::full({}, 3).requires_grad(true);
  deep_chain(x).backward();
  EXPECT_EQ(x.grad().item(), 1);
}

TEST(Autograd, ADeepChainIsDroppedWithoutRecursion) {
  const Tensor x = Tensor::full({}, 3).requires_grad(true);
  const std::weak_ptr<int> watch = [&] {
    auto kept = std::make_shared<int>(1);
    std::weak_ptr<int> seen = kept;
    const Tensor bottom = record("keeps", Tensor::full({}, 3), {x}, [kept](const Tensor&) {});
    EXPECT_EQ(deep_chain(bottom).item(), 3);
    return seen;
  }();
  EXPECT_TRUE(watch.expired());
}

TEST(Autograd, GradientsOfTwoTensorsNeverShareMemory) {
  const Tensor a = Tensor::full({2}, 1).requires_grad(true), b = Tensor::full({2}, 1).requires_grad(true);
  sum(add(a, b)).backward();
  EXPECT_NE(a.grad().rows().data(), b.grad().rows().data());
  sum(a).backward();
  EXPECT_EQ(gradient_of(a), (Values{2, 2}));
  EXPECT_EQ(gradient_of(b), (Values{1, 1}));
}

TEST(Autograd, AGradientAUserHoldsIsNotAdopted) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  const Tensor g = Tensor::full({2}, 5);
  const Tensor same_numbers = g.detach();
  x.accumulate_grad(g);
  x.accumulate_grad(g);
  EXPECT_EQ(gradient_of(x), (Values{10, 10}));
  EXPECT_EQ(same_numbers.to_values(), (Values{5, 5}));
}

TEST(Autograd, AGradientOfWhichOnlyTheNumbersAreSharedIsNotAdopted) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  const Tensor numbers = Tensor::full({2}, 5);
  x.accumulate_grad(numbers.detach());
  x.accumulate_grad(numbers.detach());
  EXPECT_EQ(numbers.to_values(), (Values{5, 5}));
  EXPECT_EQ(gradient_of(x), (Values{10, 10}));
}

TEST(Autograd, AGradientNobodyElseHoldsIsAdopted) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  Tensor g = Tensor::full({2}, 5);
  const Real* place = g.rows().data();
  x.accumulate_grad(std::move(g));
  EXPECT_EQ(x.grad().rows().data(), place);
}

TEST(Autograd, AccumulateGradRefusesAnotherShape) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  expect_error([&] { x.accumulate_grad(Tensor({3})); }, {"accumulate_grad", "(2)", "(3)"});
}

TEST(Autograd, ARuleMadeOfRecordedOperationsRecordsNothing) {
  const Tensor x = Tensor::from_values({2}, {2, 3}).requires_grad(true);
  const Tensor y = record("square", mul(x.detach(), x.detach()), {x}, [x](const Tensor& dy) {
    const Tensor dx = scale(mul(x, dy), 2);
    EXPECT_FALSE(dx.requires_grad());
    x.accumulate_grad(dx);
  });
  sum(y).backward();
  EXPECT_EQ(gradient_of(x), (Values{4, 6}));
  EXPECT_FALSE(x.grad().requires_grad());
  EXPECT_TRUE(recording()) << "backward() must leave recording on";
}

TEST(Autograd, ABranchThatPassesNothingBackIsSkipped) {
  const Tensor x = Tensor::full({}, 2).requires_grad(true);
  const Tensor blocked = record("block", Tensor::full({}, 2), {scale(x, 3)}, [](const Tensor&) {});
  add(x, blocked).backward();
  EXPECT_EQ(x.grad().item(), 1);
}

}  // namespace
}  // namespace norma::test
