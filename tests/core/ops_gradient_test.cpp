// gradcheck over the elementary operations, each with a product before it so that its dx flows into something.
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

const Shape kShapes[] = {{},     {1},          {7},          {3, 4},        {1, 5},
                         {6, 1}, {2, 3, 4, 5}, {1, 1, 1, 1}, {3, 17, 2, 1}, {2, 2, 25, 25}};

TEST(OpsGradient, Elementwise) {
  for (const Shape& shape : kShapes) {
    const Tensor a = random_leaf(shape, 1), b = random_leaf(shape, 2), c = random_leaf(shape, 3);
    const std::string label = join(shape);
    expect_gradient("add " + label, [&] { return add(mul(a, b), c); }, {a, b, c});
    expect_gradient("mul " + label, [&] { return mul(mul(a, b), c); }, {a, b, c});
    expect_gradient("scale " + label, [&] { return scale(mul(a, b), Real(-1.75)); }, {a, b});
    expect_gradient("sum " + label, [&] { return sum(mul(a, b)); }, {a, b});
    expect_gradient("mean " + label, [&] { return mean(mul(a, b)); }, {a, b});
  }
}

TEST(OpsGradient, Matmul) {
  const Index sizes[][3] = {{1, 1, 1}, {1, 5, 1},  {2, 3, 4},   {5, 1, 3},
                            {4, 4, 4}, {65, 3, 2}, {130, 5, 3}, {3, 33, 17}};
  for (const auto& [n, k, m] : sizes) {
    const Tensor a = random_leaf({n, k}, 1), b = random_leaf({n, k}, 2), c = random_leaf({k, m}, 3);
    expect_gradient(join("matmul ", n, " ", k, " ", m), [&] { return matmul(mul(a, b), c); }, {a, b, c});
  }
}

TEST(OpsGradient, ATensorUsedTwice) {
  const Tensor x = random_leaf({3, 4}, 1);
  expect_gradient("add", [&] { return add(x, x); }, {x});
  expect_gradient("mul", [&] { return mul(x, x); }, {x});
  const Tensor square = random_leaf({4, 4}, 2);
  expect_gradient("matmul", [&] { return matmul(square, square); }, {square});
  expect_gradient("diamond",
                  [&] {
                    const Tensor y = mul(x, x);
                    return mul(add(y, scale(x, 3)), y);
                  },
                  {x});
}

}  // namespace
}  // namespace norma::test
