// The networks that the command line trains.
#pragma once

#include <string>
#include <vector>

#include "layers/sequential.h"

namespace norma {

/// Names make_model knows.
const std::vector<std::string>& model_names();
/// "batch" or "none".
const std::vector<std::string>& norm_names();

/// A network for images (N,channels,H,W), with parameters drawn from `seed`:
///   cnn     seven 3x3 convolutions, 32 to 256 channels, three poolings; 0.6 million parameters
///   small   four 3x3 convolutions, 16 to 64 channels, three poolings; trains six times as fast
///   linear  a single Linear: what can be learnt without any convolution
/// norm "batch" puts a BatchNorm2d behind every convolution, which then has no bias: batch norm would subtract it again.
/// For equal seeds all other parameters are the same with and without it.
Sequential make_model(const std::string& name, const std::string& norm, const Shape& images, Index classes,
                      std::uint64_t seed);

}  // namespace norma
