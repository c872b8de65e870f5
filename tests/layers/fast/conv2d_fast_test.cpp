// The fast ways to convolve beside the definition in layers/conv2d.cpp: same values, errors of the same size, same training.
#include "norma/layers/batch_norm.h"
#include "norma/layers/flatten.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"
#include "norma/tests/helpers.h"
#include "norma/tests/layers/fast/conv2d_cases.h"
#if __has_include("norma/layers/fast/conv2d_kernels.h")
#include "norma/layers/fast/conv2d_kernels.h"
#endif

namespace norma::test {
namespace {

TEST(FastConv2d, ErrorIsAtMostThreeTimesTheDefinitions) {
  constexpr const char* kNames[] = {"y", "dx", "dweight"};
  double worst[3] = {};
  for (const Case& s : shapes()) {
    const Arguments a(s);
    const Results right = exact(s, a.x, a.weight, a.dy);
    const std::vector<Tensor> fast = by(ConvMethod::automatic, s, a.x, a.weight, a.dy);
    const std::vector<Tensor> definition = by(ConvMethod::reference, s, a.x, a.weight, a.dy);
    for (std::size_t i = 0; i < 3; ++i) {
      const double allowed = 3 * std::max(rms_error(definition[i], right[i]), kSmallestError);
      const double error = rms_error(fast[i], right[i]);
      worst[i] = std::max(worst[i], 3 * error / allowed);
      EXPECT_LE(error, allowed) << s << ": " << kNames[i];
    }
  }
  std::cout << "worst error in units of the definition's: y " << worst[0] << ", dx " << worst[1] << ", dweight "
            << worst[2] << "\n";
}

TEST(FastConv2d, AddsUpWhatManyImagesSayOfTheFilters) {  // several images a task
  for (const Case& s : {Case{.n = 40, .c = 5, .h = 7, .w = 6, .o = 9, .k = 3, .stride = 2, .padding = 1},
                        Case{.n = 40, .c = 5, .h = 4, .w = 4, .o = 9, .k = 1, .stride = 1, .padding = 0},
                        Case{.n = 40, .c = 20, .h = 9, .w = 9, .o = 17, .k = 3, .stride = 1, .padding = 1}}) {
    const Arguments a(s);
    const Results right = exact(s, a.x, a.weight, a.dy);
    const std::vector<Tensor> fast = by(ConvMethod::automatic, s, a.x, a.weight, a.dy);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_LE(rms_error(fast[i], right[i]), 1e-6) << s << ": result " << i;
  }
}

#if __has_include("norma/layers/fast/conv2d_kernels.h")
TEST(FastConv2d, WinogradWorksForAnyNumberOfChannels) {
  for (const Case& s : shapes()) {
    if (s.k != 3 || s.stride != 1) continue;
    const Arguments a(s);
    Tensor y = Tensor::full(a.dy.shape(), kNaN), dx = Tensor::full(a.x.shape(), kNaN),
           dweight = Tensor::full(a.weight.shape(), kNaN);
    const fast::Conv2dKernels& winograd = fast::winograd_kernels();
    winograd.forward(a.x, a.weight, s.stride, s.padding, y);
    winograd.input_gradient(a.dy, a.weight, s.stride, s.padding, dx);
    winograd.weight_gradient(a.x, a.dy, s.stride, s.padding, dweight);
    const std::vector<Tensor> definition = by(ConvMethod::reference, s, a.x, a.weight, a.dy);
    EXPECT_LE(max_relative_difference(to_doubles(y), to_doubles(definition[0])), 1e-5) << s;
    EXPECT_LE(max_relative_difference(to_doubles(dx), to_doubles(definition[1])), 1e-5) << s;
    EXPECT_LE(max_relative_difference(to_doubles(dweight), to_doubles(definition[2])), 1e-5) << s;
  }
}
#endif

// Winograd with each of its tiles, the direct way with one and more strides; several groups and tasks of each. With the
// first case, a task of the weights' gradient has several groups, too.
const Case kLargeCases[] = {{2, 9, 121, 119, 16, 3, 1, 1}, {20, 40, 18, 17, 36, 3, 1, 1}, {40, 9, 12, 12, 33, 3, 1, 2},
                            {3, 8, 2, 2, 8, 3, 1, 1},      {20, 3, 18, 17, 24, 3, 1, 1},  {20, 24, 9, 11, 20, 3, 2, 1},
                            {20, 33, 9, 11, 20, 1, 2, 0}};

TEST(FastConv2d, IsTheDefinitionWhereTilesAreMany) {
  const Case s = kLargeCases[0];
  const Arguments a(s);
  const std::vector<Tensor> fast = by(ConvMethod::automatic, s, a.x, a.weight, a.dy);
  const std::vector<Tensor> definition = by(ConvMethod::reference, s, a.x, a.weight, a.dy);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_LE(max_relative_difference(to_doubles(fast[i]), to_doubles(definition[i])), 1e-5) << i;
}

TEST(FastConv2d, HasTheSameBitsOnAnyThreadCount) {
  for (const Case& s : kLargeCases) {
    const Arguments a(s);
    std::vector<Tensor> first;
    for (const int threads : kThreadCounts) {
      const ThreadCount use(threads);
      const std::vector<Tensor> results = by(ConvMethod::automatic, s, a.x, a.weight, a.dy);
      if (first.empty()) first = results;
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(same_bits(results[i], first[i])) << s << ": " << i << ", " << threads;
    }
  }
}

TEST(FastConv2d, AnImageDoesNotKnowItsNeighbours) {
  for (const Case& s : kLargeCases) {
    const Arguments a(s);
    const std::vector<Tensor> together = by(ConvMethod::automatic, s, a.x, a.weight, a.dy);
    const auto last_of = [](const Tensor& t) {
      Tensor one = Tensor::empty({1, t.dim(1), t.dim(2), t.dim(3)});
      one.rows() = t.rows().bottomRows(1);
      return one;
    };
    const std::vector<Tensor> alone = by(ConvMethod::automatic, s, last_of(a.x), a.weight, last_of(a.dy));
    EXPECT_TRUE(same_bits(alone[0], last_of(together[0]))) << s;
    EXPECT_TRUE(same_bits(alone[1], last_of(together[1]))) << s;
  }
}

TEST(FastConv2d, NaNStaysInItsImage) {
  const Case s{3, 16, 9, 9, 16, 3, 1, 1};
  Arguments a(s);
  a.x.rows()(1, 40) = kNaN;
  const Tensor y = by(ConvMethod::automatic, s, a.x, a.weight, a.dy)[0];
  EXPECT_TRUE(y.rows().row(0).isFinite().all());
  EXPECT_TRUE(y.rows().row(1).isNaN().any());
  EXPECT_TRUE(y.rows().row(2).isFinite().all());
}

TEST(FastConv2d, TenStepsOfTrainingAgreeWithTheDefinition) {
  const auto losses = [](ConvMethod method) {
    const auto conv = [method](Index in, Index out, Index stride) {
      return Conv2d(in, out, {.kernel_size = 3, .stride = stride, .padding = 1, .bias = false, .method = method});
    };
    Sequential net(conv(3, 16, 1), BatchNorm2d(16), ReLU(), conv(16, 32, 1), BatchNorm2d(32), ReLU(), MaxPool2d(2),
                   conv(32, 32, 2), BatchNorm2d(32), ReLU(), GlobalAvgPool(), Flatten(), Linear(32, 10));
    SGD optimizer(net.named_parameters(), {.lr = 0.05, .momentum = 0.9});
    const Tensor x = random_tensor({32, 3, 16, 16}, 5);
    std::vector<int> labels;
    for (int i = 0; i < 32; ++i) labels.push_back(i % 10);
    std::vector<double> all;
    for (int step = 0; step < 10; ++step) {
      optimizer.zero_grad();
      const Tensor loss = cross_entropy(net(x), labels);
      loss.backward();
      optimizer.step();
      all.push_back(static_cast<double>(loss.item()));
    }
    return all;
  };
  const std::vector<double> fast = losses(ConvMethod::automatic), definition = losses(ConvMethod::reference);
  EXPECT_LT(fast.back(), fast.front());
  EXPECT_LE(max_difference(fast, definition), 1e-4);
}

}  // namespace
}  // namespace norma::test
