// Storage: the block of memory that holds the numbers of a tensor. Big blocks are recycled.
#pragma once

#include <cstddef>

#include "norma/core/types.h"

namespace norma {

/// `size` uninitialised Reals, aligned to a cache line, owned by this object.
///
/// A training step asks for the same big blocks again and again. Fresh memory from the system costs a page fault
/// per 4 KB, more time than the arithmetic done on it, so a big block goes back to a pool instead and the next
/// step takes it from there.
class Storage {
 public:
  explicit Storage(Index size);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  Real* data() const { return data_; }

  /// How many of these are alive, on all threads: gradcheck() finds graphs that are never freed with it.
  static Index live();

 private:
  std::size_t bytes_ = 0;
  Real* data_ = nullptr;
};

}  // namespace norma
