// The fast ways to convolve beside the definition in layers/conv2d.cpp: same values, errors of the same size, same training.
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/flatten.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"
#include "norma/tests/helpers.h"
#if __has_include("norma/layers/fast/conv2d_kernels.h")
#include "norma/layers/fast/conv2d_kernels.h"
#endif

namespace norma::test {
namespace {

struct Case {
  Index n, c, h, w, o, k, stride, padding;

  Index out_h() const { return (h + 2 * padding - k) / stride + 1; }
  Index out_w() const { return (w + 2 * padding - k) / stride + 1; }
  Index products() const { return n * out_h() * out_w() * o * c * k * k; }
};

std::ostream& operator<<(std::ostream& out, const Case& s) {
  return out << "x (" << s.n << ',' << s.c << ',' << s.h << ',' << s.w << "), " << s.o << " filters " << s.k << "x"
             << s.k << ", stride " << s.stride << ", padding " << s.padding;
}

/// 240 shapes: channels from 1 to 300, images from 1x1 on, odd sizes, batches from 1 on; two of three with 3x3 filters and stride 1.
std::vector<Case> shapes() {
  const std::vector<Index> channels{1,  2,  3,  5,  7,  8,  9,  12,  15,  16,  17,  24,  31,
                                    32, 33, 48, 63, 64, 65, 96, 100, 128, 130, 200, 257, 300};
  const std::vector<Index> sizes{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 18}, batches{1, 1, 2, 3, 5, 16};
  Random random({17});
  const auto one_of = [&random](const std::vector<Index>& list) {
    return list[static_cast<std::size_t>(random.below(static_cast<Index>(list.size())))];
  };
  std::vector<Case> all;
  while (all.size() < 240) {
    const bool plain = all.size() % 3 != 0;
    const Case s{.n = one_of(batches),
                 .c = one_of(channels),
                 .h = one_of(sizes),
                 .w = one_of(sizes),
                 .o = one_of(channels),
                 .k = plain ? 3 : one_of({1, 2, 3, 5}),
                 .stride = plain ? 1 : one_of({1, 2, 3}),
                 .padding = random.below(3)};
    if (s.out_h() > 0 && s.out_w() > 0 && s.h + 2 * s.padding >= s.k && s.w + 2 * s.padding >= s.k &&
        s.products() <= 4'000'000)
      all.push_back(s);
  }
  return all;
}

/// y, dx and dweight, in the order of storage.
using Results = std::vector<std::vector<double>>;

/// In double, product by product.
Results exact(const Case& s, const Tensor& x, const Tensor& weight, const Tensor& dy) {
  const auto numbers = [](const Tensor& t) { return std::vector<double>(t.rows().data(), t.rows().data() + t.size()); };
  const std::vector<double> in = numbers(x), filters = numbers(weight), slopes = numbers(dy);
  Results r{std::vector<double>(slopes.size()), std::vector<double>(in.size()), std::vector<double>(filters.size())};
  for (Index n = 0; n < s.n; ++n)
    for (Index i = 0; i < s.out_h(); ++i)
      for (Index j = 0; j < s.out_w(); ++j)
        for (Index u = 0; u < s.k; ++u)
          for (Index v = 0; v < s.k; ++v) {
            const Index row = i * s.stride + u - s.padding, column = j * s.stride + v - s.padding;
            if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
            const Index pixel = ((n * s.h + row) * s.w + column) * s.c;
            for (Index o = 0; o < s.o; ++o) {
              const auto at_y = static_cast<std::size_t>(((n * s.out_h() + i) * s.out_w() + j) * s.o + o);
              const Index filter = ((o * s.k + u) * s.k + v) * s.c;
              for (Index c = 0; c < s.c; ++c) {
                const auto at_x = static_cast<std::size_t>(pixel + c), at_w = static_cast<std::size_t>(filter + c);
                r[0][at_y] += in[at_x] * filters[at_w];
                r[1][at_x] += slopes[at_y] * filters[at_w];
                r[2][at_w] += slopes[at_y] * in[at_x];
              }
            }
          }
  return r;
}

std::vector<Tensor> by(ConvMethod method, const Case& s, const Tensor& x, const Tensor& weight, const Tensor& dy) {
  const Tensor leaf = x.clone().requires_grad(true), filters = weight.clone().requires_grad(true);
  const Tensor y = conv2d(leaf, filters, Tensor(), s.stride, s.padding, method);
  sum(mul(y, dy)).backward();
  return {y.detach(), leaf.grad(), filters.grad()};
}

/// Root of the mean squared error, in units of the root mean square of what is exact.
double rms_error(const Tensor& result, const std::vector<double>& exact) {
  double errors = 0, squares = 1e-300;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = static_cast<double>(result.rows().data()[i]) - exact[i];
    errors += error * error;
    squares += exact[i] * exact[i];
  }
  return std::sqrt(errors / squares);
}

struct Arguments {
  Tensor x, weight, dy;
  explicit Arguments(const Case& s)
      : x(random_tensor({s.n, s.c, s.h, s.w}, 1)),
        weight(random_tensor({s.o, s.c, s.k, s.k}, 2)),
        dy(random_tensor({s.n, s.o, s.out_h(), s.out_w()}, 3)) {}
};

TEST(FastConv2d, ErrorIsAtMostThreeTimesTheDefinitions) {
  constexpr const char* kNames[] = {"y", "dx", "dweight"};
  double worst[3] = {};
  for (const Case& s : shapes()) {
    const Arguments a(s);
    const Results right = exact(s, a.x, a.weight, a.dy);
    const std::vector<Tensor> fast = by(ConvMethod::automatic, s, a.x, a.weight, a.dy);
    const std::vector<Tensor> definition = by(ConvMethod::reference, s, a.x, a.weight, a.dy);
    for (std::size_t i = 0; i < 3; ++i) {
      // Where a sum has few terms the definition may be exact by luck; nothing in float is expected below half an ulp.
      const double allowed = 3 * std::max(rms_error(definition[i], right[i]),
                                          static_cast<double>(std::numeric_limits<Real>::epsilon()) / 4);
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
