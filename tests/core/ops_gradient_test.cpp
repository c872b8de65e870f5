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

/// a * b, with what a rule could forget.
Tensor wrong_mul(const Tensor& a, const Tensor& b, bool forget_a, bool forget_b) {
  return record("wrong_mul", mul(a.detach(), b.detach()), {a, b}, [a, b, forget_a, forget_b](const Tensor& dy) {
    a.accumulate_grad(forget_a ? Tensor(a.shape()) : mul(dy, b));
    b.accumulate_grad(forget_b ? Tensor(b.shape()) : mul(dy, a));
  });
}

TEST(Gradcheck, FindsAMissingTerm) {
  const Tensor a = random_leaf({3, 4}, 1), b = random_leaf({3, 4}, 2);
  EXPECT_LE(gradcheck([&] { return wrong_mul(a, b, false, false); }, {a, b}), 1e-6);
  EXPECT_GT(gradcheck([&] { return wrong_mul(a, b, true, false); }, {a, b}), 1e-3);
  EXPECT_GT(gradcheck([&] { return wrong_mul(a, b, false, true); }, {a, b}), 1e-3);
  EXPECT_GT(gradcheck([&] { return wrong_mul(a, a, false, true); }, {a}), 1e-3);
}

TEST(Gradcheck, FindsOneWrongEntryAmongMany) {
  const Tensor x = random_leaf({20, 50}, 1);
  const auto f = [&] {
    return record("almost", x.clone(), {x}, [x](const Tensor& dy) {
      Tensor dx = dy.clone();
      dx.rows()(7, 11) = 0;
      x.accumulate_grad(std::move(dx));
    });
  };
  EXPECT_GT(gradcheck(f, {x}), 1e-3);
}

TEST(Gradcheck, RefusesInputsItCannotCheck) {
  const Tensor x = random_leaf({2}, 1), unused = random_leaf({3}, 2), constant = random_tensor({2}, 3);
  expect_error(
      [&] {
        gradcheck([&] { return mul(x, constant); }, {x, constant});
      },
      {"gradcheck", "requires_grad", "(2)"});
  expect_error(
      [&] {
        gradcheck([&] { return mul(x, x); }, {x, unused});
      },
      {"gradcheck", "input 1", "(3)", "no gradient"});
  expect_error([&] { gradcheck([&] { return scale(x, kNaN); }, {x}); }, {"gradcheck", "not finite"});
}

TEST(Gradcheck, LeavesTheInputsAsTheyWereAndWithoutGradient) {
  const Tensor x = random_leaf({3, 4}, 1);
  const Tensor before = x.clone();
  gradcheck([&] { return mul(x, x); }, {x});
  EXPECT_TRUE(same_bits(x, before));
  EXPECT_FALSE(x.grad().defined());
}

}  // namespace
}  // namespace norma::test
