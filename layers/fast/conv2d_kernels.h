// The fast ways to convolve, and which of them computes which convolution. They differ from layers/conv2d.cpp only by
// rounding.
#pragma once

#include <algorithm>

#include "norma/layers/conv2d.h"

namespace norma::fast {

// For all: x (N,Cin,H,W) is not empty, weight is (Cout,Cin,k,k). The bits are the same on any number of threads, and an
// image's part of y and dx does not depend on the other images of its batch.

/// The outputs that Winograd's convolution computes at a time, height x width. `by_error`: the largest tile whose
/// rounding errors stay small beside those of the definition; to force one of them is for tests/bench/tile_rules.cpp.
enum class WinogradTile { by_error, of_2x2, of_4x2, of_4x4 };

/// 3x3, stride 1, padding 0, 1 or 2, with fewer multiplications (conv2d_winograd.cpp).
const Conv2dKernels& winograd_kernels(WinogradTile tile = WinogradTile::by_error);
/// Any kernel size and stride, padding smaller than the kernel, without a patch matrix (conv2d_direct.cpp).
const Conv2dKernels& direct_kernels();

/// With fewer input or output channels than this, Winograd's transforms take longer than the products they save. Times
/// of other values: tests/bench/found_numbers.py BUILD winograd_channels.
inline constexpr Index kWinogradChannels = 8;

/// The fastest of them for this convolution. nullptr, which means the definition, if padding >= k: both copy or read
/// all of the padding, and it may be far larger than the image.
inline const Conv2dKernels* conv2d_kernels(const Shape& weight, Index stride, Index padding) {
  if (padding >= weight[2]) return nullptr;
  const bool winograd = weight[2] == 3 && stride == 1 && std::min(weight[0], weight[1]) >= kWinogradChannels;
  return winograd ? &winograd_kernels() : &direct_kernels();
}

}  // namespace norma::fast
