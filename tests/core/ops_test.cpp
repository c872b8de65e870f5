#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

using Values = std::vector<Real>;

TEST(Ops, ElementwiseByHand) {
  const Tensor a = Tensor::from_values({2, 2}, {1, 2, 3, 4}), b = Tensor::from_values({2, 2}, {10, 20, 30, -40});
  EXPECT_EQ(add(a, b).to_values(), (Values{11, 22, 33, -36}));
  EXPECT_EQ(mul(a, b).to_values(), (Values{10, 40, 90, -160}));
  EXPECT_EQ(scale(a, -2).to_values(), (Values{-2, -4, -6, -8}));
  EXPECT_EQ(sum(b).item(), 20);
  EXPECT_EQ(mean(b).item(), 5);
  EXPECT_EQ(sum(b).rank(), 0);
}

TEST(Ops, ElementwiseOverManyBlocksAndEveryRank) {
  for (const Shape& shape : {Shape{}, Shape{7}, Shape{3000, 5}, Shape{5, 3, 31, 29}, Shape{0, 3, 4, 4}}) {
    const Tensor a = random_tensor(shape, 1), b = random_tensor(shape, 2);
    const Values left = a.to_values(), right = b.to_values();
    Values total, product, triple;
    for (std::size_t i = 0; i < left.size(); ++i) {
      total.push_back(left[i] + right[i]);
      product.push_back(left[i] * right[i]);
      triple.push_back(3 * left[i]);
    }
    EXPECT_EQ(add(a, b).to_values(), total) << shape;
    EXPECT_EQ(mul(a, b).to_values(), product) << shape;
    EXPECT_EQ(scale(a, 3).to_values(), triple) << shape;
  }
}

TEST(Ops, MatmulEqualsThreeLoops) {
  const Index sizes[][3] = {{1, 1, 1}, {2, 3, 4}, {65, 7, 3}, {200, 33, 17}, {0, 3, 2}, {2, 0, 3}};
  for (const auto& [n, k, m] : sizes) {
    const Tensor a = random_tensor({n, k}, 1), b = random_tensor({k, m}, 2);
    std::vector<double> expected;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < m; ++j) {
        double total = 0;
        for (Index l = 0; l < k; ++l)
          total += static_cast<double>(a.rows()(i, l)) * static_cast<double>(b.rows()(l, j));
        expected.push_back(total);
      }
    EXPECT_LE(max_difference(to_doubles(matmul(a, b)), expected), 2e-5) << n << " " << k << " " << m;
  }
}

TEST(Ops, GradientsByHand) {
  const Tensor a = Tensor::from_values({1, 2}, {2, 3}).requires_grad(true);
  const Tensor b = Tensor::from_values({2, 1}, {5, 7}).requires_grad(true);
  const Tensor y = matmul(a, b);
  EXPECT_EQ(y.item(), 31);
  y.backward();
  EXPECT_EQ(a.grad().to_values(), (Values{5, 7}));
  EXPECT_EQ(b.grad().to_values(), (Values{2, 3}));

  const Tensor x = Tensor::full({4}, 1).requires_grad(true);
  mean(scale(x, 8)).backward();
  EXPECT_EQ(x.grad().to_values(), (Values{2, 2, 2, 2}));
}

// 1024 additions in float may be off by 1024 eps / 2 = 3e-5 of the sum, a million by 3%.
TEST(Ops, SumStaysAccurateOverAMillionNumbers) {
  constexpr Index kCount = 1'000'000;
  const Real tenth = Real(0.1);
  const double exact = static_cast<double>(tenth) * static_cast<double>(kCount);
  EXPECT_NEAR(static_cast<double>(sum(Tensor::full({kCount, 1}, tenth)).item()), exact, exact * 3e-5);
  EXPECT_NEAR(static_cast<double>(mean(Tensor::full({1000, 10, 10, 10}, tenth)).item()), 0.1, 3e-6);
}

TEST(Ops, OfNothing) {
  EXPECT_EQ(sum(Tensor({0, 3, 2, 2})).item(), 0);
  expect_error([] { mean(Tensor({0, 3})); }, {"mean", "(0,3)"});
}

TEST(Ops, ErrorsNameTheOperationAndShowBothShapes) {
  const Tensor a({2, 3}), b({3, 2});
  expect_error([&] { add(a, b); }, {"add", "(2,3)", "(3,2)"});
  expect_error([&] { mul(a, b); }, {"mul", "(2,3)", "(3,2)"});
  expect_error([&] { matmul(a, a); }, {"matmul", "(2,3)"});
  expect_error([&] { matmul(a, Tensor({3})); }, {"matmul", "(2,3)", "(3)"});
}

}  // namespace
}  // namespace norma::test
