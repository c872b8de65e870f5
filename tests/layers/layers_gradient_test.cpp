// gradcheck over the layers. Each stands behind a product or another layer, so that its dx flows into something.
#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/flatten.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

TEST(LayerGradient, Conv2d) {
  struct Case {
    Shape x;
    Index o, k, stride, padding;
  };
  const Case cases[] = {{{1, 1, 1, 1}, 1, 1, 1, 0},  {{2, 3, 5, 4}, 2, 1, 2, 0}, {{2, 3, 4, 6}, 2, 2, 1, 1},
                        {{2, 2, 6, 5}, 3, 3, 1, 1},  {{2, 3, 7, 5}, 2, 3, 2, 1}, {{1, 17, 5, 6}, 2, 3, 3, 2},
                        {{2, 1, 6, 7}, 2, 5, 1, 2},  {{1, 2, 4, 4}, 2, 4, 1, 0}, {{1, 2, 3, 3}, 2, 3, 1, 4},
                        {{9, 5, 30, 31}, 2, 3, 1, 1}};
  for (const Case& s : cases) {
    const Tensor x = random_leaf(s.x, 1), factor = random_leaf(s.x, 2);
    const Tensor weight = random_leaf({s.o, s.x[1], s.k, s.k}, 3), bias = random_leaf({s.o}, 4);
    const std::string label =
        join("conv2d of ", s.x, ", ", s.k, "x", s.k, ", stride ", s.stride, ", padding ", s.padding);
    expect_gradient(label, [&] { return conv2d(mul(x, factor), weight, bias, s.stride, s.padding); },
                    {x, factor, weight, bias});
    expect_gradient(label + ", no bias", [&] { return conv2d(mul(x, factor), weight, Tensor(), s.stride, s.padding); },
                    {x, factor, weight});
  }
}

TEST(LayerGradient, Linear) {
  const Index sizes[][3] = {{1, 1, 1}, {1, 5, 2},  {3, 4, 5},   {6, 1, 3},
                            {2, 7, 1}, {70, 3, 4}, {130, 2, 2}, {4, 33, 17}};
  for (const auto& [n, in, out] : sizes) {
    const Tensor x = random_leaf({n, in}, 1), factor = random_leaf({n, in}, 2), weight = random_leaf({out, in}, 3);
    const Tensor bias = random_leaf({out}, 4);
    const std::string label = join("linear ", n, " ", in, " ", out);
    expect_gradient(label, [&] { return linear(mul(x, factor), weight, bias); }, {x, factor, weight, bias});
    expect_gradient(label + ", no bias", [&] { return linear(mul(x, factor), weight, Tensor()); }, {x, factor, weight});
  }
}

const Shape kImages[] = {{1, 1, 2, 2}, {2, 3, 4, 5}, {1, 17, 3, 2}, {3, 2, 7, 3},
                         {4, 1, 2, 9}, {2, 5, 6, 6}, {5, 3, 3, 3},  {2, 2, 32, 33}};

TEST(LayerGradient, ReLU) {
  for (const Shape& shape : kImages) {
    const Tensor x = random_leaf(shape, 1), factor = random_leaf(shape, 2);
    expect_gradient(join("relu ", shape), [&] { return relu(mul(x, factor)); }, {x, factor});
  }
}

TEST(LayerGradient, MaxPool2d) {
  for (const Shape& shape : kImages)
    for (const Index kernel : {1, 2}) {
      const Tensor x = random_leaf(shape, 1), factor = random_leaf(shape, 2);
      expect_gradient(join("max_pool2d ", kernel, " ", shape), [&] { return max_pool2d(mul(x, factor), kernel); },
                      {x, factor});
    }
  const Tensor x = random_leaf({2, 3, 7, 8}, 1), factor = random_leaf({2, 3, 7, 8}, 2);
  expect_gradient("max_pool2d 3", [&] { return max_pool2d(mul(x, factor), 3); }, {x, factor});
}

TEST(LayerGradient, GlobalAvgPool) {
  for (const Shape& shape : kImages) {
    const Tensor x = random_leaf(shape, 1), factor = random_leaf(shape, 2);
    expect_gradient(join("global_avg_pool ", shape), [&] { return global_avg_pool(mul(x, factor)); }, {x, factor});
  }
}

TEST(LayerGradient, Flatten) {
  for (const Shape& shape : kImages) {
    const Tensor x = random_leaf(shape, 1), factor = random_leaf(shape, 2);
    expect_gradient(join("flatten ", shape), [&] { return flatten(mul(x, factor)); }, {x, factor});
  }
}

TEST(LayerGradient, Dropout) {
  for (const Shape& shape : kImages)
    for (const double p : {0.1, 0.5}) {
      const Tensor x = random_leaf(shape, 1), factor = random_leaf(shape, 2);
      const auto f = [&] { return Dropout(p, 7)(mul(x, factor)); };
      expect_gradient(join("dropout ", p, " ", shape), f, {x, factor});
    }
}

TEST(LayerGradient, CrossEntropy) {
  const Index sizes[][2] = {{1, 1}, {1, 2}, {3, 2}, {2, 5}, {7, 3}, {4, 10}, {16, 10}, {33, 17}};
  for (const auto& [n, k] : sizes)
    for (const double smoothing : {0.0, 0.1, 1.0}) {
      const Tensor x = random_leaf({n, 4}, 1), weight = random_leaf({k, 4}, 2);
      std::vector<int> labels;
      for (Index i = 0; i < n; ++i) labels.push_back(static_cast<int>(i * 7 % k));
      const auto f = [&] { return cross_entropy(linear(x, weight, Tensor()), labels, smoothing); };
      expect_gradient(join("cross_entropy ", n, " ", k, ", smoothing ", smoothing), f, {x, weight});
    }
}

}  // namespace
}  // namespace norma::test
