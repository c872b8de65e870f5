// What a graph keeps: the numbers that its rules captured, and no others. Storage::live() counts the blocks of numbers alive.
#include "norma/core/storage.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

std::vector<Real> gradient_of(const Tensor& x) { return x.grad().to_values(); }

using Values = std::vector<Real>;

TEST(Autograd, AddFreesTheNumbersOfItsInputs) {
  const Tensor x = Tensor::full({2}, 3).requires_grad(true);
  Tensor a = scale(x, 2), b = scale(x, 5);
  const Index before = Storage::live();
  const Tensor y = add(a, b);
  a = b = Tensor();
  EXPECT_EQ(Storage::live(), before + 1 - 2) << "y is new; a and b must be gone";
  sum(y).backward();
  EXPECT_EQ(gradient_of(x), (Values{7, 7}));
}

TEST(Autograd, MulKeepsOnlyTheFactorThatAWantedGradientReads) {
  const Tensor x = Tensor::full({2}, 3).requires_grad(true);
  Tensor a = scale(x, 2), mask = Tensor::full({2}, 5);
  const Index before = Storage::live();
  const Tensor y = mul(a, mask);
  mask = Tensor();
  EXPECT_EQ(Storage::live(), before + 1) << "the gradient of a reads mask";
  a = Tensor();
  EXPECT_EQ(Storage::live(), before) << "nobody wants the gradient of mask, which reads a";
  sum(y).backward();
  EXPECT_EQ(gradient_of(x), (Values{10, 10}));
}

TEST(Autograd, MatmulKeepsOnlyTheFactorThatAWantedGradientReads) {
  const Tensor x = Tensor::full({1, 1}, 3).requires_grad(true);
  Tensor a = scale(x, 2);
  const Tensor b = Tensor::full({1, 1}, 5);
  const Index before = Storage::live();
  const Tensor y = matmul(a, b);
  a = Tensor();
  EXPECT_EQ(Storage::live(), before);
  y.backward();
  EXPECT_EQ(x.grad().item(), 10);
}

Tensor exponential(const Tensor& x) {
  return record("exp", elementwise([](Real value) { return std::exp(value); }, x), {x},
                [x = x.edge()](const Tensor& dy, const Tensor& y) { x.accumulate_grad(mul(dy, y)); });
}

TEST(Autograd, ARuleIsGivenTheNumbersOfItsResult) {
  const Tensor x = Tensor::from_values({2}, {0, 1}).requires_grad(true);
  const Index before = Storage::live();
  {
    const Tensor dropped = exponential(x);
    EXPECT_TRUE(dropped.requires_grad());
    EXPECT_EQ(Storage::live(), before + 1) << "y is kept once, not copied";
  }
  EXPECT_EQ(Storage::live(), before) << "a graph that is dropped must be freed";
  const Tensor y = exponential(x);
  sum(y).backward();
  EXPECT_EQ(gradient_of(x), y.to_values());
  const NoGrad off;
  EXPECT_FALSE(exponential(x).requires_grad());
}

TEST(Autograd, ADroppedGraphOfEveryOperationIsFreed) {
  const Tensor x = Tensor::full({2, 2}, 1).requires_grad(true);
  const Index before = Storage::live();
  mean(exponential(matmul(add(x, x), mul(x, scale(x, 3)))));
  EXPECT_EQ(Storage::live(), before);
}

TEST(Autograd, BackwardFreesNumbersWhileTheLossIsAlive) {
  const Tensor x = Tensor::full({2}, 1).requires_grad(true);
  const Index before = Storage::live();
  const Tensor loss = sum(exponential(mul(x, x)));
  loss.backward();
  EXPECT_EQ(Storage::live(), before + 2) << "the loss and the gradient of x";
}

TEST(Autograd, WhetherAGradientIsWantedIsDecidedWhenTheOperationIsRecorded) {
  const Tensor x = Tensor::full({2}, 3).requires_grad(true);
  Tensor frozen = Tensor::full({2}, 5).requires_grad(true);
  frozen.requires_grad(false);
  const Tensor y = mul(x, frozen);
  frozen.requires_grad(true);  // too late: what its gradient would read was not kept
  sum(y).backward();
  EXPECT_FALSE(frozen.grad().defined());
  EXPECT_EQ(gradient_of(x), (Values{5, 5}));
}

TEST(Autograd, ALeafFrozenAfterTheForwardPassGetsNoGradient) {
  const Tensor x = Tensor::full({2}, 3).requires_grad(true);
  Tensor w = Tensor::full({2}, 5).requires_grad(true);
  const Tensor y = mul(x, w);
  w.requires_grad(false);
  sum(y).backward();
  EXPECT_FALSE(w.grad().defined());
  EXPECT_EQ(gradient_of(x), (Values{5, 5}));
}

TEST(Autograd, AnEdgeHasTheShapeAndAddsToTheGradientOfItsTensor) {
  const Tensor x = Tensor::full({2}, 3).requires_grad(true);
  const Edge edge = x.edge();
  EXPECT_TRUE(edge.requires_grad());
  EXPECT_EQ(edge.shape(), (Shape{2}));
  edge.accumulate_grad(Tensor::full({2}, 4));
  x.accumulate_grad(Tensor::full({2}, 1));
  EXPECT_EQ(gradient_of(x), (Values{5, 5}));
  expect_error([&] { edge.accumulate_grad(Tensor({3})); }, {"accumulate_grad", "(2)", "(3)"});
}

TEST(Autograd, AnEdgeOfATensorThatWantsNoGradientIsEmpty) {
  for (const Tensor& x : {Tensor(), Tensor({2})}) {
    const Edge edge = x.edge();
    EXPECT_FALSE(edge.requires_grad());
    edge.accumulate_grad(Tensor({7}));  // nothing happens
    expect_error([&] { edge.shape(); }, {"Edge", "no gradient was wanted"});
  }
}

}  // namespace
}  // namespace norma::test
