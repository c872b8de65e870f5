// The numbers of an image lie pixel by pixel (Note [Storage order]) but flatten wants them channel by channel: the
// (H*W) x C matrix of an image is transposed. Backward transposes back.
#include "norma/layers/flatten.h"

#include "norma/core/parallel.h"

namespace norma {

Tensor flatten(const Tensor& x) {
  check(x.rank() == 2 || x.rank() == 4, "flatten: x must be (N,C,H,W) or (N,C), got ", x.shape());
  if (x.rank() == 2) return x;
  const Index pixels = x.dim(2) * x.dim(3), channels = x.dim(1);
  Tensor y = Tensor::empty({x.dim(0), channels * pixels});
  const ConstArrayView in = x.rows();
  ArrayView out = y.rows();
  parallel_blocks(x.dim(0), 1, [&](Index n, Index, Index) {
    ArrayView(out.row(n).data(), channels, pixels) = ConstArrayView(in.row(n).data(), pixels, channels).transpose();
  });

  return record("flatten", y, {x}, [x = x.edge(), pixels, channels](const Tensor& dy) {
    Tensor dx = Tensor::empty(x.shape());
    ArrayView back = dx.rows();
    const ConstArrayView slope = dy.rows();
    parallel_blocks(dy.dim(0), 1, [&](Index n, Index, Index) {
      ArrayView(back.row(n).data(), pixels, channels) =
          ConstArrayView(slope.row(n).data(), channels, pixels).transpose();
    });
    x.accumulate_grad(std::move(dx));
  });
}

}  // namespace norma
