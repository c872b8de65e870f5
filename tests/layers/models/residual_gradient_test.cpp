// gradcheck over Residual, with and without a module on the shortcut.
#include "norma/layers/models/residual.h"

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/init.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

void expect_gradients_of(const std::string& label, Module& block, const Shape& shape) {
  initialize(block, 3);
  const Tensor x = random_leaf(shape, 1), factor = random_leaf(shape, 2);
  std::vector<Tensor> inputs = block.parameters();
  inputs.push_back(x);
  inputs.push_back(factor);
  expect_gradient(
      join(label, " ", shape), [&] { return block.forward(mul(x, factor)); }, inputs);
}

TEST(ResidualGradient, Identity) {
  for (const Shape& shape : {Shape{2, 3, 4, 5}, Shape{3, 3, 1, 1}, Shape{4, 3, 6, 6}}) {
    Residual block(
        Sequential(Conv2d(3, 4, {.padding = 1, .bias = false}), BatchNorm2d(4), ReLU(), Conv2d(4, 3, {.padding = 1})));
    expect_gradients_of("residual, identity", block, shape);
  }
}

TEST(ResidualGradient, StridedShortcut) {
  for (const Shape& shape : {Shape{2, 3, 4, 6}, Shape{3, 3, 5, 5}, Shape{2, 3, 7, 8}}) {
    Residual block(Sequential(Conv2d(3, 4, {.stride = 2, .padding = 1, .bias = false}), BatchNorm2d(4), ReLU(),
                              Conv2d(4, 4, {.padding = 1, .bias = false}), BatchNorm2d(4)),
                   Sequential(Conv2d(3, 4, {.kernel_size = 1, .stride = 2, .bias = false}), BatchNorm2d(4)));
    expect_gradients_of("residual, shortcut", block, shape);
  }
}

TEST(ResidualGradient, OneWithinAnother) {
  Residual block(Residual(Conv2d(3, 3, {.padding = 1})), Conv2d(3, 3, {.kernel_size = 1}));
  expect_gradients_of("residual in residual", block, {2, 3, 5, 4});
}

}  // namespace
}  // namespace norma::test
