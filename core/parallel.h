// Fixed-block parallel loops: the only places, beside convolution, where threads are spoken of.
//
// Note [Same bits on any thread count]
//   Floating-point addition is not associative, so a sum depends on how it is split. Norma splits work into blocks
//   whose number follows from the shape alone; which thread runs a block is left to OpenMP. Every block writes its own
//   part of the result, and partial sums are added up in the order of the blocks. Eigen's own threads are switched off.
#pragma once

#include <algorithm>
#include <exception>
#include <type_traits>
#include <vector>

#include "core/types.h"

namespace norma {

/// Rows a block of per-pixel work has: small enough to stay in cache, large enough to be worth a thread's while.
inline constexpr Index kBlockRows = 1024;

/// Numbers a block of elementwise work has.
inline constexpr Index kBlockNumbers = 1 << 14;

inline Index blocks_of(Index count, Index block_size) { return (count + block_size - 1) / block_size; }

/// Runs body(first, n, block) for the blocks [first, first + n) of [0, count), on any threads, in any order.
/// An exception may not leave an OpenMP region: the first one thrown is kept and rethrown behind it.
template <class Body>
void parallel_blocks(Index count, Index block_size, const Body& body) {
  const Index blocks = blocks_of(count, block_size);
  std::exception_ptr failure;
#pragma omp parallel for schedule(static) if (blocks > 1)
  for (Index block = 0; block < blocks; ++block) {
    const Index first = block * block_size;
    try {
      body(first, std::min(block_size, count - first), block);
    } catch (...) {
#pragma omp critical(norma_parallel_failure)
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

/// parallel_blocks over the rows of a matrix that is read or written row by row.
template <class Body>
void parallel_rows(Index rows, const Body& body) {
  parallel_blocks(rows, kBlockRows, [&](Index first, Index n, Index) { body(first, n); });
}

/// Sum over all rows of a rows x columns matrix given in blocks: block(first, n) returns the column sums of rows
/// [first, first + n), as a Row (rounding then stays near that of 1024 additions) or a DoubleRow; they are added in double.
template <class Block>
DoubleRow column_sum(Index rows, Index columns, const Block& block) {
  std::vector<std::invoke_result_t<Block, Index, Index>> partial(static_cast<std::size_t>(blocks_of(rows, kBlockRows)));
  parallel_blocks(rows, kBlockRows,
                  [&](Index first, Index n, Index b) { partial[static_cast<std::size_t>(b)] = block(first, n); });
  DoubleRow sum = DoubleRow::Zero(columns);
  for (const auto& part : partial) sum += part.template cast<double>();
  return sum;
}

}  // namespace norma
