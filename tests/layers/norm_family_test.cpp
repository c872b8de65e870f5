// What GroupNorm, LayerNorm and InstanceNorm2d accept, hold and remember, and how they relate.
#include "norma/tests/layers/norm_family.h"

namespace norma::test {
namespace {

constexpr double kEps = 1e-5;
const InstanceNormOptions kTracked{.affine = true, .track_running_stats = true};

/// All gradients are there and 0.
void expect_zero_gradients(const Module& layer, const std::string& about) {
  for (const auto& [name, p] : layer.named_parameters()) {
    ASSERT_TRUE(p.grad().defined()) << about << " " << name;
    EXPECT_EQ(p.grad().shape(), p.shape());
    EXPECT_TRUE((p.grad().rows() == 0).all()) << about << " " << name;
  }
}

TEST(NormFamily, ConstructorsCheckTheirArguments) {
  expect_error([] { GroupNorm(3, 8); }, {"GroupNorm", "num_groups", "3 groups", "8 channels"});
  expect_error([] { GroupNorm(0, 8); }, {"GroupNorm", "0 groups", "8 channels"});
  expect_error([] { GroupNorm(-2, 8); }, {"GroupNorm", "-2 groups", "8 channels"});
  expect_error([] { GroupNorm(1, 0); }, {"GroupNorm", "1 groups", "0 channels"});
  expect_error([] { GroupNorm(16, 8); }, {"GroupNorm", "16 groups", "8 channels"});
  for (const Shape& shape : {Shape{}, Shape{3, 4}, Shape{2, 3, 4, 4}, Shape{0}, Shape{3, 0, 4}})
    expect_error([&] { LayerNorm{shape}; }, {"LayerNorm", "normalized_shape", "(C,H,W) or (C)", join(shape)});
  expect_error([] { InstanceNorm2d(0); }, {"InstanceNorm2d", "num_features", "0"});
  expect_error([] { InstanceNorm2d(-3); }, {"InstanceNorm2d", "num_features", "-3"});
  for (const double momentum : {-0.1, 1.5, std::nan("")})
    expect_error([&] { InstanceNorm2d(3, {.momentum = momentum}); }, {"InstanceNorm2d", "momentum", join(momentum)});
  for (const double eps : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    expect_error([&] { GroupNorm(1, 2, {.eps = eps}); }, {"GroupNorm", "eps", join(eps)});
    expect_error([&] { LayerNorm({2}, {.eps = eps}); }, {"LayerNorm", "eps", join(eps)});
    expect_error([&] { InstanceNorm2d(2, {.eps = eps}); }, {"InstanceNorm2d", "eps", join(eps)});
  }
}

TEST(NormFamily, WrongShapesAreErrorsThatChangeNothing) {
  GroupNorm group(2, 4);
  LayerNorm layer({4, 3, 5}), no_parameters({4, 3, 5}, {.elementwise_affine = false}), of_rows({4});
  InstanceNorm2d instance(4, kTracked), plain(4);
  const auto refuse = [](Module& module, const Shape& shape, std::initializer_list<std::string> parts) {
    for (const bool training : {true, false}) {
      module.train(training);
      const std::string before = state_of(module);
      expect_error([&] { module.forward(random_tensor(shape, 1)); }, parts);
      EXPECT_EQ(state_of(module), before) << module.describe();
    }
  };
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{2, 3}, Shape{2, 8}, Shape{2, 4, 3}, Shape{2, 6, 3, 5}})
    refuse(group, shape, {"group_norm", "(N,4,H,W) or (N,4)", join(shape)});
  refuse(group, {1, 2}, {"group_norm", "(1,2)"});
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{2, 4}, Shape{4, 3, 5}, Shape{2, 4, 5, 3}, Shape{2, 5, 3, 4}})
    for (LayerNorm* of_images : {&layer, &no_parameters})
      refuse(*of_images, shape, {"layer_norm", "(4,3,5)", join(shape)});
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{2, 5}, Shape{2, 4, 3, 5}})
    refuse(of_rows, shape, {"layer_norm", "(4)", join(shape)});
  for (Module* module : {static_cast<Module*>(&instance), static_cast<Module*>(&plain)})
    for (const Shape& shape : {Shape{}, Shape{4}, Shape{2, 4}, Shape{4, 3, 5}, Shape{2, 3, 4, 4}, Shape{0, 3, 4, 4}})
      refuse(*module, shape, {"instance_norm", "(N,4,H,W)", join(shape)});
}

TEST(NormFamily, ASingleNumberInAGroupIsAnErrorThatChangesNothing) {
  expect_error(
      [] {
        GroupNorm(4, 4).forward(random_tensor({1, 4, 1, 1}, 1));
      },
      {"group_norm", "more than 1 number per group", "(1,4,1,1)", "4 groups"});
  expect_error([] { GroupNorm(4, 4).forward(random_tensor({1, 4}, 1)); }, {"group_norm", "(1,4)", "4 groups"});
  const Tensor two_images = GroupNorm(4, 4).forward(random_tensor({2, 4}, 1));  // as in PyTorch; of no use to anyone
  EXPECT_TRUE((two_images.rows() == 0).all());

  InstanceNorm2d tracked(3, kTracked), plain(3);
  const std::string before = state_of(tracked);
  for (Module* layer : {static_cast<Module*>(&tracked), static_cast<Module*>(&plain)})
    expect_error(
        [&] {
          layer->forward(random_tensor({5, 3, 1, 1}, 1));
        },
        {"instance_norm", "more than 1 pixel", "(5,3,1,1)"});
  EXPECT_EQ(state_of(tracked), before);
  plain.eval();
  expect_error([&] { plain.forward(random_tensor({5, 3, 1, 1}, 1)); }, {"instance_norm", "more than 1 pixel"});
  tracked.eval();
  const Tensor x = random_tensor({5, 3, 1, 1}, 1);
  EXPECT_LE(max_difference(to_doubles(tracked.forward(x)), to_doubles(scale(x, 1 / std::sqrt(1 + Real(kEps))))), 1e-6);
}

TEST(NormFamily, FunctionsCheckTheirArguments) {
  const Tensor x = random_tensor({2, 4, 2, 3}, 1), rows = random_tensor({2, 4}, 1), four({4}), two({2}),
               image({4, 2, 3}), turned({4, 3, 2}), none;
  for (const Tensor& wrong : {two, image, Tensor({1, 4}), Tensor(Shape{}), Tensor(Shape{0})}) {
    const std::string got = join(wrong.shape());
    expect_error([&] { group_norm(x, 2, wrong, none, kEps); }, {"group_norm", "(2,4,2,3)", "(4)", got});
    expect_error([&] { group_norm(x, 2, none, wrong, kEps); }, {"group_norm", "(2,4,2,3)", "(4)", got});
    expect_error([&] { group_norm(rows, 2, four, wrong, kEps); }, {"group_norm", "(4)", got});
    expect_error([&] { instance_norm(x, wrong, four, kEps); }, {"instance_norm", "(4)", got});
    expect_error([&] { layer_norm(rows, wrong, none, kEps); }, {"layer_norm", "(4)", got});
  }
  for (const Tensor& wrong : {two, four, turned}) {
    expect_error([&] { layer_norm(x, image, wrong, kEps); }, {"layer_norm", "beta (4,2,3)", join(wrong.shape())});
    expect_error([&] { layer_norm(x, wrong, none, kEps); }, {"layer_norm", "gamma (4,2,3)", join(wrong.shape())});
  }
  for (const Index groups : {0, -1, 3, 8})
    expect_error([&] { group_norm(x, groups, none, none, kEps); },
                 {"group_norm", join(groups, " groups"), "(2,4,2,3)"});
  for (const double eps : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    expect_error([&] { group_norm(x, 2, none, none, eps); }, {"group_norm", "eps", join(eps)});
    expect_error([&] { layer_norm(x, none, none, eps); }, {"layer_norm", "eps", join(eps)});
    expect_error([&] { instance_norm(x, none, none, eps); }, {"instance_norm", "eps", join(eps)});
  }
}

TEST(NormFamily, AnEmptyBatchGivesAnEmptyResultAndChangesNothing) {
  for (const Shape& full : {Shape{1, 4, 3, 2}, Shape{3, 4}})
    for (const FamilyMember& one : family_for(full))
      for (const bool training : {true, false}) {
        const Shape empty = full.rank() == 4 ? Shape{0, 4, 3, 2} : Shape{0, 4};
        one.layer->train(training);
        draw_parameters(*one.layer, 1);
        const std::string before = state_of(*one.layer);
        const NamedTensors results = passes(*one.layer, random_leaf(empty, 1), Tensor(empty));
        EXPECT_EQ(results.at(0).second.shape(), empty);
        EXPECT_EQ(results.at(1).second.shape(), empty);
        expect_zero_gradients(*one.layer, one.name);
        EXPECT_EQ(state_of(*one.layer), before) << one.name;
      }
}

TEST(NormFamily, ImagesWithoutPixelsGiveAnEmptyResult) {
  for (const Shape& shape : {Shape{2, 4, 0, 3}, Shape{2, 4, 3, 0}, Shape{2, 4, 0, 0}}) {
    GroupNorm group(2, 4);
    InstanceNorm2d instance(4, kTracked);
    for (Module* layer : {static_cast<Module*>(&group), static_cast<Module*>(&instance)})
      for (const bool training : {true, false}) {
        layer->train(training);
        const std::string before = state_of(*layer);
        EXPECT_EQ(passes(*layer, random_leaf(shape, 1), Tensor(shape)).at(1).second.shape(), shape);
        expect_zero_gradients(*layer, layer->describe());
        EXPECT_EQ(state_of(*layer), before);
      }
    const Tensor image({4, shape[2], shape[3]});
    EXPECT_EQ(layer_norm(Tensor(shape), image, image, kEps).shape(), shape);
  }
}

TEST(NormFamily, NamesAndDescriptionsAreThoseOfPyTorch) {
  using Names = std::vector<std::string>;
  const Names affine{"weight", "bias"}, running{"running_mean", "running_var", "num_batches_tracked"};
  EXPECT_EQ(names_of(GroupNorm(2, 4).named_parameters()), affine);
  EXPECT_TRUE(GroupNorm(2, 4, {.affine = false}).state_dict().empty());
  EXPECT_EQ(names_of(LayerNorm({3, 4, 5}).named_parameters()), affine);
  EXPECT_EQ(LayerNorm({3, 4, 5}).parameters().at(0).shape(), (Shape{3, 4, 5}));
  EXPECT_EQ(names_of(LayerNorm({3}, {.bias = false}).state_dict()), Names{"weight"});
  EXPECT_TRUE(LayerNorm({3}, {.elementwise_affine = false}).state_dict().empty());
  EXPECT_TRUE(InstanceNorm2d(3).state_dict().empty());
  EXPECT_EQ(names_of(InstanceNorm2d(3, kTracked).named_parameters()), affine);
  EXPECT_EQ(names_of(InstanceNorm2d(3, kTracked).named_buffers()), running);
  EXPECT_EQ(names_of(InstanceNorm2d(3, {.affine = true}).state_dict()), affine);
  EXPECT_EQ(names_of(InstanceNorm2d(3, {.track_running_stats = true}).state_dict()), running);

  EXPECT_EQ(GroupNorm(2, 4).describe(), "GroupNorm(2, 4)");
  EXPECT_EQ(GroupNorm(2, 4, {.eps = 0.01, .affine = false}).describe(), "GroupNorm(2, 4, eps=0.01, affine=false)");
  EXPECT_EQ(LayerNorm({3, 4, 5}).describe(), "LayerNorm((3,4,5))");
  EXPECT_EQ(LayerNorm({3}, {.eps = 0.01, .bias = false}).describe(), "LayerNorm((3), eps=0.01, bias=false)");
  EXPECT_EQ(LayerNorm({3}, {.elementwise_affine = false}).describe(), "LayerNorm((3), elementwise_affine=false)");
  EXPECT_EQ(InstanceNorm2d(3).describe(), "InstanceNorm2d(3)");
  EXPECT_EQ(InstanceNorm2d(3, {.eps = 0.01, .momentum = 0.5, .affine = true, .track_running_stats = true}).describe(),
            "InstanceNorm2d(3, eps=0.01, momentum=0.5, affine=true, track_running_stats=true)");
}

TEST(NormFamily, ResetParametersGoesBackToTheStart) {
  const Shape shape{2, 4, 3, 2};
  const std::vector<FamilyMember> fresh = family_for(shape), used = family_for(shape);
  for (std::size_t i = 0; i < used.size(); ++i) {
    draw_parameters(*used[i].layer, 1);
    used[i].layer->forward(random_tensor(shape, 2, 3));
    EXPECT_EQ(state_of(*used[i].layer) == state_of(*fresh[i].layer), used[i].layer->state_dict().empty());
    used[i].layer->reset_parameters(Random({1}));
    EXPECT_EQ(state_of(*used[i].layer), state_of(*fresh[i].layer)) << used[i].name;
  }
}

TEST(NormFamily, OneGroupIsLayerNormAndAGroupAChannelIsInstanceNorm) {
  for (const Shape& shape : {Shape{3, 6, 4, 5}, Shape{2, 1, 1, 2}, Shape{1, 17, 3, 1}, Shape{4, 6}}) {
    const Tensor x = random_leaf(shape, 1, 2, 3), dy = random_tensor(shape, 2);
    GroupNorm one(1, shape[1], {.affine = false}), each(shape[1], shape[1], {.affine = false});
    LayerNorm layer(one_image(shape), {.elementwise_affine = false});
    EXPECT_EQ(bytes_of(passes(one, x, dy)), bytes_of(passes(layer, x, dy))) << shape;
    if (shape.rank() < 4) continue;
    InstanceNorm2d instance(shape[1]);
    EXPECT_EQ(bytes_of(passes(each, x, dy)), bytes_of(passes(instance, x, dy))) << shape;
  }
}

/// Whatever else wants a gradient, each one is the same.
TEST(NormFamily, AGradientDoesNotDependOnWhoElseWantsOne) {
  for (const Shape& shape : {Shape{2, 4, 3, 2}, Shape{3, 4}})
    for (const FamilyMember& one : family_for(shape)) {
      draw_parameters(*one.layer, 1);
      Tensor x = random_leaf(shape, 2);
      const Tensor dy = random_tensor(shape, 3);
      const NamedTensors all = passes(*one.layer, x, dy);
      const auto leaves = [&] {
        NamedTensors named = one.layer->named_parameters();
        named.emplace_back("x", x);
        return named;
      }();
      for (std::size_t wanted = 0; wanted < leaves.size(); ++wanted) {
        for (std::size_t i = 0; i < leaves.size(); ++i) Tensor(leaves[i].second).requires_grad(i == wanted);
        const NamedTensors some = passes(*one.layer, x, dy);
        ASSERT_EQ(some.size(), 2) << one.name;
        EXPECT_EQ(some[1].first, "d" + leaves[wanted].first);
        const auto same = std::find_if(all.begin(), all.end(), [&](const auto& g) { return g.first == some[1].first; });
        EXPECT_TRUE(same_bits(same->second, some[1].second)) << one.name << " " << same->first;
      }
      for (const auto& [name, p] : leaves) Tensor(p).requires_grad(false);
      EXPECT_FALSE(one.layer->forward(x).requires_grad()) << one.name;
    }
}

/// Without gamma it is 1, without beta 0.
TEST(NormFamily, FunctionsTakeOneParameterWithoutTheOther) {
  const Shape shape{3, 4, 2, 3};
  const Tensor x = random_leaf(shape, 1), dy = random_tensor(shape, 2), none;
  using Function = std::function<Tensor(const Tensor& gamma, const Tensor& beta)>;
  const auto check_alone = [&](const Function& f, const Shape& parameter) {
    const Tensor drawn = random_leaf(parameter, 3), one = Tensor::full(parameter, 1), zero(parameter);
    const auto bytes = [&](const Tensor& gamma, const Tensor& beta) {
      for (const Tensor& leaf : {x, drawn}) leaf.zero_grad();
      const Tensor y = f(gamma, beta);
      sum(mul(y, dy)).backward();
      return bytes_of({{"y", y}, {"dx", x.grad()}, {"dparameter", drawn.grad()}});
    };
    EXPECT_EQ(bytes(drawn, none), bytes(drawn, zero));
    EXPECT_EQ(bytes(none, drawn), bytes(one, drawn));
  };
  check_alone([&](const Tensor& g, const Tensor& b) { return group_norm(x, 2, g, b, kEps); }, {4});
  check_alone([&](const Tensor& g, const Tensor& b) { return layer_norm(x, g, b, kEps); }, {4, 2, 3});
  check_alone([&](const Tensor& g, const Tensor& b) { return instance_norm(x, g, b, kEps); }, {4});
}

TEST(NormFamily, TrainAndEvalAreTheSameWithoutRunningStatistics) {
  const Tensor x = random_leaf({3, 4, 3, 2}, 1, 2, 3), dy = random_tensor(x.shape(), 2);
  for (const FamilyMember& one : family_for(x.shape())) {
    const std::string trained = bytes_of(passes(*one.layer, x, dy));
    one.layer->eval();
    EXPECT_EQ(bytes_of(passes(*one.layer, x, dy)) == trained, one.layer->named_buffers().empty()) << one.name;
  }
}

TEST(InstanceNorm, TracksTheAverageOfItsImagesAndEvaluatesWithIt) {
  InstanceNorm2d layer(1, {.momentum = 0.5, .track_running_stats = true});
  layer.forward(Tensor::from_values({2, 1, 1, 2}, {1, 3, 10, 16}));  // means 2 and 13, unbiased variances 2 and 18
  EXPECT_NEAR(state_named(layer, "running_mean").pixels()(0, 0), 0.5 * 7.5, 1e-6);
  EXPECT_NEAR(state_named(layer, "running_var").pixels()(0, 0), 0.5 * 1 + 0.5 * 10, 1e-6);
  EXPECT_EQ(state_named(layer, "num_batches_tracked").item(), 0);
  layer.eval();
  const std::string before = state_of(layer);
  const Tensor x = random_leaf({2, 1, 2, 2}, 1), ones = Tensor::full({2, 1, 2, 2}, 1);
  const NamedTensors results = passes(layer, x, ones);
  const double inv_std = 1 / std::sqrt(5.5 + kEps);
  for (Index i = 0; i < 8; ++i) {
    EXPECT_NEAR(results[0].second.pixels()(i, 0), (x.pixels()(i, 0) - 3.75) * inv_std, 1e-6);
    EXPECT_NEAR(results[1].second.pixels()(i, 0), inv_std, 1e-7) << "the running averages are constants";
  }
  EXPECT_EQ(state_of(layer), before);
}

TEST(InstanceNorm, NonFiniteNumbersStayOutOfTheRunningAverages) {
  for (const Real bad : {kNaN, kInfinity, -kInfinity})
    for (const Index place : {0, 13}) {
      Tensor x = random_tensor({2, 3, 4, 4}, 1);
      x.pixels()(place, 1) = bad;
      InstanceNorm2d tracked(3, kTracked), plain(3);
      tracked.forward(random_tensor({2, 3, 4, 4}, 2));
      const std::string before = state_of(tracked);
      EXPECT_THROW(tracked.forward(x), NonFiniteError);
      EXPECT_EQ(state_of(tracked), before);
      tracked.eval();
      EXPECT_NO_THROW(tracked.forward(x));
      EXPECT_EQ(state_of(tracked), before);
      EXPECT_TRUE(plain.forward(x).pixels().topRows(16).col(1).isNaN().all());
    }
}

}  // namespace
}  // namespace norma::test
