#include "norma/layers/conv2d.h"

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

struct Case {
  Index n, c, h, w, o, k, stride, padding;
  bool bias = true;

  Index out_h() const { return (h + 2 * padding - k) / stride + 1; }
  Index out_w() const { return (w + 2 * padding - k) / stride + 1; }
  Shape out_shape() const { return {n, o, out_h(), out_w()}; }
};

std::ostream& operator<<(std::ostream& out, const Case& s) {
  return out << "x (" << s.n << ',' << s.c << ',' << s.h << ',' << s.w << "), " << s.o << " filters " << s.k << "x"
             << s.k << ", stride " << s.stride << ", padding " << s.padding << (s.bias ? ", bias" : "");
}

const Case kCases[] = {
    // n, c, h, w, o, k, stride, padding
    {1, 1, 1, 1, 1, 1, 1, 0},         {2, 3, 5, 4, 2, 1, 1, 0},
    {2, 3, 5, 4, 2, 1, 2, 0, false},  {2, 3, 4, 6, 2, 1, 1, 1},
    {2, 3, 6, 5, 4, 2, 1, 0},         {1, 1, 7, 5, 3, 2, 2, 1, false},
    {2, 1, 5, 8, 1, 2, 3, 0},         {2, 3, 8, 6, 5, 3, 1, 1},
    {1, 3, 6, 9, 2, 3, 1, 0, false},  {2, 17, 5, 7, 3, 3, 2, 1},
    {2, 3, 7, 7, 2, 3, 3, 1},         {1, 2, 4, 5, 2, 3, 1, 3},
    {1, 3, 4, 4, 2, 3, 2, 5},         {2, 17, 6, 5, 1, 5, 1, 2},
    {1, 3, 9, 7, 2, 5, 2, 2, false},  {1, 1, 5, 5, 2, 5, 1, 0},
    {1, 3, 7, 9, 2, 7, 2, 3},         {1, 1, 2, 3, 2, 7, 1, 3},
    {3, 4, 3, 3, 2, 3, 1, 0},         {2, 2, 1, 6, 2, 3, 1, 1},
    {2, 2, 6, 1, 2, 3, 2, 1},         {0, 3, 5, 5, 2, 3, 1, 1},
    {33, 17, 16, 16, 2, 3, 1, 1},                                            // several blocks of images
    {35, 17, 24, 23, 1, 3, 1, 1},                                            // more blocks than tasks
    {33, 3, 5, 4, 3, 3, 2, 1, false}, {1, 2, 3, 3, 2, 3, 1 << 20, 1 << 20},  // nearly all is padding
};

/// Numbers with the logical index (n,c,h,w), in double.
struct Grid {
  Shape shape;
  std::vector<double> values = std::vector<double>(static_cast<std::size_t>(shape.size()));

  double& operator()(Index n, Index c, Index h, Index w) {
    return values[static_cast<std::size_t>(((n * shape[1] + c) * shape[2] + h) * shape[3] + w)];
  }
};

/// Calls visit(n, o, i, j, c, u, v, row, column) for every product a convolution is made of: the definition, in 7 loops.
template <class Visit>
void for_each_product(const Case& s, Visit visit) {
  for (Index n = 0; n < s.n; ++n)
    for (Index o = 0; o < s.o; ++o)
      for (Index i = 0; i < s.out_h(); ++i)
        for (Index j = 0; j < s.out_w(); ++j)
          for (Index c = 0; c < s.c; ++c)
            for (Index u = 0; u < s.k; ++u)
              for (Index v = 0; v < s.k; ++v) {
                const Index row = i * s.stride + u - s.padding, column = j * s.stride + v - s.padding;
                if (0 <= row && row < s.h && 0 <= column && column < s.w) visit(n, o, i, j, c, u, v, row, column);
              }
}

struct Expected {
  Grid y, dx, dweight;
  std::vector<double> dbias;
};

Expected by_loops(const Case& s, const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& dy) {
  Expected e{{s.out_shape()}, {x.shape()}, {weight.shape()}, std::vector<double>(static_cast<std::size_t>(s.o))};
  for (Index n = 0; n < s.n; ++n)
    for (Index o = 0; o < s.o; ++o)
      for (Index i = 0; i < s.out_h(); ++i)
        for (Index j = 0; j < s.out_w(); ++j) {
          if (s.bias) e.y(n, o, i, j) = static_cast<double>(bias.pixels()(0, o));
          e.dbias[static_cast<std::size_t>(o)] += static_cast<double>(dy.at(n, o, i, j));
        }
  for_each_product(s, [&](Index n, Index o, Index i, Index j, Index c, Index u, Index v, Index row, Index column) {
    const double pixel = static_cast<double>(x.at(n, c, row, column)),
                 entry = static_cast<double>(weight.at(o, c, u, v));
    const double slope = static_cast<double>(dy.at(n, o, i, j));
    e.y(n, o, i, j) += pixel * entry;
    e.dx(n, c, row, column) += slope * entry;
    e.dweight(o, c, u, v) += slope * pixel;
  });
  return e;
}

TEST(Conv2d, EqualsSevenLoopsForwardAndBackward) {
  constexpr double kTolerance = 1e-5;
  for (const ConvMethod method : {ConvMethod::automatic, ConvMethod::reference})
    for (const Case& s : kCases) {
      SCOPED_TRACE(join(s, method == ConvMethod::reference ? ", reference" : ""));
      const Tensor x = random_leaf({s.n, s.c, s.h, s.w}, 1), weight = random_leaf({s.o, s.c, s.k, s.k}, 2);
      const Tensor bias = s.bias ? random_leaf({s.o}, 3) : Tensor();
      const Tensor dy = random_tensor(s.out_shape(), 4);
      const Expected expected = by_loops(s, x, weight, bias, dy);

      const Tensor y = conv2d(x, weight, bias, s.stride, s.padding, method);
      ASSERT_EQ(y.shape(), s.out_shape());
      EXPECT_LE(max_relative_difference(to_doubles(y), expected.y.values), kTolerance);

      sum(mul(y, dy)).backward();
      EXPECT_LE(max_relative_difference(to_doubles(x.grad()), expected.dx.values), kTolerance);
      EXPECT_LE(max_relative_difference(to_doubles(weight.grad()), expected.dweight.values), kTolerance);
      if (!s.bias) continue;
      EXPECT_LE(max_relative_difference(to_doubles(bias.grad()), expected.dbias), kTolerance);
    }
}

TEST(Conv2d, GivesOnlyTheGradientsThatAreWanted) {
  const Tensor x = random_tensor({2, 3, 5, 5}, 1), weight = random_leaf({2, 3, 3, 3}, 2), bias = random_tensor({2}, 3);
  sum(conv2d(x, weight, bias, 1, 1)).backward();
  EXPECT_TRUE(weight.grad().defined());
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(bias.grad().defined());
}

TEST(Conv2d, HasTheSameBitsOnAnyThreadCount) {
  const Tensor x = random_leaf({20, 17, 24, 23}, 1), weight = random_leaf({5, 17, 3, 3}, 2), bias = random_leaf({5}, 3);
  const Tensor dy = random_tensor({20, 5, 24, 23}, 4);
  std::vector<Tensor> first;
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    const Tensor y = conv2d(x, weight, bias, 1, 1);
    sum(mul(y, dy)).backward();
    const std::vector<Tensor> results = {y.detach(), x.grad(), weight.grad(), bias.grad()};
    for (const Tensor& leaf : {x, weight, bias}) leaf.zero_grad();
    if (first.empty()) first = results;
    for (std::size_t i = 0; i < results.size(); ++i)
      EXPECT_TRUE(same_bits(results[i], first[i])) << threads << " " << i;
  }
}

TEST(Conv2d, ErrorsShowBothSides) {
  const Tensor x({8, 4, 32, 30}), weight({32, 3, 3, 3}), none;
  expect_error([&] { conv2d(x, weight, none, 1, 0); },
               {"conv2d", "weight (32,3,3,3)", "needs 3 input channels", "x (8,4,32,30)"});
  const Tensor fits({32, 4, 3, 3});
  expect_error(
      [&] {
        conv2d(Tensor({8, 4, 2, 9}), fits, none, 1, 0);
      },
      {"conv2d", "kernel 3x3", "larger than the padded image 2x9"});
  expect_error([&] { conv2d(Tensor({8, 4, 9, 0}), fits, none, 1, 1); }, {"conv2d", "kernel 3x3", "11x2"});
  expect_error([&] { conv2d(x, fits, Tensor({31}), 1, 0); }, {"conv2d", "bias (32)", "(31)"});
  expect_error([&] { conv2d(x, fits, Tensor({1, 32}), 1, 0); }, {"conv2d", "bias (32)", "(1,32)"});
  expect_error([&] { conv2d(x, fits, none, 0, 0); }, {"conv2d", "stride 0"});
  expect_error([&] { conv2d(x, fits, none, -1, 0); }, {"conv2d", "stride -1"});
  expect_error([&] { conv2d(x, fits, none, 1, -1); }, {"conv2d", "padding -1"});
  expect_error([&] { conv2d(Tensor({8, 4}), fits, none, 1, 0); }, {"conv2d", "(N,C,H,W)", "(8,4)"});
  expect_error([&] { conv2d(x, Tensor({32, 4}), none, 1, 0); }, {"conv2d", "(Cout,Cin,k,k)", "(32,4)"});
  expect_error([&] { conv2d(x, Tensor({32, 4, 3, 2}), none, 1, 0); }, {"conv2d", "(32,4,3,2)"});
  expect_error([&] { conv2d(x, Tensor({32, 4, 0, 0}), none, 1, 0); }, {"conv2d", "k > 0"});
}

TEST(Conv2d, LayerErrors) {
  expect_error([] { Conv2d(0, 2); }, {"Conv2d", "in_channels 0"});
  expect_error([] { Conv2d(3, 0); }, {"Conv2d", "out_channels 0"});
  expect_error([] { Conv2d(3, 2, {.kernel_size = 0}); }, {"Conv2d", "kernel_size 0"});
  expect_error([] { Conv2d(3, 2, {.stride = 0}); }, {"Conv2d", "stride 0"});
  expect_error([] { Conv2d(3, 2, {.padding = -1}); }, {"Conv2d", "padding -1"});
}

TEST(Conv2d, LayerAppliesItsOptions) {
  Conv2d layer(3, 2, {.kernel_size = 5, .stride = 2, .padding = 1});
  const std::vector<Tensor> parameters = layer.parameters();
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].shape(), (Shape{2, 3, 5, 5}));
  EXPECT_EQ(parameters[1].shape(), (Shape{2}));
  const Tensor x = random_tensor({2, 3, 9, 8}, 1);
  EXPECT_TRUE(same_bits(layer(x), conv2d(x, parameters[0], parameters[1], 2, 1)));
  EXPECT_EQ(layer.describe(), "Conv2d(3, 2, kernel_size=5, stride=2, padding=1)");
  EXPECT_EQ(layer.multiply_adds(x.shape(), {2, 2, 4, 3}), 2 * 2 * 4 * 3 * 3 * 5 * 5);
  EXPECT_EQ(names_of(Conv2d(3, 2, {.bias = false}).named_parameters()), (std::vector<std::string>{"weight"}));
}

}  // namespace
}  // namespace norma::test
