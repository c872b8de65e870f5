// The fast ways to convolve: equal to layers/conv2d.cpp but for rounding.
#pragma once

#include "norma/layers/kernels.h"

namespace norma::fast {

// x (N,Cin,H,W) not empty, weight (Cout,Cin,k,k). The bits are the same on any number of threads, and an image's part
// of y and dx does not depend on the others of its batch.

/// 3x3, stride 1, padding 0, 1 or 2: by fewer multiplications (conv2d_winograd.cpp).
const Conv2dKernels& winograd_kernels();
/// Any other whose padding is smaller than the window: without a patch matrix (conv2d_direct.cpp).
const Conv2dKernels& direct_kernels();

}  // namespace norma::fast
