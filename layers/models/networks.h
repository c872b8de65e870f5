// The networks that the command line trains.
#pragma once

#include <string>
#include <vector>

#include "norma/layers/sequential.h"

namespace norma {

/// Names make_model knows.
const std::vector<std::string>& model_names();
/// What may stand behind each convolution: "batch", "layer", "instance", "group" or "none".
const std::vector<std::string>& norm_names();

/// A network for images (N,channels,H,W), with parameters drawn from `seed`:
///   cnn     seven 3x3 convolutions, 32 to 256 channels, three poolings; 0.6 million parameters
///   small   four 3x3 convolutions, 16 to 64 channels, three poolings; trains six times as fast
///   linear  a single Linear: what can be learnt without any convolution
/// Behind every convolution stands BatchNorm2d, LayerNorm over the image, InstanceNorm2d with affine, GroupNorm in 8 groups,
/// or nothing. With a norm a convolution has no bias: the norm has one, and batch and instance norm would subtract it again.
/// For equal seeds weights are the same with every norm.
Sequential make_model(const std::string& name, const std::string& norm, const Shape& images, Index classes,
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

/// The network that `blocks` describes, with parameters drawn from `seed` as make_model draws them.
Sequential make_blocks(const Blocks& blocks, const Shape& images, Index classes, std::uint64_t seed);

/// What --conv may be: "automatic" or "reference".
const std::vector<std::string>& conv_names();
/// Makes every convolution of a model compute by the method of that name.
void set_convolutions(const Module& model, const std::string& conv);

/// How many numbers they hold together.
Index elements(const NamedTensors& tensors);

}  // namespace norma
