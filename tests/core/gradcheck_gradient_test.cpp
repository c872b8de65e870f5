// gradcheck: that it finds wrong gradients and graphs that are never freed, and lets right layers pass.
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

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

TEST(Gradcheck, FindsARuleThatCapturesItsOwnResult) {
  const Tensor x = random_leaf({3, 4}, 1);
  std::vector<std::weak_ptr<Tensor>> captured;
  const auto square = [&] {
    const Tensor y = mul(x.detach(), x.detach());
    const auto in_rule = std::make_shared<Tensor>(y);  // as [y], but it can be taken out again
    captured.push_back(in_rule);
    return record("leaking_square", y, {x},
                  [x, in_rule](const Tensor& dy) { x.accumulate_grad(scale(mul(x, dy), 2)); });
  };
  expect_error([&] { gradcheck(square, {x}); }, {"gradcheck", "leaves 1 block(s)", "capture its own result"});
  EXPECT_FALSE(x.grad().defined());
  for (const auto& y : captured)  // for the leak sanitizer
    if (const auto in_rule = y.lock()) *in_rule = Tensor();
}

TEST(Gradcheck, ARuleThatIsGivenItsResultLeavesNothing) {
  const Tensor x = random_leaf({3, 4}, 1);
  const auto exponential = [&] {
    const Tensor y = elementwise([](Real value) { return std::exp(value); }, x);
    return record("exp", y, {x},
                  [x = x.edge()](const Tensor& dy, const Tensor& exp_x) { x.accumulate_grad(mul(dy, exp_x)); });
  };
  EXPECT_LE(gradcheck(exponential, {x}), 1e-6);
}

TEST(Gradcheck, ALayerMayKeepItsLastResult) {
  const Tensor x = random_leaf({3, 4}, 1);
  Tensor last;  // with its graph, until the next call
  EXPECT_LE(gradcheck([&] { return last = mul(x, x); }, {x}), 1e-6);
}

TEST(Gradcheck, ALayerMayFillACacheAtAnyCall) {
  const Tensor x = random_leaf({3, 4}, 1);
  int calls = 0, filled_at = 1;
  Tensor cache;
  const auto f = [&] {
    if (++calls == filled_at) cache = Tensor::full({3, 4}, 3);
    return mul(x, x);
  };
  gradcheck(f, {x});
  const int calls_of_a_check = calls;
  for (filled_at = 1; filled_at <= calls_of_a_check; ++filled_at) {
    calls = 0;
    cache = Tensor();
    EXPECT_LE(gradcheck(f, {x}), 1e-6) << filled_at;
    EXPECT_TRUE(cache.defined());
  }
}

}  // namespace
}  // namespace norma::test
