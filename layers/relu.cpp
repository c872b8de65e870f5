// y  = x  where x > 0, else 0
// dx = dy where x > 0, else 0            (at x = 0, where there is no derivative, PyTorch's choice is 0;
//                                         NaN is passed on in both directions)
// y > 0 exactly where x > 0, so the rule reads y, which the next layer usually keeps too, and x can be freed.
#include "norma/layers/relu.h"

#include "norma/core/ops.h"

namespace norma {

Tensor relu(const Tensor& x) {
  const auto positive_part = [](Real value) { return value < 0 ? Real{0} : value; };
  return record("relu", elementwise(positive_part, x), {x}, [x = x.edge()](const Tensor& dy, const Tensor& y) {
    x.accumulate_grad(elementwise([](Real value, Real slope) { return value <= 0 ? Real{0} : slope; }, y, dy));
  });
}

}  // namespace norma
