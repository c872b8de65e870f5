// What BatchNorm2d computes and remembers, against a plain model of it in double.
#include "norma/layers/batch_norm.h"

#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

/// Batch normalisation as the paper states it: loops, doubles, no thought for speed.
struct PlainBatchNorm {
  Index channels;
  std::optional<double> momentum = 0.1;
  bool track = true;
  std::vector<double> gamma = std::vector<double>(static_cast<std::size_t>(channels), 1);
  std::vector<double> beta = std::vector<double>(static_cast<std::size_t>(channels), 0);
  std::vector<double> running_mean = std::vector<double>(static_cast<std::size_t>(channels), 0);
  std::vector<double> running_var = std::vector<double>(static_cast<std::size_t>(channels), 1);
  double batches = 0;

  std::vector<double> forward(const Tensor& x, bool training) {
    const std::vector<double> values = to_doubles(x);
    std::vector<double> y(values.size());
    const Index n = x.dim(0), pixels = x.dim(2) * x.dim(3);
    const double m = static_cast<double>(n * pixels);
    if (training) ++batches;
    const auto for_channel = [&](Index c, const auto& visit) {
      for (Index i = 0; i < n; ++i)
        for (Index p = 0; p < pixels; ++p) visit(static_cast<std::size_t>((i * channels + c) * pixels + p));
    };
    for (Index c = 0; c < channels; ++c) {
      const auto k = static_cast<std::size_t>(c);
      double mean = 0, squares = 0;
      for_channel(c, [&](std::size_t i) { mean += values[i] / m; });
      for_channel(c, [&](std::size_t i) { squares += (values[i] - mean) * (values[i] - mean); });
      const bool of_batch = training || !track;
      const double used_mean = of_batch ? mean : running_mean[k], used_var = of_batch ? squares / m : running_var[k];
      for_channel(c, [&](std::size_t i) {
        y[i] = (values[i] - used_mean) / std::sqrt(used_var + 1e-5) * gamma[k] + beta[k];
      });
      if (!training || !track) continue;
      const double weight = momentum ? *momentum : 1 / batches;
      running_mean[k] = (1 - weight) * running_mean[k] + weight * mean;
      running_var[k] = (1 - weight) * running_var[k] + weight * squares / (m - 1);
    }
    return y;
  }
};

std::vector<double> state_named(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [its_name, tensor] : tensors)
    if (its_name == name) return to_doubles(tensor);
  ADD_FAILURE() << "there is no " << name;
  return {};
}

/// Everything a BatchNorm2d holds, as bytes.
std::string state_of(const BatchNorm2d& layer) {
  return bytes_of(layer.named_parameters()) + bytes_of(layer.named_buffers());
}

void set_gamma_beta(const BatchNorm2d& layer, const std::vector<double>& gamma, const std::vector<double>& beta) {
  const std::vector<Tensor> parameters = layer.parameters();
  set(parameters.at(0), from_doubles(parameters[0].shape(), gamma));
  set(parameters.at(1), from_doubles(parameters[1].shape(), beta));
}

TEST(BatchNorm, OneStepByHand) {
  const Tensor x = Tensor::from_values({2, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16});
  BatchNorm2d layer(2);
  const std::vector<double> y = to_doubles(layer(x));
  // Channel 0 holds 1..4 and 9..12: mean 6.5, sum of squared distances 138; channel 1 the same, 4 higher.
  const double deviation = std::sqrt(138.0 / 8 + 1e-5);
  EXPECT_NEAR(y[0], -5.5 / deviation, 1e-6);
  EXPECT_NEAR(y[3], -2.5 / deviation, 1e-6);
  EXPECT_NEAR(y[4], -5.5 / deviation, 1e-6);
  EXPECT_NEAR(y[15], 5.5 / deviation, 1e-6);
  const NamedTensors buffers = layer.named_buffers();
  EXPECT_LE(max_difference(state_named(buffers, "running_mean"), {0.65, 1.05}), 1e-6);
  const double running_var = 0.9 + 0.1 * 138 / 7;
  EXPECT_LE(max_difference(state_named(buffers, "running_var"), {running_var, running_var}), 1e-6);
  EXPECT_EQ(state_named(buffers, "num_batches_tracked"), (std::vector<double>{1}));
}

TEST(BatchNorm, AKnownExample) {
  const Tensor x = from_doubles({1, 2, 3, 4}, {-1.9394, -0.1252, 0.3066,  0.1768,  1.2537,  1.4705,  1.6851,  -0.8037,
                                               0.4385,  0.4111,  -1.0232, 0.4801,  -0.4614, -0.7486, -0.6783, 2.0137,
                                               -0.4156, -0.7497, -0.7075, -1.7105, -0.8317, 1.4097,  1.2497,  -1.7021});
  const std::vector<double> expected = {-2.1068, -0.3154, 0.1109,  -0.0172, 1.0461,  1.2602,  1.4721,  -0.9853,
                                        0.2412,  0.2142,  -1.2021, 0.2822,  -0.1608, -0.4122, -0.3506, 2.0057,
                                        -0.1207, -0.4131, -0.3763, -1.2541, -0.4849, 1.4770,  1.3370,  -1.2468};
  BatchNorm2d layer(2);
  EXPECT_LE(max_difference(to_doubles(layer(x)), expected), 2e-4);
}

void check_against_plain(bool affine, bool track, std::optional<double> momentum) {
  SCOPED_TRACE(join("affine ", affine, ", track ", track, ", momentum ", momentum.value_or(-1)));
  BatchNorm2d layer(3, {.momentum = momentum, .affine = affine, .track_running_stats = track});
  PlainBatchNorm plain{.channels = 3, .momentum = momentum, .track = track};
  if (affine) {
    plain.gamma = {0.5, -2, 3};
    plain.beta = {1, 0.25, -4};
    set_gamma_beta(layer, plain.gamma, plain.beta);
  }
  std::uint64_t seed = 0;
  for (const bool training : {false, true, false}) {
    const Index images = 2 + static_cast<Index>(seed % 3);
    const Tensor x = random_tensor({images, 3, 4, 5}, ++seed, 2, 1.5);
    layer.train(training);
    const std::string before = state_of(layer);
    EXPECT_LE(max_relative_difference(to_doubles(layer(x)), plain.forward(x, training)), 1e-6);
    EXPECT_EQ(state_of(layer) == before, !training || !track) << "only tracking in train() may change anything";
    const NamedTensors buffers = layer.named_buffers();
    EXPECT_EQ(buffers.empty(), !track);
    if (!track) continue;
    EXPECT_LE(max_difference(state_named(buffers, "running_mean"), plain.running_mean), 1e-6);
    EXPECT_LE(max_difference(state_named(buffers, "running_var"), plain.running_var), 2e-6);
    EXPECT_EQ(state_named(buffers, "num_batches_tracked"), (std::vector<double>{plain.batches}));
  }
}

TEST(BatchNorm, EveryCombinationOfOptionsInBothModes) {
  for (const bool affine : {true, false})
    for (const bool track : {true, false})
      for (const std::optional<double> momentum :
           {std::optional(0.1), std::optional(0.3), std::optional(0.0), std::optional(1.0), std::optional<double>()})
        check_against_plain(affine, track, momentum);
}

/// What one forward pass does: y from the batch or from the running statistics, and what becomes of these.
struct Truth {
  std::optional<double> momentum;
  bool training;
  bool y_from_batch;
  double running_mean, running_var, batches;  // afterwards, where there are any
};
constexpr std::nullopt_t kCumulative = std::nullopt;

// x holds 1, 3, 5, 7: mean 4, variance 5 biased and 20/3 unbiased. The layer has seen one batch before, of mean 2 and
// unbiased variance 2. Source of the table: torch.nn.BatchNorm2d 2.13, run with the same numbers.
const Truth kTruthTable[] = {
    {0.1, true, true, 0.58, 1.656667, 2},      {0.1, false, false, 0.2, 1.1, 1},
    {0.5, true, true, 2.5, 4.083333, 2},       {0.5, false, false, 1, 1.5, 1},
    {1.0, true, true, 4, 6.666667, 2},         {1.0, false, false, 2, 2, 1},
    {kCumulative, true, true, 3, 4.333333, 2}, {kCumulative, false, false, 2, 2, 1},
};

TEST(BatchNorm, TruthTableOfAffineTrackMomentumAndMode) {
  int rows = 0;
  for (const bool affine : {true, false})
    for (const bool track : {true, false})
      for (Truth row : kTruthTable) {
        SCOPED_TRACE(join("affine ", affine, ", track ", track, ", momentum ", row.momentum.value_or(-1), ", training ",
                          row.training));
        row.y_from_batch |= !track;  // no running statistics: both modes take the batch's
        BatchNorm2d layer(1, {.momentum = row.momentum, .affine = affine, .track_running_stats = track});
        if (affine) set_gamma_beta(layer, {2}, {10});
        layer.forward(Tensor::from_values({2, 1, 1, 1}, {1, 3}));
        layer.train(row.training);
        const Real first = layer.forward(Tensor::from_values({1, 1, 2, 2}, {1, 3, 5, 7})).at(0, 0, 0, 0);
        const NamedTensors buffers = layer.named_buffers();
        const double mean = row.y_from_batch ? 4 : row.running_mean, variance = row.y_from_batch ? 5 : row.running_var;
        const double x_hat = (1 - mean) / std::sqrt(variance + 1e-5);
        EXPECT_NEAR(first, affine ? 2 * x_hat + 10 : x_hat, 1e-5);
        EXPECT_EQ(buffers.size(), track ? 3U : 0U);
        if (track) {
          EXPECT_NEAR(state_named(buffers, "running_mean")[0], row.running_mean, 1e-6);
          EXPECT_NEAR(state_named(buffers, "running_var")[0], row.running_var, 1e-6);
          EXPECT_EQ(state_named(buffers, "num_batches_tracked")[0], row.batches);
        }
        ++rows;
      }
  EXPECT_EQ(rows, 32);
}

TEST(BatchNorm, WithoutMomentumTheAverageIsOverAllBatches) {
  BatchNorm2d layer(1, {.momentum = std::nullopt});
  for (const Real level : {Real(1), Real(2), Real(6)}) layer(Tensor::from_values({1, 1, 1, 2}, {level - 1, level + 1}));
  EXPECT_NEAR(state_named(layer.named_buffers(), "running_mean")[0], 3, 1e-6);
  EXPECT_NEAR(state_named(layer.named_buffers(), "running_var")[0], 2, 1e-6);
}

TEST(BatchNorm, InEvaluationAnImageDoesNotSeeItsNeighbours) {
  for (const Index channels : {1, 3, 16, 17, 33}) {
    BatchNorm2d layer(channels);
    for (std::uint64_t step = 0; step < 3; ++step) layer(random_tensor({4, channels, 5, 3}, step, 1, 2));
    layer.eval();
    const Tensor x = random_tensor({7, channels, 5, 3}, 9);
    const Tensor y = layer(x);
    for (Index n = 0; n < 7; ++n) {
      Tensor image({1, channels, 5, 3}), expected({1, channels, 5, 3});
      image.rows().row(0) = x.rows().row(n);
      expected.rows().row(0) = y.rows().row(n);
      EXPECT_TRUE(same_bits(layer(image), expected)) << channels << " channels, image " << n;
    }
  }
}

TEST(BatchNorm, OneValuePerChannelIsAnErrorThatChangesNothing) {
  BatchNorm2d training(3);
  const std::string before = state_of(training);
  expect_error([&] { training(random_tensor({1, 3, 1, 1}, 1)); }, {"batch_norm", "more than 1 value", "(1,3,1,1)"});
  EXPECT_EQ(state_of(training), before);

  BatchNorm2d untracked(3, {.track_running_stats = false});
  untracked.eval();
  const std::string untracked_before = state_of(untracked);
  expect_error([&] { untracked(random_tensor({1, 3, 1, 1}, 1)); }, {"batch_norm", "more than 1 value"});
  EXPECT_EQ(state_of(untracked), untracked_before);

  training.eval();
  EXPECT_EQ(training(random_tensor({1, 3, 1, 1}, 1)).size(), 3) << "fixed statistics need no batch";
}

TEST(BatchNorm, OneImageOfSeveralPixelsAndTwoImagesOfOneAreEnough) {
  for (const Shape& shape : {Shape{1, 2, 2, 1}, Shape{1, 2, 1, 2}, Shape{2, 2, 1, 1}}) {
    BatchNorm2d layer(2);
    const Tensor x = random_tensor(shape, 1);
    PlainBatchNorm plain{.channels = 2};
    EXPECT_LE(max_difference(to_doubles(layer(x)), plain.forward(x, true)), 1e-6) << shape;
  }
}

TEST(BatchNorm, AWrongShapeIsAnErrorThatChangesNothing) {
  for (const bool training : {true, false}) {
    BatchNorm2d layer(3);
    layer.train(training);
    const std::string before = state_of(layer);
    expect_error([&] { layer(random_tensor({2, 4, 2, 2}, 1)); }, {"batch_norm", "(N,3,H,W)", "(2,4,2,2)"});
    expect_error([&] { layer(random_tensor({2, 3}, 1)); }, {"batch_norm", "(2,3)"});
    EXPECT_EQ(state_of(layer), before);
  }
}

TEST(BatchNorm, FunctionsCheckTheirArguments) {
  const Tensor x = random_tensor({2, 3, 2, 2}, 1), three({3}), two({2}), none;
  const ChannelStats stats = channel_stats(x), of_two = channel_stats(random_tensor({2, 2, 2, 2}, 1));
  constexpr double eps = 1e-5;
  expect_error([&] { batch_norm_train(x, stats, two, three, eps); }, {"batch_norm", "gamma (3)", "(2)"});
  expect_error([&] { batch_norm_eval(x, stats, three, two, eps); }, {"batch_norm", "beta (3)", "(2)"});
  expect_error([&] { batch_norm_eval(x, of_two, none, none, eps); }, {"batch_norm", "3 means", "2 and 2"});
  expect_error([&] { batch_norm_eval(Tensor({3}), stats, none, none, eps); }, {"batch_norm", "(3)"});
  expect_error([&] { channel_stats(Tensor({0, 3, 2, 2})); }, {"channel_stats", "(0,3,2,2)"});
}

TEST(BatchNorm, AnEmptyBatchGivesAnEmptyResultAndChangesNothing) {
  for (const bool training : {true, false})
    for (const bool track : {true, false}) {
      BatchNorm2d layer(3, {.track_running_stats = track});
      layer.train(training);
      const std::string before = state_of(layer);
      const Tensor x = random_leaf({0, 3, 4, 4}, 1);
      const Tensor y = layer(x);
      EXPECT_EQ(y.shape(), x.shape());
      EXPECT_EQ(state_of(layer), before);
      sum(y).backward();
      EXPECT_EQ(x.grad().size(), 0);
      for (const Tensor& p : layer.parameters()) EXPECT_EQ(to_doubles(p.grad()), (std::vector<double>{0, 0, 0}));
    }
}

TEST(BatchNorm, ConstructorChecksItsArguments) {
  expect_error([] { BatchNorm2d(0); }, {"BatchNorm2d", "num_features", "0"});
  expect_error([] { BatchNorm2d(-3); }, {"BatchNorm2d", "num_features", "-3"});
  for (const double eps : {0.0, -1.0, std::nan(""), HUGE_VAL})
    expect_error([&] { BatchNorm2d(3, {.eps = eps}); }, {"BatchNorm2d", "eps"});
  for (const double momentum : {-0.1, 1.5, std::nan("")})
    expect_error([&] { BatchNorm2d(3, {.momentum = momentum}); }, {"BatchNorm2d", "momentum"});
}

TEST(BatchNorm, NamesAreThoseOfPyTorchInItsOrder) {
  const BatchNorm2d layer(3);
  EXPECT_EQ(names_of(layer.named_parameters()), (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(names_of(layer.named_buffers()),
            (std::vector<std::string>{"running_mean", "running_var", "num_batches_tracked"}));
  EXPECT_TRUE(BatchNorm2d(3, {.affine = false}).named_parameters().empty());
  EXPECT_EQ(layer.describe(), "BatchNorm2d(3)");
}

TEST(BatchNorm, ResetsGoBackToTheStart) {
  const std::string fresh = state_of(BatchNorm2d(3));
  BatchNorm2d layer(3);
  set_gamma_beta(layer, {2, 3, 4}, {5, 6, 7});
  layer(random_tensor({2, 3, 4, 4}, 1));
  layer.reset_running_stats();
  EXPECT_EQ(bytes_of(layer.named_buffers()), bytes_of(BatchNorm2d(3).named_buffers()));
  EXPECT_NE(state_of(layer), fresh) << "the parameters stay";
  layer(random_tensor({2, 3, 4, 4}, 1));
  layer.reset_parameters(Random({1}));
  EXPECT_EQ(state_of(layer), fresh);
}

}  // namespace
}  // namespace norma::test
