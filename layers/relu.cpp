// y  = x  where x > 0, else 0
// dx = dy where x > 0, else 0            (at x = 0, where there is no derivative, PyTorch's choice is 0;
//                                         NaN is passed on in both directions)
#include "norma/layers/relu.h"

#include "norma/core/ops.h"

namespace norma {

Tensor relu(const Tensor& x) {
  const Tensor y = elementwise([](Real value) { return value < 0 ? Real{0} : value; }, x);
  return record("relu", y, {x}, [x](const Tensor& dy) {
    x.accumulate_grad(elementwise([](Real value, Real slope) { return value <= 0 ? Real{0} : slope; }, x, dy));
  });
}

}  // namespace norma
