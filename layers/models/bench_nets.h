// The networks that speed is measured on.
#pragma once

#include <string>
#include <vector>

#include "norma/layers/sequential.h"

namespace norma {

/// Names make_bench_net knows: those of make_model (models.h) and bench, air, resnet.
const std::vector<std::string>& bench_net_names();

/// A network for images (N,3,32,32) and 10 classes, with batch norm and weights drawn from `seed`:
///   bench   six 3x3 convolutions, 32 to 128 channels, three poolings, a classifier of all that is left
///   air     a 2x2 convolution and six 3x3 ones, 64 to 256 channels, poolings before batch norm; after airbench94: Jordan
///           2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU"
///   resnet  a 3x3 convolution and three residual stages, 32 to 128 channels, two of which halve the image with 3x3 and
///           1x1 convolutions of stride 2
/// or one of make_model. tests/bench/torch_nets.py makes the same ones for PyTorch.
Sequential make_bench_net(const std::string& name, std::uint64_t seed);

}  // namespace norma
