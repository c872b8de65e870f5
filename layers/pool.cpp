// Max pooling    y = max of the window. dy goes to the pixel that holds the maximum, the first of them (in row order)
//                if several do, as in PyTorch. Which one it was is found again by comparing x with y.
// Average        y = 1/(H W) sum x. Every pixel gets dy / (H W).
//
// Both work on whole pixels: C neighbouring numbers at a time.
#include "norma/layers/pool.h"

#include "norma/core/parallel.h"

namespace norma {
namespace {

/// Calls visit(window's first row in the pixels of x, row in the pixels of y) for all windows of image n.
template <class Visit>
void for_each_window(const Tensor& x, const Tensor& y, Index kernel, Index n, const Visit& visit) {
  const Index h = x.dim(2), w = x.dim(3), out_h = y.dim(2), out_w = y.dim(3);
  for (Index i = 0; i < out_h; ++i)
    for (Index j = 0; j < out_w; ++j) visit((n * h + i * kernel) * w + j * kernel, (n * out_h + i) * out_w + j);
}

Tensor max_pool_gradient(const Tensor& x, const Tensor& y, const Tensor& dy, Index kernel) {
  const bool covered = x.dim(2) % kernel == 0 && x.dim(3) % kernel == 0;
  Tensor dx = covered ? Tensor::empty(x.shape()) : Tensor(x.shape());
  const ConstArrayView in = x.pixels(), maximum = y.pixels(), slope = dy.pixels();
  ArrayView out = dx.pixels();
  const Index width = x.dim(3), channels = x.dim(1);
  parallel_blocks(x.dim(0), 1, [&](Index n, Index, Index) {
    Row rest_of_dy(channels);  // what has not yet found its pixel: dy, then 0
    Real* rest = rest_of_dy.data();
    for_each_window(x, y, kernel, n, [&](Index corner, Index p) {
      rest_of_dy = slope.row(p);
      const Real* top = maximum.row(p).data();
      for (Index u = 0; u < kernel; ++u)
        for (Index v = 0; v < kernel; ++v) {
          const Index q = corner + u * width + v;
          const Real* value = in.row(q).data();
          Real* share = out.row(q).data();
#pragma omp simd
          for (Index c = 0; c < channels; ++c) {
            const bool here = (value[c] == top[c]) | (value[c] != value[c]);  // NaN is its own maximum
            share[c] = here ? rest[c] : Real{0};
            rest[c] = here ? Real{0} : rest[c];
          }
        }
    });
  });
  return dx;
}

}  // namespace

Tensor max_pool2d(const Tensor& x, Index kernel) {
  check(x.rank() == 4, "max_pool2d: x must be (N,C,H,W), got ", x.shape());
  check(kernel >= 1 && kernel <= x.dim(2) && kernel <= x.dim(3), "max_pool2d: a window ", kernel, "x", kernel,
        " does not fit the image of x ", x.shape());
  Tensor y = Tensor::empty({x.dim(0), x.dim(1), x.dim(2) / kernel, x.dim(3) / kernel});
  const ConstArrayView in = x.pixels();
  ArrayView out = y.pixels();
  const Index width = x.dim(3), channels = x.dim(1);
  parallel_blocks(x.dim(0), 1, [&](Index n, Index, Index) {
    for_each_window(x, y, kernel, n, [&](Index corner, Index p) {
      out.row(p) = in.row(corner);
      Real* top = out.row(p).data();
      for (Index u = 0; u < kernel; ++u)
        for (Index v = 0; v < kernel; ++v) {
          const Real* value = in.row(corner + u * width + v).data();
#pragma omp simd
          for (Index c = 0; c < channels; ++c)  // NaN wins, as in PyTorch
            top[c] = (value[c] > top[c]) | (value[c] != value[c]) ? value[c] : top[c];
        }
    });
  });

  return record("max_pool2d", y, {x}, [x, kernel](const Tensor& dy, const Tensor& maximum) {
    x.accumulate_grad(max_pool_gradient(x, maximum, dy, kernel));
  });
}

Tensor global_avg_pool(const Tensor& x) {
  check(x.rank() == 4 && x.dim(2) * x.dim(3) > 0, "global_avg_pool: x must be (N,C,H,W) with pixels, got ", x.shape());
  const Index pixels = x.dim(2) * x.dim(3);
  Tensor y = Tensor::empty({x.dim(0), x.dim(1)});
  const ConstArrayView in = x.pixels();
  ArrayView out = y.pixels();
  parallel_blocks(x.dim(0), 1, [&](Index n, Index, Index) {
    Row sum = Row::Zero(in.cols());
    for (Index i = n * pixels; i < (n + 1) * pixels; ++i) sum += in.row(i);
    out.row(n) = sum / static_cast<Real>(pixels);
  });

  return record("global_avg_pool", y, {x}, [x = x.edge(), pixels](const Tensor& dy) {
    Tensor dx = Tensor::empty(x.shape());
    ArrayView back = dx.pixels();
    const ConstArrayView slope = dy.pixels();
    parallel_blocks(dy.dim(0), 1, [&](Index n, Index, Index) {
      back.middleRows(n * pixels, pixels).rowwise() = slope.row(n) / static_cast<Real>(pixels);
    });
    x.accumulate_grad(std::move(dx));
  });
}

}  // namespace norma
