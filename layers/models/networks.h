// The networks by name.
#pragma once

#include <string>
#include <vector>

#include "norma/layers/sequential.h"

namespace norma {

/// Names make_network knows.
const std::vector<std::string>& network_names();
/// What may stand after each convolution: "batch", "layer", "instance", "group" or "none".
const std::vector<std::string>& norm_names();

/// A network for images (N,channels,H,W), with parameters drawn from `seed` by initialize_he():
///   cnn     seven 3x3 convolutions, 32 to 256 channels, three poolings; 0.6 million parameters
///   small   four 3x3 convolutions, 16 to 64 channels, three poolings; trains six times as fast
///   linear  a single Linear: what can be learnt without any convolution
///   bench   six 3x3 convolutions, 32 to 128 channels, three poolings, a classifier of all that is left
///   air     a 2x2 convolution and six 3x3 ones, 64 to 256 channels, poolings before the norm; after airbench94: Jordan 2024,
///           "94% on CIFAR-10 in 3.29 seconds on a single GPU"
///   resnet  a 3x3 convolution and three residual stages, 32 to 128 channels, two of which halve the image with 3x3 and 1x1
///           convolutions of stride 2
/// After every convolution stands BatchNorm2d, LayerNorm over the image, InstanceNorm2d with affine, GroupNorm in 8 groups, or
/// nothing. With a norm a convolution has no bias: the norm has one, and batch and instance norm would subtract it again.
/// For equal seeds weights are the same with every norm. Throws Error for other names and for images that are too small.
Sequential make_network(const std::string& name, const std::string& norm, const Shape& images, Index classes,
                        std::uint64_t seed);

constexpr Index kPool = -1;  // in a list of widths: a 2x2 max pooling

/// Blocks of a 3x3 convolution, a norm and ReLU, one for each width; then the mean over the image and a linear classifier.
struct Blocks {
  std::vector<Index> widths;
  std::string norm = "batch";
  bool relu_before_norm = false;
  enum class Dropout { none, before_norm, behind_block, behind_last_block } dropout = Dropout::none;
  double p = 0.5;  // of dropout
};

/// The network that `blocks` describes, with parameters drawn from `seed` as make_network draws them.
Sequential make_blocks(const Blocks& blocks, const Shape& images, Index classes, std::uint64_t seed);

/// Convolutions as He et al. 2015 draw them, with biases 0; every other layer by its reset_parameters(), PyTorch's rule. The k-th
/// convolution or Linear of the tree has a stream of its own, so that weights are the same whatever stands between them.
void initialize_he(Module& model, std::uint64_t seed);

/// What --conv may be: "automatic" or "reference".
const std::vector<std::string>& conv_names();
/// Makes every convolution of a model compute by the method of that name.
void set_convolutions(Module& model, const std::string& conv);

/// How many numbers they hold together.
Index elements(const NamedTensors& tensors);

}  // namespace norma
