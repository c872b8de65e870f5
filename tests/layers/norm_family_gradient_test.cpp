// gradcheck over group, layer and instance norm, and what only their double numbers show.
#include "norma/layers/group_norm.h"
#include "norma/layers/instance_norm.h"
#include "norma/layers/layer_norm.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

constexpr double kEps = 1e-5;
const Shape kImages[] = {{1, 4, 1, 3}, {2, 4, 3, 3}, {3, 4, 1, 5}, {5, 12, 2, 2},
                         {2, 4, 7, 6}, {4, 8, 3, 1}, {1, 4, 9, 3}, {2, 20, 4, 4}};

struct Inputs {
  Tensor x, factor, gamma, beta;

  Inputs(const Shape& shape, const Shape& parameters)
      : x(random_leaf(shape, 1)),
        factor(random_leaf(shape, 2, 2)),
        gamma(random_leaf(parameters, 3, 2)),
        beta(random_leaf(parameters, 4)) {}
  Tensor image() const { return mul(x, factor); }
  std::vector<Tensor> all() const { return {x, factor, gamma, beta}; }
};

TEST(GroupNormGradient, OfImages) {
  for (const Shape& shape : kImages)
    for (const Index groups : {Index{1}, Index{2}, Index{4}}) {
      const Inputs in(shape, {shape[1]});
      expect_gradient(
          join("group_norm ", shape, " in ", groups),
          [&] { return group_norm(in.image(), groups, in.gamma, in.beta, kEps); }, in.all());
    }
}

TEST(GroupNormGradient, OfAMatrixAndWithoutParameters) {
  for (const Shape& shape : {Shape{2, 6}, Shape{5, 8}}) {
    const Inputs in(shape, {shape[1]});
    expect_gradient(
        join(shape), [&] { return group_norm(in.image(), 2, in.gamma, in.beta, kEps); }, in.all());
    expect_gradient(join(shape, " plain"), [&] { return group_norm(in.image(), 2, Tensor(), Tensor(), kEps); },
                    {in.x, in.factor});
    expect_gradient(join(shape, " gamma alone"), [&] { return group_norm(in.image(), 2, in.gamma, Tensor(), kEps); },
                    {in.x, in.gamma});
    expect_gradient(join(shape, " beta alone"), [&] { return group_norm(in.image(), 2, Tensor(), in.beta, kEps); },
                    {in.x, in.beta});
  }
}

/// In float the sum of a group's equal means is exact by itself; in double it is not.
TEST(GroupNormGradient, AConstantGroupGivesExactlyBiasInDoubleToo) {
  for (const double value : {0.1, 3.3, -1234.567})
    for (const Index channels : {3, 5, 6, 7, 17}) {
      const Tensor bias = random_tensor({channels}, 1);
      const Tensor y = group_norm(Tensor::full({2, channels, 2, 3}, value), 1, Tensor(), bias, kEps);
      EXPECT_TRUE((y.pixels() == bias.pixels().replicate(y.pixels().rows(), 1)).all())
          << value << ", " << channels << " channels";
    }
}

TEST(LayerNormGradient, OfImagesAndMatrices) {
  for (const Shape& shape : kImages) {
    const Shape image{shape[1], shape[2], shape[3]};
    const Inputs in(shape, image);
    expect_gradient(
        join("layer_norm ", shape), [&] { return layer_norm(in.image(), in.gamma, in.beta, kEps); }, in.all());
    expect_gradient(join("gamma alone ", shape), [&] { return layer_norm(in.image(), in.gamma, Tensor(), kEps); },
                    {in.x, in.factor, in.gamma});
    expect_gradient(join("beta alone ", shape), [&] { return layer_norm(in.image(), Tensor(), in.beta, kEps); },
                    {in.x, in.factor, in.beta});
  }
  for (const Shape& shape : {Shape{1, 3}, Shape{4, 17}}) {
    const Inputs in(shape, {shape[1]});
    expect_gradient(
        join("layer_norm ", shape), [&] { return layer_norm(in.image(), in.gamma, in.beta, kEps); }, in.all());
  }
}

TEST(InstanceNormGradient, InBothModes) {
  for (const Shape& shape : kImages) {
    const Inputs in(shape, {shape[1]});
    expect_gradient(
        join("instance_norm ", shape), [&] { return instance_norm(in.image(), in.gamma, in.beta, kEps); }, in.all());
    InstanceNorm2d tracked(shape[1], {.affine = true, .track_running_stats = true});
    tracked(random_tensor({3, shape[1], 3, 3}, 7, 2, 3));
    std::vector<Tensor> own = tracked.parameters();
    set(own.at(0), random_tensor({shape[1]}, 8, 2));
    for (const bool training : {true, false}) {
      tracked.train(training);
      expect_gradient(join("tracked ", shape, ", training ", training), [&] { return tracked(in.image()); },
                      {in.x, in.factor, own[0], own.at(1)});
    }
  }
}

}  // namespace
}  // namespace norma::test
