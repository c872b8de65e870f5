#include "norma/layers/sequential.h"

#include "norma/layers/kernels.h"

namespace norma {

Tensor Sequential::forward(const Tensor& x) {
  if (!being_called())  // forward() called directly: errors and buffers are looked after all the same
    return call(x, 1, [this, &x] { return forward(x); });
  const Children& layers = children();
  const bool may_fuse = Observer::fusion_allowed();
  Tensor y = x;
  for (std::size_t i = 0; i < layers.size();) {
    const std::size_t fused = may_fuse ? fast::forward_fused(layers, i, y) : 0;
    if (fused == 0) y = (*layers[i].second)(y);
    i += std::max<std::size_t>(fused, 1);
  }
  return y;
}

Index Sequential::multiply_adds(const Shape& in, const Shape& /*out*/) const {
  const NoGrad shapes_only;
  const Observer nobody_is_warned;
  Tensor x(in);
  Index total = 0;
  for (const auto& [name, layer] : children()) {
    const EvalMode nothing_is_learnt(*layer);
    const Tensor y = (*layer)(x);
    total += layer->multiply_adds(x.shape(), y.shape());
    x = y;
  }
  return total;
}

}  // namespace norma
