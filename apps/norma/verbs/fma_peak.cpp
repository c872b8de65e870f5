// A multiply-add takes about 4 cycles until its result is there, but a processor can start two in each cycle. A dozen
// sums that do not wait for one another keep it busy, and with one factor and one summand they fit the 16 registers of
// AVX2. Without AVX2 or AVX-512 there is no fused multiply-add; then this measures multiplications and additions.
#include "norma/apps/norma/verbs/fma_peak.h"

#include <omp.h>

#include <utility>

#include "norma/apps/training/stopwatch.h"
#include "norma/core/parallel.h"
#include "norma/core/vector_width.h"

namespace norma {
namespace {

constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(float)), kChains = 12;
typedef float Vector __attribute__((vector_size(kVectorBytes)));

/// sum[chain] = sum[chain] * factor + step, `times` times, for kChains independent sums. They are written out without a
/// loop, because a loop would keep them in memory. Every lane counts in the result, so the compiler cannot leave one
/// out.
template <int... chain>
float multiply_add(Index times, float factor, float step, std::integer_sequence<int, chain...>) {
  const Vector factors = factor - Vector{}, steps = step - Vector{};
  Vector sum[kChains] = {(static_cast<float>(chain) - Vector{})...};
  for (Index k = 0; k < times; ++k) ((sum[chain] = sum[chain] * factors + steps), ...);
  const Vector all = (sum[chain] + ...);
  float total = 0;
  for (int lane = 0; lane < kLanes; ++lane) total += all[lane];
  return total;
}

}  // namespace

double try_fma_peak() {
  constexpr Index kTimes = 1'000'000;
  const Index threads = omp_get_max_threads();
  volatile float factor = 0.999F, step = 1e-5F;  // volatile: the compiler cannot know the result
  std::vector<float> results(static_cast<std::size_t>(threads));
  const Stopwatch watch;
  parallel_blocks(threads, 1, [&, f = float{factor}, s = float{step}](Index, Index, Index thread) {
    results[static_cast<std::size_t>(thread)] = multiply_add(kTimes, f, s, std::make_integer_sequence<int, kChains>{});
  });
  const double taken = watch.seconds();
  const volatile float used = results.front();
  static_cast<void>(used);
  return static_cast<double>(threads * kTimes * kChains * kLanes * 2) / taken;
}

}  // namespace norma
