// What answers layers/kernels.h: which fast way takes which work.
#include "norma/layers/kernels.h"

#include <algorithm>
#include <typeinfo>

#include "norma/layers/fast/batch_norm_relu.h"
#include "norma/layers/fast/conv2d_kernels.h"
#include "norma/layers/relu.h"

namespace norma::fast {

/// nullptr if padding >= k: both fast ways copy or read all of the padding, and it may be far larger than the image.
const Conv2dKernels* conv2d_kernels(const Shape& weight, Index stride, Index padding) {
  if (padding >= weight[2]) return nullptr;
  const bool winograd = weight[2] == 3 && stride == 1 && std::min(weight[0], weight[1]) >= kWinogradChannels;
  return winograd ? &winograd_kernels() : &direct_kernels();
}

std::size_t forward_fused(const Module::Children& layers, std::size_t i, Tensor& x) {
  if (i + 1 >= layers.size()) return 0;
  Module &first = *layers[i].second, &second = *layers[i + 1].second;
  if (typeid(second) != typeid(ReLU) || (typeid(first) != typeid(BatchNorm2d) && typeid(first) != typeid(BatchNorm1d)))
    return 0;
  auto& norm = static_cast<BatchNorm&>(first);
  x = norm.call(x, 2, [&] { return norm.forward_by(batch_norm_relu, x); });
  return 2;
}

}  // namespace norma::fast
