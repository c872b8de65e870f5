// Residual: values, names, modes, state, messages, and what works on whole models.
#include "norma/layers/models/residual.h"
#include "norma/layers/models/lint.h"

#include "norma/layers/conv2d.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

using Names = std::vector<std::string>;

/// A stage of a ResNet that halves the image.
Residual halving(Index in, Index out) {
  return Residual(Sequential(Conv2d(in, out, {.stride = 2, .padding = 1, .bias = false}), BatchNorm2d(out), ReLU(),
                             Conv2d(out, out, {.padding = 1, .bias = false}), BatchNorm2d(out)),
                  Sequential(Conv2d(in, out, {.kernel_size = 1, .stride = 2, .bias = false}), BatchNorm2d(out)));
}

Sequential small_resnet() {
  Sequential net(Conv2d(3, 4, {.padding = 1, .bias = false}), BatchNorm2d(4), ReLU());
  net.add(Residual(Sequential(Conv2d(4, 4, {.padding = 1, .bias = false}), BatchNorm2d(4)))).add(ReLU());
  net.add(halving(4, 6)).add(ReLU()).add(GlobalAvgPool()).add(Linear(6, 5));
  initialize(net, 1);
  return net;
}

TEST(Residual, AddsWhatGoesThroughAndWhatGoesAround) {
  Linear body(3, 4), shortcut(3, 4);
  const Tensor x = random_tensor({5, 3}, 1);
  const Tensor expected = add(body(x), shortcut(x));
  Residual both(std::move(body), std::move(shortcut));
  EXPECT_TRUE(same_bits(both(x), expected));

  Linear square(3, 3);
  const Tensor with_x = add(square(x), x);
  EXPECT_TRUE(same_bits(Residual(std::move(square))(x), with_x));
  const auto shared = std::make_shared<ReLU>();
  EXPECT_TRUE(same_bits(Residual(shared, nullptr)(x), add(relu(x), x)));
  EXPECT_TRUE(same_bits(Residual(shared, shared)(x), scale(relu(x), 2)));
}

TEST(Residual, NamesAreThoseOfAPyTorchModuleWithABodyAndAShortcut) {
  const Sequential net = small_resnet();
  EXPECT_EQ(names_of(net.named_parameters()),
            (Names{"0.weight", "1.weight", "1.bias", "3.body.0.weight", "3.body.1.weight", "3.body.1.bias",
                   "5.body.0.weight", "5.body.1.weight", "5.body.1.bias", "5.body.3.weight", "5.body.4.weight",
                   "5.body.4.bias", "5.shortcut.0.weight", "5.shortcut.1.weight", "5.shortcut.1.bias", "8.weight",
                   "8.bias"}));
  EXPECT_EQ(net.named_buffers().size(), 5u * 3u);
  EXPECT_EQ(net.children()[3].second->describe(), "Residual(body=Sequential, shortcut=identity)");
  EXPECT_EQ(net.children()[5].second->describe(), "Residual(body=Sequential, shortcut=Sequential)");
}

TEST(Residual, StateTravels) {
  Sequential net = small_resnet(), other = small_resnet();
  const Tensor x = random_tensor({4, 3, 8, 8}, 1);
  net(x);
  other.load_state_dict(net.state_dict());
  net.eval();
  other.eval();
  EXPECT_TRUE(same_bits(net.forward(x), other.forward(x)));
}

TEST(Residual, TrainAndEvalReachBothParts) {
  Sequential net = small_resnet();
  net.eval();
  for (const auto& [name, norm] : batch_norms(net)) EXPECT_FALSE(norm->training()) << name;
  net.train();
  for (const auto& [name, norm] : batch_norms(net)) EXPECT_TRUE(norm->training()) << name;
}

TEST(Residual, ErrorsNameThePartAndBothShapes) {
  Sequential net{ReLU()};
  net.add(Residual(Sequential(BatchNorm2d(4), Conv2d(4, 6, {.stride = 2, .padding = 1}))));
  const std::string before = bytes_of(net.named_buffers());
  expect_error(
      [&] {
        net(random_tensor({2, 4, 8, 8}, 1));
      },
      {"layer 1, Residual(body=Sequential, shortcut=identity): Residual: body makes (2,6,4,4) of x (2,4,8,8)",
       "shortcut (2,4,8,8)"});
  EXPECT_EQ(bytes_of(net.named_buffers()), before) << "the running statistics moved";
  expect_error(
      [&] {
        net(random_tensor({2, 3, 8, 8}, 1));
      },
      {"layer body, Sequential: layer 0, BatchNorm2d(4): batch_norm", "(2,3,8,8)"});

  Residual two(BatchNorm2d(4), Conv2d(5, 4));
  const std::string of_two = bytes_of(two.named_buffers());
  expect_error([&] { two(random_tensor({2, 4, 8, 8}, 1)); }, {"layer shortcut, Conv2d(5, 4, kernel_size=3): conv2d"});
  EXPECT_EQ(bytes_of(two.named_buffers()), of_two) << "the body's running statistics moved";
  Tensor not_finite = random_tensor({2, 4, 8, 8}, 1);
  not_finite.rows()(0, 0) = kNaN;
  EXPECT_THROW(two(not_finite), NonFiniteError);
  expect_error([] { Residual(nullptr, nullptr); }, {"Residual: needs a body"});
}

TEST(Residual, CountsMultiplyAddsOfBothParts) {
  Residual stage = halving(4, 6);
  const Shape in{2, 4, 8, 8}, out{2, 6, 4, 4};
  const Index expected = out.size() * 4 * 9 + out.size() * 6 * 9 + out.size() * 4;
  const std::string before = bytes_of(stage.named_buffers());
  EXPECT_EQ(stage.multiply_adds(in, out), expected);
  EXPECT_TRUE(stage.training());
  EXPECT_EQ(bytes_of(stage.named_buffers()), before);
}

TEST(Residual, BatchNormsInsideAreFoundFrozenRecalibratedAndKeptByFolding) {
  Sequential net = small_resnet();
  const auto images = [](Index i) { return random_tensor({8, 3, 8, 8}, static_cast<std::uint64_t>(i), 1); };
  Names found;
  for (const auto& [name, norm] : batch_norms(net)) found.push_back(name);
  EXPECT_EQ(found, (Names{"1", "3.body.1", "5.body.1", "5.body.4", "5.shortcut.1"}));
  EXPECT_EQ(lint(net).size(), 0u);
  recalibrate(net, 2, images);
  for (const auto& [name, norm] : batch_norms(net))
    EXPECT_FALSE((norm->running_stats().mean == 0).all()) << name << " was not recalibrated";
  net.eval();
  Sequential folded = fold_batch_norm(net);
  const NoGrad values_only;
  EXPECT_LE(max_relative_difference(to_doubles(folded.forward(images(0))), to_doubles(net.forward(images(0)))), 1e-5);
  freeze_batch_norm(net);
  net.train();
  const std::string before = bytes_of(net.named_buffers());
  net.forward(images(3));
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
}

TEST(Residual, WarningsNameThePlaceInside) {
  Sequential net = small_resnet();
  net.eval();
  std::string all;
  for (const auto& [code, place, text] : lint(net)) all += place + text + "\n";
  EXPECT_NE(all.find("layer shortcut, Sequential: layer 1, BatchNorm2d(6): "), std::string::npos) << all;
}

}  // namespace
}  // namespace norma::test
