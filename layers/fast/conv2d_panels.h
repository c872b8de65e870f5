// The product of matrices at the heart of the fast convolution: a tile of sums stays in registers.
//
// out (rows x columns) = a (rows x depth) b (depth x columns). Take R rows and two vectors of columns: 2R sums, one
// register each. Each step of depth loads 2 vectors of b and R single numbers of a, each copied to all lanes, and does
// 2R multiply-adds: with R = 8, 10 loads for 16 of them, where a processor can start two loads and two multiply-adds in
// a cycle. So the arithmetic is what takes the time, as long as a and b come from the caches. Nothing is waited for: 16
// sums are independent. Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication".
//
// A sum over many terms is taken some terms at a time, and these sums are added up: the rounding error of a sum grows
// with its length, and this way the length is that of two short ones.
#pragma once

#include <omp.h>

#include <algorithm>

#include "norma/core/parallel.h"
#include "norma/core/tensor.h"
#include "norma/layers/fast/simd.h"

namespace norma::fast {

inline constexpr int kPanel = 2 * kLanes;  // columns that are computed together

/// A matrix as it lies in memory: entry (i,k) is data[i * row + k * column].
struct Strided {
  const Real* data;
  Index row, column;
};

/// out (R x V vectors, rows `out_row` apart) = a b, or out += a b. The rows of b are b_row apart; those behind them are
/// asked for: multiply_panels wants them next.
template <int R, int V>
void multiply_tile(const Strided& a, const Real* b, Index b_row, Index depth, Real* out, Index out_row, bool add) {
  Vector sum[R][V] = {};
  const Real* a_row[R];
  unroll<R>([&](auto r) { a_row[r] = a.data + r * a.row; });
  for (Index k = 0; k < depth; ++k, b += b_row) {
    Vector factor[V];
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      factor[v] = load(b + v * kLanes);
      __builtin_prefetch(b + depth * b_row + v * kLanes);
    });
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      const Real number = a_row[r][k * a.column];
      unroll<V>([&](auto v) __attribute__((always_inline)) { sum[r][v] += number * factor[v]; });
    });
  }
  unroll<R>([&](auto r) __attribute__((always_inline)) {
    unroll<V>([&](auto v) __attribute__((always_inline)) {
      Real* to = out + r * out_row + v * kLanes;
      store(to, add ? load(to) + sum[r][v] : sum[r][v]);
    });
  });
}

/// The same for 1 <= rows <= R.
template <int V, int R = kTileRows>
void multiply_rows(Index rows, const Strided& a, const Real* b, Index b_row, Index depth, Real* out, Index out_row,
                   bool add) {
  if (rows == R)
    multiply_tile<R, V>(a, b, b_row, depth, out, out_row, add);
  else if constexpr (R > 1)
    multiply_rows<V, R - 1>(rows, a, b, b_row, depth, out, out_row, add);
}

/// How many numbers whole vectors of so many columns hold.
inline Index padded(Index columns) { return blocks_of(columns, kLanes) * kLanes; }

/// out = a b, or out += a b, for one panel of b: `width` columns, kPanel or kLanes. Sums are taken terms_per_sum at a
/// time.
inline void multiply_panel(Index rows, const Strided& a, const Real* b, Index b_row, Index width, Index depth,
                           Index terms_per_sum, Real* out, Index out_row, bool add) {
  const auto multiply = width == kPanel ? multiply_rows<2> : multiply_rows<1>;
  for (Index k = 0; k < depth; k += terms_per_sum)
    for (Index r = 0; r < rows; r += kTileRows)
      multiply(std::min<Index>(kTileRows, rows - r), {a.data + r * a.row + k * a.column, a.row, a.column},
               b + k * b_row, b_row, std::min(terms_per_sum, depth - k), out + r * out_row, out_row, add || k > 0);
}

/// The same for all columns of b (depth x columns), which lies in panels: for each kPanel columns (or the kLanes that
/// remain) all rows. Writes padded(columns) columns.
inline void multiply_panels(Index rows, const Strided& a, const Real* b, Index columns, Index depth,
                            Index terms_per_sum, Real* out, Index out_row, bool add) {
  for (Index first = 0; first < columns; first += kPanel) {
    const Index width = std::min<Index>(kPanel, padded(columns) - first);
    multiply_panel(rows, a, b + first * depth, width, width, depth, terms_per_sum, out + first, out_row, add);
  }
}

/// Where a thread writes what no other shall see: its row of `scratch`.
inline Real* row_of_thread(Tensor& scratch) { return scratch.rows().row(omp_get_thread_num()).data(); }

/// total = the sum of the shares of a fixed number of tasks: add_share(begin, end, scratch, share) writes what the part
/// [begin, end) of [0, count) adds to it, and `scratch` has a row for each thread. Note [Same bits on any thread
/// count], core/parallel.h.
template <class AddShare>
void add_up(Index count, Tensor& scratch, Tensor& total, const AddShare& add_share) {
  const Index tasks = std::min<Index>(count, 16);
  Tensor shares = Tensor::empty({tasks, total.size()});
  ArrayView all = shares.rows();
  parallel_blocks(tasks, 1, [&](Index task, Index, Index) {
    add_share(task * count / tasks, (task + 1) * count / tasks, row_of_thread(scratch), all.row(task).data());
  });
  parallel_blocks(total.size(), kBlockNumbers, [&](Index first, Index n, Index) {
    ArrayView part(total.rows().data() + first, 1, n);
    part = all.row(0).segment(first, n);
    for (Index task = 1; task < tasks; ++task) part += all.row(task).segment(first, n);
  });
}

}  // namespace norma::fast
