// The matrix product inside every fast convolution. Its running sums stay in registers.
//
// out (rows x columns) = a (rows x depth) b (depth x columns). Take R rows and two vectors of columns: 2R sums, one
// register each. Each step of depth loads two vectors of b and R single numbers of a, each copied to all lanes, and
// does 2R multiply-adds. With R = 8 these are 10 loads for 16 multiply-adds, and a processor can start two of each per
// cycle. So arithmetic takes the time, not loading, as long as a and b come from the caches. The 16 sums do not depend
// on each other, so none waits. Goto & van de Geijn 2008, "Anatomy of high-performance matrix multiplication".
//
// A long sum is split: some terms are added up at a time, and these partial sums are added up. The rounding error of a
// sum grows with the number of its terms; this way it is about the error of two short sums.
#pragma once

#include <omp.h>

#include <algorithm>

#include "norma/core/parallel.h"
#include "norma/core/tensor.h"
#include "norma/layers/fast/simd.h"

namespace norma::fast {

inline constexpr int kPanel = 2 * kLanes;  // columns that are computed together
/// R above. AVX-512 has 32 registers: 8 x 2 sums, 2 vectors of b, and some to spare. Without it there are 16: 6 x 2
/// sums, 2 vectors of b, one number of a. Times of other values: tests/bench/found_numbers.py BUILD tile_rows.
inline constexpr int kTileRows = kVectorBytes == 64 ? 8 : 6;

/// A matrix as it lies in memory: entry (i,k) is data[i * row + k * column].
struct Strided {
  const Real* data;
  Index row, column;
};

/// out (R rows of V vectors) = a b, or out += a b if `add`. Rows of out are out_row numbers apart, those of b b_row. It
/// also prefetches the `depth` rows of b that follow, which multiply_panels uses next.
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

/// The same for any 1 <= rows <= R: picks the tile of that height.
template <int V, int R = kTileRows>
void multiply_rows(Index rows, const Strided& a, const Real* b, Index b_row, Index depth, Real* out, Index out_row,
                   bool add) {
  if (rows == R)
    multiply_tile<R, V>(a, b, b_row, depth, out, out_row, add);
  else if constexpr (R > 1)
    multiply_rows<V, R - 1>(rows, a, b, b_row, depth, out, out_row, add);
}

/// `columns` rounded up to whole vectors.
inline Index padded(Index columns) { return blocks_of(columns, kLanes) * kLanes; }

/// out = a b, or out += a b, for one panel of b: `width` columns, which is kPanel or kLanes. Adds up terms_per_sum
/// terms at a time.
inline void multiply_panel(Index rows, const Strided& a, const Real* b, Index b_row, Index width, Index depth,
                           Index terms_per_sum, Real* out, Index out_row, bool add) {
  const auto multiply = width == kPanel ? multiply_rows<2> : multiply_rows<1>;
  for (Index k = 0; k < depth; k += terms_per_sum)
    for (Index r = 0; r < rows; r += kTileRows)
      multiply(std::min<Index>(kTileRows, rows - r), {a.data + r * a.row + k * a.column, a.row, a.column},
               b + k * b_row, b_row, std::min(terms_per_sum, depth - k), out + r * out_row, out_row, add || k > 0);
}

/// The same for all columns of b (depth x columns), which is stored panel by panel: all rows of the first kPanel
/// columns, then all rows of the next; the last panel may have kLanes columns. Writes padded(columns) columns.
inline void multiply_panels(Index rows, const Strided& a, const Real* b, Index columns, Index depth,
                            Index terms_per_sum, Real* out, Index out_row, bool add) {
  for (Index first = 0; first < columns; first += kPanel) {
    const Index width = std::min<Index>(kPanel, padded(columns) - first);
    multiply_panel(rows, a, b + first * depth, width, width, depth, terms_per_sum, out + first, out_row, add);
  }
}

/// The calling thread's own row of `scratch`.
inline Real* row_of_thread(Tensor& scratch) { return scratch.rows().row(omp_get_thread_num()).data(); }

/// Tasks of a sum over images, on any machine, so that its bits do not depend on the number of threads. More tasks
/// could keep more cores busy, and need more memory for their shares.
inline constexpr Index kMaxTasks = 16;

/// total = the sum of one share per task. add_share(begin, end, scratch, share) writes the share of the part [begin,
/// end) of [0, count); `scratch` has one row per thread. Note [Same bits on any thread count], core/parallel.h.
template <class AddShare>
void add_up(Index count, Tensor& scratch, Tensor& total, const AddShare& add_share) {
  const Index tasks = std::min(count, kMaxTasks);
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
