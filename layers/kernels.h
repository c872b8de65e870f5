// The seam to layers/fast/: the few questions that layers/ asks there. Without that folder every answer is "nothing", and the
// definitions do all the work.
#pragma once

#include "norma/layers/module.h"

namespace norma::fast {

/// Another way to compute a convolution and its gradients, without bias, checks or record; every result is written in full.
struct Conv2dKernels {
  void (*forward)(const Tensor& x, const Tensor& weight, Index stride, Index padding, Tensor& y);
  void (*input_gradient)(const Tensor& dy, const Tensor& weight, Index stride, Index padding, Tensor& dx);
  void (*weight_gradient)(const Tensor& x, const Tensor& dy, Index stride, Index padding, Tensor& dweight);
};

#if __has_include("norma/layers/fast/conv2d_kernels.h")
/// The fastest way to convolve with a weight of that shape; nullptr where it is the definition.
const Conv2dKernels* conv2d_kernels(const Shape& weight, Index stride, Index padding);

/// Replaces x by what layers[i], layers[i + 1], ... make of it, for as many as one fused step computes, and returns how many: 2 for
/// a batch norm and the ReLU after it (exactly these types), 0 where there is no such step. The bits are those of the layers.
std::size_t forward_fused(const Module::Children& layers, std::size_t i, Tensor& x);
#else
inline const Conv2dKernels* conv2d_kernels(const Shape&, Index, Index) { return nullptr; }
inline std::size_t forward_fused(const Module::Children&, std::size_t, Tensor&) { return 0; }
#endif

}  // namespace norma::fast
