// The fast ways to convolve, and which one takes which convolution. All are equal to layers/conv2d.cpp but for
// rounding.
#pragma once

#include "norma/layers/conv2d.h"

namespace norma::fast {

// x (N,Cin,H,W) not empty, weight (Cout,Cin,k,k). The bits are the same on any number of threads, and an image's part
// of y and dx does not depend on the others of its batch.

/// 3x3, stride 1, padding 0, 1 or 2: by fewer multiplications (conv2d_winograd.cpp).
const Conv2dKernels& winograd_kernels();
/// Any other whose padding is smaller than the window: without a patch matrix (conv2d_direct.cpp).
const Conv2dKernels& direct_kernels();

/// The faster of them; nullptr where windows may lie in the padding alone: beside it the image may be a speck in what
/// these would copy. With few channels, Winograd's transforms cost more than the products they save.
inline const Conv2dKernels* conv2d_kernels(const Shape& weight, Index stride, Index padding) {
  if (padding >= weight[2]) return nullptr;
  const bool winograd = weight[2] == 3 && stride == 1 && weight[0] >= 8 && weight[1] >= 8;
  return winograd ? &winograd_kernels() : &direct_kernels();
}

}  // namespace norma::fast
