// The 3x3 convolution of stride 1 by Winograd's method: fewer multiplications, and equal to layers/conv2d.cpp but for rounding.
#pragma once

#include "layers/conv2d.h"

namespace norma::fast {

// x (N,Cin,H,W) not empty, weight (Cout,Cin,3,3), y and dy (N,Cout,H',W') with H' = H + 2 padding - 2; padding 0, 1 or 2; any number
// of channels. The bits are the same on any number of threads, and an image's part of y and dx does not depend on the
// others of its batch.

/// y = conv2d(x, weight), without bias.
void winograd_forward(const Tensor& x, const Tensor& weight, Index padding, Tensor& y);
/// dx = d loss / d x.
void winograd_input_gradient(const Tensor& dy, const Tensor& weight, Index padding, Tensor& dx);
/// dweight = d loss / d weight.
void winograd_weight_gradient(const Tensor& x, const Tensor& dy, Index padding, Tensor& dweight);

/// These three, where they save time; nullptr for other sizes of kernel, stride or padding, and for so few channels that the
/// transforms cost more than the products they save.
const Conv2dKernels* winograd_kernels(const Shape& weight, Index stride, Index padding);

}  // namespace norma::fast
