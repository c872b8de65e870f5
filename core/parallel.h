// Fixed-block parallel loops: the only places, beside convolution, where threads are spoken of.
//
// Note [Same bits on any thread count]
//   Floating-point addition is not associative, so a sum depends on how it is split. Norma splits work into blocks
//   whose number follows from the shape alone; which thread runs a block does not matter. Every block writes its own
//   part of the result, and partial sums are added up in the order of the blocks. Eigen's own threads are switched off.
//
// Note [There and back]
//   A large tensor does not fit the cache, but a good part of it does. So sums run through the blocks from the last to
//   the first: they begin with what was written last, and end where the next pass begins.
#pragma once

#include <omp.h>

#include <algorithm>
#include <exception>
#include <type_traits>
#include <vector>

#include "norma/core/types.h"

namespace norma {

/// Rows a block of per-pixel work has: small enough to stay in cache, large enough to be worth a thread's while.
inline constexpr Index kBlockRows = 1024;

/// Numbers a block of elementwise work has.
inline constexpr Index kBlockNumbers = 1 << 14;

inline Index blocks_of(Index count, Index block_size) { return (count + block_size - 1) / block_size; }

enum class Order { first_to_last, last_to_first };

/// Runs body(first, n, block) for the blocks [first, first + n) of [0, count). Every thread has neighbouring blocks, and
/// takes them in the given order: Note [There and back].
/// An exception may not leave an OpenMP region: the first one thrown is kept and rethrown after it.
template <class Body>
void parallel_blocks(Index count, Index block_size, const Body& body, Order order = Order::first_to_last) {
  const Index blocks = blocks_of(count, block_size);
  std::exception_ptr failure;
#pragma omp parallel if (blocks > 1)
  {
    const Index begin = blocks * omp_get_thread_num() / omp_get_num_threads();
    const Index end = blocks * (omp_get_thread_num() + 1) / omp_get_num_threads();
    for (Index i = begin; i < end; ++i) {
      const Index block = order == Order::first_to_last ? i : begin + end - 1 - i, first = block * block_size;
      try {
        body(first, std::min(block_size, count - first), block);
      } catch (...) {
#pragma omp critical(norma_parallel_failure)
        if (!failure) failure = std::current_exception();
      }
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
  parallel_blocks(
      rows, kBlockRows, [&](Index first, Index n, Index b) { partial[static_cast<std::size_t>(b)] = block(first, n); },
      Order::last_to_first);
  DoubleRow sum = DoubleRow::Zero(columns);
  for (const auto& part : partial) sum += part.template cast<double>();
  return sum;
}

}  // namespace norma
