// Vectors of numbers. GCC and Clang offer them on every processor: a + b adds all lanes with one instruction.
#pragma once

#include <utility>

#include "norma/core/types.h"
#include "norma/core/vector_width.h"

namespace norma::fast {

/// Numbers in one vector: 16 floats with AVX-512, 8 with AVX, else 4.
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Real));

typedef Real Vector __attribute__((vector_size(kVectorBytes)));
/// The same numbers at any address that a Real may have.
typedef Real VectorInMemory __attribute__((vector_size(kVectorBytes), aligned(sizeof(Real)), may_alias));

inline Vector load(const Real* from) { return *reinterpret_cast<const VectorInMemory*>(from); }
inline void store(Real* to, Vector v) { *reinterpret_cast<VectorInMemory*>(to) = v; }

/// Moves the first `count` lanes, 0 <= count <= kLanes. load_some fills the others with 0.
inline Vector load_some(const Real* from, Index count) {
  if (count == kLanes) return load(from);
  Vector v{};
  for (Index lane = 0; lane < count; ++lane) v[lane] = from[lane];
  return v;
}
inline void store_some(Real* to, Vector v, Index count) {
  for (Index lane = 0; lane < count; ++lane) to[lane] = v[lane];
}

/// Calls f(0), f(1), ... f(Count - 1) without a loop. Each index has a type of its own, so it is a constant inside f:
/// an element of a small array that it selects can stay in a register.
template <int Count, class F>
[[gnu::always_inline]] inline void unroll(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, Count>{});
}

}  // namespace norma::fast
