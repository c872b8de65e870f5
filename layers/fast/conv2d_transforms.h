// Winograd's convolution: fewer multiplications, by way of polynomials.
//
// Multiplying polynomials. a(x) has m coefficients and g(x) has 3, so s = a g has n = m + 2. n values determine a
// polynomial with n coefficients, and values multiply one by one: s(p) = a(p) g(p) takes n products, the coefficients
// take 3m. Take n - 1 points p_i and "infinity", which stands for the highest coefficient. Values depend linearly on
// coefficients, and coefficients on values:
//   A a:  a(p_i) = sum_k p_i^k a_k, last row: a_{m-1}      G g: the same of g, divided by N_i (below)
//   s = B (G g . A a)                                      "." multiplies one by one
// B is Lagrange's interpolation. L_i(x) = product over j != i of (x - p_j) is N_i at p_i and 0 at all other points:
//   s(x) = sum_i s(p_i) L_i(x) / N_i  +  s_{n-1} product over j of (x - p_j)
// Column i of B holds the coefficients of L_i (1/N_i is already in G), the last column those of the product.
//
// Convolving. For a fixed g, the step from a to s is a matrix T with T[j][i] = g_{j-i}. Its transpose makes m numbers
// of n numbers d:
//   y_i = sum_j g_{j-i} d_j = sum_k d_{i+k} g_k
// This is what a convolution layer does with a filter of 3. T = B diag(G g) A, and therefore
//   y = A^T (G g . B^T d)
// That is n products for m outputs. In two dimensions, do it to the columns of a square and then to the rows:
//   Y = A^T [ (G g G^T) . (B^T d B) ] A                    write U = G g G^T, V = B^T d B, M = U . V
// A tile of 4x4 outputs takes 36 products instead of 144, one of 2x2 takes 16 instead of 36.
// Y is linear in d and linear in g, so its gradients use the transposes of the same three matrices:
//   D = A dY A^T,    dg = G^T (D . V) G,    and dx is a convolution of dY (input_gradient in conv2d_winograd.cpp).
// Toom 1963, Cook 1966; Winograd 1980, "Arithmetic complexity of computations", chapter V; Lavin & Gray 2016, "Fast
// algorithms for convolutional neural networks".
//
// Rounding. The transforms subtract large numbers from each other, which magnifies the errors of M: the more, the
// larger the tile and the farther apart the powers of the points. For 4x4, the points 0, +-1/sqrt(2), +-sqrt(2) halve
// the error of the usual 0, +-1, +-2. docs/fast_convolution.md measures it, and follows a 2x2 tile through all steps.
#pragma once

#include <array>

#include "norma/layers/fast/simd.h"

namespace norma::fast {

template <int Rows, int Columns>
using Matrix = std::array<std::array<double, Columns>, Rows>;

/// A (n x m), G (n x 3) and B^T (n x n) for tiles of m x m outputs, n = m + 2, from m + 1 points and infinity.
template <int m>
struct Transforms {
  Matrix<m + 2, m> A{};
  Matrix<m + 2, 3> G{};
  Matrix<m + 2, m + 2> BT{};

  constexpr explicit Transforms(const std::array<double, m + 1>& points) {
    for (int i = 0; i <= m; ++i) {
      double N = 1;
      std::array<double, m + 2> L{1};  // coefficients; L starts as the polynomial 1
      for (int j = 0; j <= m; ++j) {
        if (j == i) continue;
        N *= points[i] - points[j];
        for (int k = m + 1; k >= 0; --k) L[k] = (k > 0 ? L[k - 1] : 0) - points[j] * L[k];  // L *= x - p_j
      }
      double power = 1;
      for (int k = 0; k < m || k < 3; ++k, power *= points[i]) {
        if (k < m) A[i][k] = power;
        if (k < 3) G[i][k] = power / N;
      }
      BT[i] = L;
      if (i == 0)  // infinity's row: L_0 (x - p_0) is the product over all points
        for (int k = 0; k <= m + 1; ++k) BT[m + 1][k] = (k > 0 ? L[k - 1] : 0) - points[0] * L[k];
    }
    A[m + 1][m - 1] = G[m + 1][2] = 1;
  }
};

inline constexpr double kRootHalf = 0.70710678118654752440, kRootTwo = 1.41421356237309504880;
template <int m>
inline constexpr std::array<double, m + 1> kPoints{0, 1, -1};
template <>
inline constexpr std::array<double, 5> kPoints<4>{0, kRootHalf, -kRootHalf, kRootTwo, -kRootTwo};
template <int m>
inline constexpr auto kA = Transforms<m>(kPoints<m>).A;
template <int m>
inline constexpr auto kG = Transforms<m>(kPoints<m>).G;
template <int m>
inline constexpr auto kBT = Transforms<m>(kPoints<m>).BT;

// The points come in pairs: 0, +p, -p, +q, -q. (-p)^k is p^k for even k and -p^k for odd k, and L of -p is L_p(-x). So
// rows 2i-1 and 2i of A, G and B^T are equal in the even columns and differ in sign in the odd ones. The sum over the
// even columns and the sum over the odd ones make both rows. With tiles of 2, points 0, 1, -1 and d = (1, 2, 3, 5):
//         -1  0  1  0                        row 0:  -1 + 3 = 2
//   B^T =  0  1  1  0     even = 0 + 3 = 3   row 1:  even + odd = 5
//          0 -1  1  0     odd = 2 + 0 = 2    row 2:  even - odd = 1
//          0 -1  0  1                        row 3:  -2 + 5 = 3
// With g = (1, 2, 3), G g = (-1, 3, 1, 3) and M = (-2, 15, 1, 9). Transposed, rows 2i-1 and 2i are a pair of columns,
// whose sum and difference are shared: sum = 15 + 1, difference = 15 - 1, y = (-2 + sum, difference + 9) = (14, 23).

/// sum of P[row][k] in(k) over k = begin, begin + step, ...: step 1 is the whole row, step 2 its even or odd columns.
template <const auto& P, int row, int begin, int step, class In>
[[gnu::always_inline]] inline Vector dot_row(const In& in) {
  // Coefficients that should be 0 may be 1e-17, from rounding.
  constexpr auto counts = [](int k) { return P[row][k] > 1e-12 || P[row][k] < -1e-12; };
  if constexpr (!counts(begin)) {
    return dot_row<P, row, begin + step, step>(in);
  } else {
    Vector sum = in(std::integral_constant<int, begin>{}) * static_cast<Real>(P[row][begin]);
    unroll<P[0].size()>([&](auto k) __attribute__((always_inline)) {
      if constexpr (k > begin && (k - begin) % step == 0 && counts(k)) sum += in(k) * static_cast<Real>(P[row][k]);
    });
    return sum;
  }
}

/// out(i, (P v)_i) for every row i, where in(k) gives v_k.
template <const auto& P, bool transposed, class In, class Out>
requires(!transposed) [[gnu::always_inline]] inline void multiply(const In& in, const Out& out) {
  constexpr int rows = P.size();
  out(std::integral_constant<int, 0>{}, dot_row<P, 0, 0, 1>(in));
  unroll<rows / 2 - 1>([&](auto pair) __attribute__((always_inline)) {
    constexpr int row = 2 * pair + 1;
    const Vector even = dot_row<P, row, 0, 2>(in), odd = dot_row<P, row, 1, 2>(in);
    out(std::integral_constant<int, row>{}, even + odd);
    out(std::integral_constant<int, row + 1>{}, even - odd);
  });
  out(std::integral_constant<int, rows - 1>{}, dot_row<P, rows - 1, 0, 1>(in));
}

/// out(k, (P^T v)_k) for every column k of P = A or G, where in(i) gives v_i.
template <const auto& P, bool transposed, class In, class Out>
requires transposed [[gnu::always_inline]] inline void multiply(const In& in, const Out& out) {
  constexpr int rows = P.size(), columns = P[0].size(), pairs = rows / 2 - 1;
  Vector sum[pairs], difference[pairs];
  unroll<pairs>([&](auto i) __attribute__((always_inline)) {
    const Vector plus = in(std::integral_constant<int, 2 * i + 1>{}),
                 minus = in(std::integral_constant<int, 2 * i + 2>{});
    sum[i] = plus + minus;
    difference[i] = plus - minus;
  });
  unroll<columns>([&](auto k) __attribute__((always_inline)) {
    Vector total = (k % 2 ? difference : sum)[0] * static_cast<Real>(P[1][k]);
    unroll<pairs - 1>([&](auto i) __attribute__((always_inline)) {
      total += (k % 2 ? difference : sum)[i + 1] * static_cast<Real>(P[2 * i + 3][k]);
    });
    if constexpr (k == 0) total += in(std::integral_constant<int, 0>{}) * static_cast<Real>(P[0][0]);
    if constexpr (k == columns - 1) total += in(std::integral_constant<int, rows - 1>{});
    out(k, total);
  });
}

/// P in Q^T, or P^T in Q if transposed; for example V = B^T d B, with P = Q = B^T. First the columns of the matrix are
/// multiplied, then the rows of the result. in(i, j) gives a number, out(i, j, number) takes one.
template <const auto& P, const auto& Q, bool transposed = false, class In, class Out>
[[gnu::always_inline]] inline void sandwich(const In& in, const Out& out) {
  constexpr int rows = transposed ? P[0].size() : P.size(), columns = transposed ? Q.size() : Q[0].size();
  Vector half[rows][columns];  // P in, or P^T in
  unroll<columns>([&](auto j) __attribute__((always_inline)) {
    const auto from = [&](auto i) __attribute__((always_inline)) { return in(i, j); };
    const auto to = [&](auto i, Vector v) __attribute__((always_inline)) { half[i][j] = v; };
    multiply<P, transposed>(from, to);
  });
  unroll<rows>([&](auto i) __attribute__((always_inline)) {
    const auto from = [&](auto j) __attribute__((always_inline)) { return half[i][j]; };
    const auto to = [&](auto j, Vector v) __attribute__((always_inline)) { out(i, j, v); };
    multiply<Q, transposed>(from, to);
  });
}
inline constexpr bool kTransposed = true;

}  // namespace norma::fast
