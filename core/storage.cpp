#include "core/storage.h"

#include <map>
#include <mutex>
#include <new>

#include "core/check.h"

namespace norma {
namespace {

constexpr std::size_t kAlignment = 64;        // a cache line, and the widest vector register
constexpr std::size_t kBigBlock = 128 << 10;  // bytes; smaller blocks are malloc's business

std::size_t rounded(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void* allocate(std::size_t bytes) { return ::operator new (bytes, std::align_val_t{kAlignment}); }
void release(void* block) { ::operator delete (block, std::align_val_t{kAlignment}); }

/// Blocks nobody uses at the moment, by size in bytes.
class Pool {
 public:
  /// Takes the smallest free block of at least `bytes`, updating `bytes` to its size; nullptr if there is none.
  /// Up to twice the size is accepted, so that the short last batch of an epoch reuses the blocks of the others.
  void* take(std::size_t& bytes) {
    std::lock_guard lock(mutex_);
    const auto found = free_.lower_bound(bytes);
    if (found == free_.end() || found->first > 2 * bytes) return nullptr;
    void* block = found->second;
    bytes = found->first;
    free_.erase(found);
    return block;
  }

  void give(std::size_t bytes, void* block) {
    std::lock_guard lock(mutex_);
    free_.emplace(bytes, block);
  }

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, void*> free_;
};

/// Never destroyed, so that tensors with static lifetime may still return their blocks at exit.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

}  // namespace

Storage::Storage(Index size) {
  check(size <= static_cast<Index>(PTRDIFF_MAX / sizeof(Real) / 2), "Storage: ", size, " elements do not fit memory");
  bytes_ = rounded(static_cast<std::size_t>(size) * sizeof(Real));
  void* block = bytes_ >= kBigBlock ? pool().take(bytes_) : nullptr;
  data_ = static_cast<Real*>(block ? block : allocate(bytes_));
}

Storage::~Storage() {
  if (bytes_ >= kBigBlock) {
    pool().give(bytes_, data_);
  } else {
    release(data_);
  }
}

}  // namespace norma
