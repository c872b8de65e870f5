// The transforms of Winograd's convolution, with the numbers that docs/fast_convolution.md and conv2d_transforms.h print.
#include "norma/tests/helpers.h"
#if __has_include("norma/layers/fast/conv2d_transforms.h")
#include "norma/layers/fast/conv2d_transforms.h"

namespace norma::fast {
namespace {

using Numbers = std::vector<std::vector<double>>;

/// P in Q^T, or P^T in Q, of a matrix of numbers, computed in the first lane.
template <const auto& P, const auto& Q, bool transposed = false>
Numbers sandwich_of(const Numbers& in) {
  constexpr std::size_t rows = transposed ? P[0].size() : P.size(), columns = transposed ? Q[0].size() : Q.size();
  Numbers out(rows, std::vector<double>(columns));
  sandwich<P, Q, transposed>([&](std::size_t i, std::size_t j) { return Vector{static_cast<Real>(in[i][j])}; },
                             [&](std::size_t i, std::size_t j, Vector v) { out[i][j] = static_cast<double>(v[0]); });
  return out;
}

/// P v or P^T v.
template <const auto& P, bool transposed = false>
std::vector<double> product(const std::vector<double>& v) {
  std::vector<double> out(transposed ? P[0].size() : P.size());
  multiply<P, transposed>([&](std::size_t k) { return Vector{static_cast<Real>(v[k])}; },
                          [&](std::size_t i, Vector number) { out[i] = static_cast<double>(number[0]); });
  return out;
}

Numbers products(const Numbers& a, const Numbers& b) {
  Numbers c = a;
  for (std::size_t i = 0; i < c.size(); ++i)
    for (std::size_t j = 0; j < c[i].size(); ++j) c[i][j] *= b[i][j];
  return c;
}

TEST(WinogradTransforms, OneDimensionAsInTheHeader) {
  const std::vector<double> d{1, 2, 3, 5}, g{1, 2, 3};
  const auto from = [&](std::size_t k) { return Vector{static_cast<Real>(d[k])}; };
  EXPECT_EQ((dot_row<kBT<2>, 1, 0, 2>(from)[0]), 3) << "even";
  EXPECT_EQ((dot_row<kBT<2>, 1, 1, 2>(from)[0]), 2) << "odd";
  EXPECT_EQ(product<kBT<2>>(d), (std::vector<double>{2, 5, 1, 3}));
  EXPECT_EQ(product<kG<2>>(g), (std::vector<double>{-1, 3, 1, 3}));
  EXPECT_EQ((product<kA<2>, kTransposed>({-2, 15, 1, 9})), (std::vector<double>{14, 23}));
}

TEST(WinogradTransforms, ATileOf2x2AsInTheDocs) {
  const Numbers d{{1, 2, 3, 5}, {0, 1, 2, 1}, {2, 0, 1, 3}, {1, 1, 0, 2}}, g{{1, 2, 3}, {0, 2, 0}, {1, 0, 1}};
  const Numbers columns{{1, -2, -2, -2}, {2, 1, 3, 4}, {2, -1, -1, 2}, {1, 0, -2, 1}};  // B^T d
  for (std::size_t j = 0; j < 4; ++j) {
    const std::vector<double> transformed = product<kBT<2>>({d[0][j], d[1][j], d[2][j], d[3][j]});
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(transformed[i], columns[i][j]);
  }
  const Numbers V = sandwich_of<kBT<2>, kBT<2>>(d), U = sandwich_of<kG<2>, kG<2>>(g), M = products(U, V);
  EXPECT_EQ(V, (Numbers{{-3, -4, 0, 0}, {1, 4, 2, 3}, {-3, -2, 0, 3}, {-3, -2, -2, 1}}));
  EXPECT_EQ(U, (Numbers{{1, -3, -1, -3}, {-1, 2.5, 0.5, 2}, {-1, 1.5, 1.5, 2}, {-1, 1, 1, 1}}));
  EXPECT_EQ(M, (Numbers{{-3, 12, 0, 0}, {-1, 10, 1, 6}, {3, -3, 0, 6}, {3, -2, -2, 1}}));
  const Numbers y = sandwich_of<kA<2>, kA<2>, kTransposed>(M);
  EXPECT_EQ(y, (Numbers{{19, 30}, {9, 13}}));
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j) {
      double direct = 0;
      for (std::size_t u = 0; u < 3; ++u)
        for (std::size_t v = 0; v < 3; ++v) direct += d[i + u][j + v] * g[u][v];
      EXPECT_EQ(y[i][j], direct);
    }
}

/// D = A dY A^T and dg = G^T (D . V) G of the same tile: dg[u][v] = sum of dY[i][j] d[i + u][j + v].
TEST(WinogradTransforms, TheGradientOfTheFilterIsASumOverTheTile) {
  const Numbers d{{1, 2, 3, 5}, {0, 1, 2, 1}, {2, 0, 1, 3}, {1, 1, 0, 2}}, dy{{1, 2}, {-1, 3}};
  const Numbers D = sandwich_of<kA<2>, kA<2>>(dy);
  const Numbers dg = sandwich_of<kG<2>, kG<2>, kTransposed>(products(D, sandwich_of<kBT<2>, kBT<2>>(d)));
  for (std::size_t u = 0; u < 3; ++u)
    for (std::size_t v = 0; v < 3; ++v) {
      double direct = 0;
      for (std::size_t i = 0; i < 2; ++i)
        for (std::size_t j = 0; j < 2; ++j) direct += dy[i][j] * d[i + u][j + v];
      EXPECT_EQ(dg[u][v], direct);
    }
}

}  // namespace
}  // namespace norma::fast
#endif
