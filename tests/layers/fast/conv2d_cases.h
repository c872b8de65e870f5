// Random convolutions and their results in double: shared by conv2d_fast_test.cpp and bench/tile_rules.cpp.
#pragma once

#include "norma/layers/conv2d.h"
#include "norma/tests/helpers.h"

namespace norma::test {

struct Case {
  Index n, c, h, w, o, k, stride, padding;

  Index out_h() const { return (h + 2 * padding - k) / stride + 1; }
  Index out_w() const { return (w + 2 * padding - k) / stride + 1; }
  Index products() const { return n * out_h() * out_w() * o * c * k * k; }
};

inline std::ostream& operator<<(std::ostream& out, const Case& s) {
  return out << "x (" << s.n << ',' << s.c << ',' << s.h << ',' << s.w << "), " << s.o << " filters " << s.k << "x"
             << s.k << ", stride " << s.stride << ", padding " << s.padding;
}

/// Random shapes: 1 to 300 channels, images from 1x1 on, odd sizes, batches of 1 to 16; two of three have 3x3 filters and
/// stride 1. The first 240 with seed 17 are the tests'.
inline std::vector<Case> shapes(std::size_t count = 240, std::uint64_t seed = 17) {
  const std::vector<Index> channels{1,  2,  3,  5,  7,  8,  9,  12,  15,  16,  17,  24,  31,
                                    32, 33, 48, 63, 64, 65, 96, 100, 128, 130, 200, 257, 300};
  const std::vector<Index> sizes{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 18}, batches{1, 1, 2, 3, 5, 16};
  Random random({seed});
  const auto one_of = [&random](const std::vector<Index>& list) {
    return list[static_cast<std::size_t>(random.below(static_cast<Index>(list.size())))];
  };
  std::vector<Case> all;
  while (all.size() < count) {
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

/// In double, product by product: seven loops.
inline Results exact(const Case& s, const Tensor& x, const Tensor& weight, const Tensor& dy) {
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

inline std::vector<Tensor> by(ConvMethod method, const Case& s, const Tensor& x, const Tensor& weight,
                              const Tensor& dy) {
  const Tensor leaf = x.clone().requires_grad(true), filters = weight.clone().requires_grad(true);
  const Tensor y = conv2d(leaf, filters, Tensor(), s.stride, s.padding, method);
  sum(mul(y, dy)).backward();
  return {y.detach(), leaf.grad(), filters.grad()};
}

/// The smallest error that a test asks for: where sums have few terms, the definition may be exact by luck, and nothing in
/// float is expected to be better than half an ulp.
constexpr double kSmallestError = static_cast<double>(std::numeric_limits<Real>::epsilon()) / 4;

/// Root of the mean squared error, in units of the root mean square of what is exact.
inline double rms_error(const Tensor& result, const std::vector<double>& exact) {
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

}  // namespace norma::test
