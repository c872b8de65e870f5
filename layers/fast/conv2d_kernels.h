// The fast ways to convolve. They differ from layers/conv2d.cpp only by rounding; kernels.cpp says which computes what.
#pragma once

#include "norma/layers/kernels.h"

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

}  // namespace norma::fast
