#include "norma/core/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <vector>

#include "norma/core/check.h"

namespace norma {
namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector register
constexpr std::size_t kHugePage = 2 << 20;
// Blocks of this many bytes and more are recycled. Smaller ones come from malloc, which returns the end of its heap to
// the system whenever 128 KB are free there; with the gradients of a few small weights at that end it would do so in
// every step. Times of other sizes: tests/bench/found_numbers.py BUILD big_block.
constexpr std::size_t kBigBlock = 16 << 10;

std::size_t rounded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void* allocate(std::size_t bytes) { return ::operator new (bytes, std::align_val_t{kAlignment}); }
void release(void* block) { ::operator delete (block, std::align_val_t{kAlignment}); }

/// Asks for huge pages where they fit. A processor remembers the addresses of some hundred pages only; the kernels of
/// layers/fast/ write to 36 places at once. Where the system has none to give, nothing happens.
void* allocate_big(std::size_t bytes) {
  if (bytes < kHugePage) return allocate(bytes);
  void* block = ::operator new (bytes, std::align_val_t{kHugePage});
#ifdef MADV_HUGEPAGE
  madvise(block, bytes, MADV_HUGEPAGE);
#endif
  return block;
}
void release_big(void* block, std::size_t bytes) {
  if (bytes < kHugePage) return release(block);
  ::operator delete (block, std::align_val_t{kHugePage});
}

/// Hands out big blocks and keeps those that come back. It holds at most twice the bytes that were ever in use at one
/// time, used and free together: enough for the next step to find everything, however sizes varied before.
class Pool {
 public:
  /// A block of at least `bytes`; `bytes` becomes its size. Up to twice the size is accepted, so that the short last
  /// batch of an epoch reuses the blocks of the others.
  void* take(std::size_t& bytes) {
    std::lock_guard lock(mutex_);
    if (free_.capacity() <= free_.size() + blocks_in_use_) free_.reserve(2 * free_.capacity() + 64);
    auto best = free_.end();
    for (auto block = free_.begin(); block != free_.end(); ++block)
      if (block->bytes >= bytes && block->bytes <= 2 * bytes && (best == free_.end() || block->bytes <= best->bytes))
        best = block;
    void* address = nullptr;
    if (best != free_.end()) {
      address = best->address;
      bytes = best->bytes;
      free_bytes_ -= bytes;
      free_.erase(best);
    } else {
      address = allocate_or_empty_pool(bytes);
    }
    used_bytes_ += bytes;
    peak_bytes_ = std::max(peak_bytes_, used_bytes_);
    ++blocks_in_use_;
    return address;
  }

  /// Does not throw: take() has made room for the block's return.
  void give(std::size_t bytes, void* address) noexcept {
    std::lock_guard lock(mutex_);
    used_bytes_ -= bytes;
    --blocks_in_use_;
    free_bytes_ += bytes;
    free_.push_back({bytes, address});
    while (!free_.empty() && used_bytes_ + free_bytes_ > 2 * peak_bytes_) release_oldest();
  }

 private:
  struct Block {
    std::size_t bytes;
    void* address;
  };

  void release_oldest() noexcept {
    free_bytes_ -= free_.front().bytes;
    release_big(free_.front().address, free_.front().bytes);
    free_.erase(free_.begin());
  }

  void* allocate_or_empty_pool(std::size_t bytes) {
    try {
      return allocate_big(bytes);
    } catch (const std::bad_alloc&) {
      while (!free_.empty()) release_oldest();
      return allocate_big(bytes);
    }
  }

  std::mutex mutex_;
  std::vector<Block> free_;  // oldest first
  std::size_t free_bytes_ = 0, used_bytes_ = 0, peak_bytes_ = 0, blocks_in_use_ = 0;
};

/// Never destroyed, so that tensors with static lifetime may still return their blocks at exit.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

std::atomic<Index> live_count = 0;

}  // namespace

Index Storage::live() { return live_count; }

Storage::Storage(Index size) {
  check(size <= static_cast<Index>(PTRDIFF_MAX / sizeof(Real) / 2), "Storage: ", size, " elements do not fit memory");
  bytes_ = rounded(static_cast<std::size_t>(size) * sizeof(Real));
  data_ = static_cast<Real*>(bytes_ >= kBigBlock ? pool().take(bytes_) : allocate(bytes_));
  ++live_count;
}

Storage::~Storage() {
  --live_count;
  if (bytes_ >= kBigBlock) {
    pool().give(bytes_, data_);
  } else {
    release(data_);
  }
}

}  // namespace norma
