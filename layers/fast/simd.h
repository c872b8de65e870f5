// Vectors of numbers, as GCC and Clang know them on every processor. The one place where their width is chosen.
#pragma once

#include <utility>

#include "norma/core/types.h"

namespace norma::fast {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64, kTileRows = 8;  // 32 registers: 8 x 2 sums, 2 factors, what is left
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32, kTileRows = 6;  // 16 registers: 6 x 2 sums, 2 factors, what is left
#else
inline constexpr int kVectorBytes = 16, kTileRows = 6;
#endif
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Real));

typedef Real Vector __attribute__((vector_size(kVectorBytes)));
typedef Real VectorInMemory __attribute__((vector_size(kVectorBytes), aligned(sizeof(Real)), may_alias));

inline Vector load(const Real* from) { return *reinterpret_cast<const VectorInMemory*>(from); }
inline void store(Real* to, Vector v) { *reinterpret_cast<VectorInMemory*>(to) = v; }

/// The first `count` lanes; the others are 0.
inline Vector load_some(const Real* from, Index count) {
  if (count == kLanes) return load(from);
  Vector v{};
  for (Index lane = 0; lane < count; ++lane) v[lane] = from[lane];
  return v;
}
inline void store_some(Real* to, Vector v, Index count) {
  for (Index lane = 0; lane < count; ++lane) to[lane] = v[lane];
}

/// f(0), f(1), ... f(Count - 1), written out: the index is a constant in each, so that what it selects of a small array
/// can live in a register.
template <int Count, class F>
[[gnu::always_inline]] inline void unroll(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, Count>{});
}

}  // namespace norma::fast
