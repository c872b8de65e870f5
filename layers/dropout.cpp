// y = mask * x, where mask holds 0 with probability p and 1/(1-p) otherwise; dx = mask * dy. That is mul(), with a mask
// that wants no gradient.
#include "norma/layers/dropout.h"

#include "norma/core/ops.h"
#include "norma/core/parallel.h"

namespace norma {

Dropout::Dropout(double p, std::uint64_t seed) : p_(p), seed_(seed) {
  check(p >= 0 && p <= 1, "Dropout: p is a probability and must lie in [0,1], got ", p);
}

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || p_ == 0) return x;
  Tensor mask = Tensor::empty(x.shape());
  ArrayView values = mask.pixels();
  const Real kept = p_ < 1 ? static_cast<Real>(1 / (1 - p_)) : 0;
  const std::uint64_t call = calls_++;
  parallel_blocks(values.rows(), kBlockRows, [&](Index first, Index n, Index block) {
    Random random({seed_, call, static_cast<std::uint64_t>(block)});
    for (Index i = first * values.cols(); i < (first + n) * values.cols(); ++i)
      values.data()[i] = random.uniform() < p_ ? 0 : kept;
  });
  return mul(x, mask);
}

void Dropout::reset_parameters(Random random) {
  seed_ = random.bits();
  calls_ = 0;
}

}  // namespace norma
