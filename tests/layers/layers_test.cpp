// The layers without a test file of their own.
#include "norma/core/storage.h"
#include "norma/layers/dropout.h"
#include "norma/layers/flatten.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

using Values = std::vector<Real>;
using Labels = std::vector<int>;

TEST(ReLU, PositivePartAndZeroGradientAtZero) {
  const Tensor x = Tensor::from_values({5}, {-2, -0.0f, 0, 3, -kInfinity}).requires_grad(true);
  const Tensor y = ReLU()(x);
  EXPECT_EQ(y.to_values(), (Values{0, 0, 0, 3, 0}));
  sum(scale(y, 5)).backward();
  EXPECT_EQ(x.grad().to_values(), (Values{0, 0, 0, 5, 0}));
}

TEST(ReLU, NaNStaysNaN) {
  const Values y = relu(Tensor::from_values({3}, {kNaN, -1, 1})).to_values();
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 0);
}

TEST(ReLU, NaNIsPassedOnInBothDirections) {
  const Tensor x = Tensor::from_values({4}, {kNaN, -0.0f, 1, -1}).requires_grad(true);
  const Tensor y = relu(x);
  sum(mul(y, Tensor::from_values({4}, {2, kNaN, kNaN, kNaN}))).backward();
  const Values dx = x.grad().to_values();
  EXPECT_EQ(dx[0], 2) << "where x is NaN";
  EXPECT_EQ(dx[1], 0);
  EXPECT_TRUE(std::isnan(dx[2]));
  EXPECT_EQ(dx[3], 0);
}

TEST(ReLU, FreesItsInput) {
  const Tensor x = Tensor::from_values({2}, {-3, 3}).requires_grad(true);
  Tensor product = mul(x, x);
  const Index before = Storage::live();
  const Tensor y = relu(product);
  product = Tensor();
  EXPECT_EQ(Storage::live(), before);
  sum(y).backward();
  EXPECT_EQ(x.grad().to_values(), (Values{-6, 6}));
}

TEST(ReLU, OverManyBlocksAndEmpty) {
  const Tensor x = random_tensor({5, 3, 31, 29}, 1);
  Values expected = x.to_values();
  for (Real& value : expected) value = std::max(value, Real{0});
  EXPECT_EQ(relu(x).to_values(), expected);
  EXPECT_EQ(relu(Tensor({0, 3, 2, 2})).shape(), (Shape{0, 3, 2, 2}));
}

TEST(MaxPool2d, OddSizesRoundDownAndTheRestGetsNoGradient) {
  const Tensor x = Tensor::from_values({1, 1, 3, 5}, {1, 2, 3, 9, 100, 4, 0, 8, 7, 100, 100, 100, 100, 100, 100});
  Tensor leaf = x.clone().requires_grad(true);
  const Tensor y = MaxPool2d(2)(leaf);
  EXPECT_EQ(y.shape(), (Shape{1, 1, 1, 2}));
  EXPECT_EQ(y.to_values(), (Values{4, 9}));
  sum(mul(y, Tensor::from_values({1, 1, 1, 2}, {2, 3}))).backward();
  EXPECT_EQ(leaf.grad().to_values(), (Values{0, 0, 0, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(MaxPool2d, OfEqualNumbersTheFirstGetsTheWholeGradient) {
  const Tensor x = Tensor::full({1, 1, 2, 4}, 7).requires_grad(true);
  sum(mul(max_pool2d(x, 2), Tensor::from_values({1, 1, 1, 2}, {2, 3}))).backward();
  EXPECT_EQ(x.grad().to_values(), (Values{2, 0, 3, 0, 0, 0, 0, 0}));
  const Tensor later = Tensor::from_values({1, 1, 2, 2}, {1, 5, 5, 5}).requires_grad(true);
  sum(max_pool2d(later, 2)).backward();
  EXPECT_EQ(later.grad().to_values(), (Values{0, 1, 0, 0}));
}

TEST(MaxPool2d, NaNWinsAndGetsTheGradient) {
  for (std::size_t place = 0; place < 4; ++place) {
    Values values = {1, 4, 2, 3};
    values[place] = kNaN;
    const Tensor x = Tensor::from_values({1, 1, 2, 2}, values).requires_grad(true);
    const Tensor y = max_pool2d(x, 2);
    EXPECT_TRUE(std::isnan(y.item())) << place;
    sum(y).backward();
    Values expected(4);
    expected[place] = 1;
    EXPECT_EQ(x.grad().to_values(), expected) << place;
  }
}

TEST(MaxPool2d, EqualsLoops) {
  for (const Index kernel : {1, 2, 3}) {
    const Tensor x = random_tensor({3, 17, 7, 6}, 1, -5);
    const Tensor y = max_pool2d(x, kernel);
    ASSERT_EQ(y.shape(), (Shape{3, 17, 7 / kernel, 6 / kernel}));
    for (Index n = 0; n < 3; ++n)
      for (Index c = 0; c < 17; ++c)
        for (Index i = 0; i < 7 / kernel; ++i)
          for (Index j = 0; j < 6 / kernel; ++j) {
            Real largest = -kInfinity;
            for (Index u = 0; u < kernel; ++u)
              for (Index v = 0; v < kernel; ++v)
                largest = std::max(largest, x.at(n, c, i * kernel + u, j * kernel + v));
            ASSERT_EQ(y.at(n, c, i, j), largest);
          }
  }
  EXPECT_EQ(max_pool2d(Tensor({0, 3, 4, 4}), 2).shape(), (Shape{0, 3, 2, 2}));
}

TEST(MaxPool2d, Errors) {
  expect_error([] { max_pool2d(Tensor({1, 1, 2, 5}), 3); }, {"max_pool2d", "3x3", "(1,1,2,5)"});
  expect_error([] { max_pool2d(Tensor({1, 1, 5, 2}), 3); }, {"max_pool2d", "3x3", "(1,1,5,2)"});
  expect_error([] { max_pool2d(Tensor({1, 4}), 2); }, {"max_pool2d", "(1,4)"});
  expect_error([] { MaxPool2d(0); }, {"MaxPool2d", "kernel_size", "0"});
}

TEST(GlobalAvgPool, IsTheMeanOfEveryImageAndChannel) {
  const Tensor x = Tensor::from_values({2, 2, 1, 2}, {1, 3, 10, 20, -1, 1, 5, 6}).requires_grad(true);
  const Tensor y = GlobalAvgPool()(x);
  EXPECT_EQ(y.shape(), (Shape{2, 2}));
  EXPECT_EQ(y.to_values(), (Values{2, 15, 0, 5.5}));
  sum(mul(y, Tensor::from_values({2, 2}, {2, 4, 6, 8}))).backward();
  EXPECT_EQ(x.grad().to_values(), (Values{1, 1, 2, 2, 3, 3, 4, 4}));
  expect_error([] { global_avg_pool(Tensor({2, 3, 0, 4})); }, {"global_avg_pool", "(2,3,0,4)"});
  expect_error([] { global_avg_pool(Tensor({2, 3})); }, {"global_avg_pool", "(2,3)"});
}

TEST(Flatten, KeepsTheLogicalOrder) {
  const Tensor x = random_leaf({3, 4, 2, 5}, 1);
  const Tensor y = Flatten()(x);
  EXPECT_EQ(y.shape(), (Shape{3, 40}));
  EXPECT_EQ(y.to_values(), x.to_values());
  const Tensor dy = random_tensor({3, 40}, 2);
  sum(mul(y, dy)).backward();
  EXPECT_EQ(x.grad().to_values(), dy.to_values());
  EXPECT_EQ(flatten(Tensor({3, 7})).shape(), (Shape{3, 7}));
  EXPECT_EQ(flatten(Tensor({0, 4, 2, 5})).shape(), (Shape{0, 40}));
  expect_error([] { flatten(Tensor({3})); }, {"flatten", "(3)"});
}

TEST(Linear, ByHandWithAndWithoutBias) {
  const Tensor x = Tensor::from_values({2, 3}, {1, 2, 3, 4, 5, 6}).requires_grad(true);
  const Tensor weight = Tensor::from_values({2, 3}, {1, 0, -1, 2, 1, 0}).requires_grad(true);
  const Tensor bias = Tensor::from_values({2}, {10, 20}).requires_grad(true);
  EXPECT_EQ(linear(x, weight, Tensor()).to_values(), (Values{-2, 4, -2, 13}));
  const Tensor y = linear(x, weight, bias);
  EXPECT_EQ(y.to_values(), (Values{8, 24, 8, 33}));
  sum(mul(y, Tensor::from_values({2, 2}, {1, 2, 3, 4}))).backward();
  EXPECT_EQ(x.grad().to_values(), (Values{5, 2, -1, 11, 4, -3}));
  EXPECT_EQ(weight.grad().to_values(), (Values{13, 17, 21, 18, 24, 30}));
  EXPECT_EQ(bias.grad().to_values(), (Values{4, 6}));
}

TEST(Linear, KeepsItsInputOnlyForTheWeight) {
  const Tensor x = Tensor::full({1, 2}, 3).requires_grad(true);
  for (const bool trained : {true, false}) {
    const Tensor weight = Tensor::full({1, 2}, 5).requires_grad(trained);
    Tensor doubled = scale(x, 2);
    const Index before = Storage::live();
    const Tensor y = linear(doubled, weight, Tensor());
    doubled = Tensor();
    EXPECT_EQ(Storage::live(), before + (trained ? 1 : 0));
    x.zero_grad();
    sum(y).backward();
    EXPECT_EQ(x.grad().to_values(), (Values{10, 10}));
  }
}

TEST(Linear, Errors) {
  expect_error([] { linear(Tensor({2, 3}), Tensor({4, 2}), Tensor()); }, {"linear", "(4,2)", "(2,3)"});
  expect_error([] { linear(Tensor({2, 3}), Tensor({4, 3}), Tensor({3})); }, {"linear", "bias (4)", "(3)"});
  expect_error([] { linear(Tensor({2, 3, 1, 1}), Tensor({4, 3}), Tensor()); }, {"linear", "(2,3,1,1)"});
  expect_error([] { Linear(0, 3); }, {"Linear", "in_features 0"});
}

TEST(Dropout, KeepsTheMeanAndScalesWhatItKeeps) {
  Dropout layer(0.25, 1);
  const Tensor y = layer(Tensor::full({200, 100}, 3));
  EXPECT_NEAR(static_cast<double>(mean(y).item()), 3, 5 * 3 * std::sqrt(1.0 / 3 / 20'000));
  Index zeros = 0;
  for (const Real value : y.to_values()) {
    EXPECT_TRUE(value == 0 || std::abs(value - 4) < Real(1e-5)) << value;
    zeros += value == 0;
  }
  EXPECT_NEAR(static_cast<double>(zeros), 5000, 5 * std::sqrt(20'000 * 0.25 * 0.75));
}

TEST(Dropout, MaskIsAFunctionOfSeedAndCall) {
  const Tensor x = random_tensor({64, 50}, 1);
  Dropout a(0.5, 1), b(0.5, 1), other(0.5, 2);
  const Tensor first = a(x), second = a(x);
  EXPECT_TRUE(same_bits(b(x), first));
  EXPECT_TRUE(same_bits(b(x), second));
  EXPECT_FALSE(same_bits(first, second));
  EXPECT_FALSE(same_bits(other(x), first));
}

TEST(Dropout, TheSameMaskOnAnyThreadCount) {
  const Tensor x = random_tensor({5000, 7}, 1);
  const Tensor once = Dropout(0.5, 1)(x);
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    EXPECT_TRUE(same_bits(Dropout(0.5, 1)(x), once)) << threads;
  }
}

TEST(Dropout, GradientGoesWhereTheNumberWent) {
  const Tensor x = random_leaf({20, 30}, 1);
  const Tensor y = Dropout(0.5, 3)(x);
  sum(y).backward();
  const Values in = x.to_values(), out = y.to_values(), slope = x.grad().to_values();
  for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(out[i], in[i] * slope[i]);
}

TEST(Dropout, EvaluationAndTheLimits) {
  const Tensor x = random_tensor({4, 5}, 1);
  Dropout layer(0.5);
  layer.eval();
  EXPECT_TRUE(same_bits(layer(x), x));
  EXPECT_TRUE(same_bits(Dropout(0)(x), x));
  for (const Real value : Dropout(1)(x).to_values()) EXPECT_EQ(value, 0);
  for (const double p : {-0.1, 1.1, std::nan("")}) expect_error([&] { Dropout{p}; }, {"Dropout", "[0,1]"});
}

TEST(CrossEntropy, ByHand) {
  const Tensor z = Tensor::from_values({2, 3}, {1, 2, 3, 0, 0, 0}).requires_grad(true);
  const Tensor loss = cross_entropy(z, Labels{2, 0});
  const double total = std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
  EXPECT_NEAR(static_cast<double>(loss.item()), (std::log(total) - 3 + std::log(3.0)) / 2, 1e-6);
  scale(loss, 4).backward();
  const std::vector<double> expected = {
      2 * std::exp(1.0) / total, 2 * std::exp(2.0) / total, 2 * std::exp(3.0) / total - 2, -4.0 / 3, 2.0 / 3, 2.0 / 3};
  EXPECT_LE(max_difference(to_doubles(z.grad()), expected), 1e-6);
}

TEST(CrossEntropy, SmoothingByHand) {
  const Tensor z = Tensor::from_values({1, 2}, {3, 0}).requires_grad(true);
  const Tensor loss = cross_entropy(z, Labels{0}, 0.5);  // target 0.75, 0.25
  const double log_sum = std::log(std::exp(3.0) + 1);
  EXPECT_NEAR(static_cast<double>(loss.item()), log_sum - 0.75 * 3, 1e-6);
  loss.backward();
  const double p = 1 / (1 + std::exp(-3.0));
  EXPECT_LE(max_difference(to_doubles(z.grad()), {p - 0.75, 0.75 - p}), 1e-6);
}

TEST(CrossEntropy, HugeAndInfiniteLogits) {
  EXPECT_EQ(cross_entropy(Tensor::from_values({1, 3}, {1e4, -1e4, 0}), Labels{0}).item(), 0);
  EXPECT_EQ(cross_entropy(Tensor::from_values({1, 3}, {1e4, -1e4, 0}), Labels{1}).item(), 20'000);
  const Tensor z = Tensor::from_values({1, 3}, {0, -kInfinity, 0}).requires_grad(true);
  const Tensor loss = cross_entropy(z, Labels{0});
  EXPECT_NEAR(static_cast<double>(loss.item()), std::log(2.0), 1e-6);
  loss.backward();
  EXPECT_LE(max_difference(to_doubles(z.grad()), {-0.5, 0, 0.5}), 1e-6);
  EXPECT_TRUE(std::isnan(cross_entropy(Tensor::from_values({1, 2}, {kNaN, 0}), Labels{0}).item()));
}

TEST(CrossEntropy, Errors) {
  const Tensor z({2, 3});
  expect_error([&] { cross_entropy(z, Labels{0, 3}); }, {"cross_entropy", "label 3", "row 1", "(2,3)"});
  expect_error([&] { cross_entropy(z, Labels{-1, 0}); }, {"cross_entropy", "label -1", "row 0"});
  expect_error([&] { cross_entropy(z, Labels{0}); }, {"cross_entropy", "2 labels", "got 1"});
  expect_error([] { cross_entropy(Tensor({0, 3}), Labels{}); }, {"cross_entropy", "empty", "(0,3)"});
  expect_error([] { cross_entropy(Tensor({3}), Labels{0}); }, {"cross_entropy", "(3)"});
  for (const double smoothing : {-0.1, 1.1, std::nan("")})
    expect_error([&] { cross_entropy(z, Labels{0, 1}, smoothing); }, {"cross_entropy", "label_smoothing"});
}

TEST(CountCorrect, CountsRowsWhoseLargestNumberIsAtTheLabel) {
  const Tensor z = Tensor::from_values({3, 3}, {1, 5, 2, 9, 0, 0, 0, 0, 1});
  EXPECT_EQ(count_correct(z, Labels{1, 0, 2}), 3);
  EXPECT_EQ(count_correct(z, Labels{1, 1, 0}), 1);
  EXPECT_EQ(count_correct(Tensor({0, 3}), Labels{}), 0);
  expect_error([&] { count_correct(z, Labels{1, 0}); }, {"count_correct", "3 labels", "got 2"});
  expect_error([&] { count_correct(z, Labels{1, 0, 5}); }, {"count_correct", "label 5", "row 2"});
}

}  // namespace
}  // namespace norma::test
