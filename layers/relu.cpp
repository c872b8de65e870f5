// y  = x  where x > 0, else 0
// dx = dy where x > 0, else 0            (at x = 0, where there is no derivative, PyTorch's choice is 0)
#include "layers/relu.h"

#include "core/parallel.h"

namespace norma {

Tensor relu(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape());
  const ConstArrayView in = x.pixels();
  ArrayView out = y.pixels();
  parallel_rows(in.rows(), [&](Index first, Index n) {
    for (Index i = first * in.cols(); i < (first + n) * in.cols(); ++i)
      out.data()[i] = in.data()[i] < 0 ? Real{0} : in.data()[i];
  });

  return record("relu", y, {x}, [x](const Tensor& dy) {
    Tensor dx = Tensor::empty(x.shape());
    const ConstArrayView value = x.pixels(), slope = dy.pixels();
    ArrayView result = dx.pixels();
    parallel_rows(value.rows(), [&](Index first, Index n) {
      for (Index i = first * value.cols(); i < (first + n) * value.cols(); ++i)
        result.data()[i] = value.data()[i] <= 0 ? Real{0} : slope.data()[i];
    });
    x.accumulate_grad(std::move(dx));
  });
}

}  // namespace norma
