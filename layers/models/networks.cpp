#include "norma/layers/models/networks.h"

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/flatten.h"
#include "norma/layers/group_norm.h"
#include "norma/layers/init.h"
#include "norma/layers/instance_norm.h"
#include "norma/layers/layer_norm.h"
#include "norma/layers/linear.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"

namespace norma {
namespace {

/// Appends the norm of that name for images (1,C,H,W).
void add_norm(Sequential& net, const std::string& name, const Shape& image) {
  constexpr Index kGroups = 8;
  if (name == "batch") net.add(BatchNorm2d(image[1]));
  if (name == "layer") net.add(LayerNorm({image[1], image[2], image[3]}));
  if (name == "instance") net.add(InstanceNorm2d(image[1], {.affine = true}));
  if (name == "group") net.add(GroupNorm(kGroups, image[1]));
}

Sequential convolutional(const Blocks& blocks, Shape image, Index classes) {
  using Dropped = Blocks::Dropout;
  Sequential net;
  for (std::size_t i = 0; i < blocks.widths.size(); ++i) {
    const Index width = blocks.widths[i];
    if (width == kPool) {
      net.add(MaxPool2d(2));
      image = {1, image[1], image[2] / 2, image[3] / 2};
      continue;
    }
    net.add(Conv2d(image[1], width, {.kernel_size = 3, .padding = 1, .bias = blocks.norm == "none"}));
    image = {1, width, image[2], image[3]};
    if (blocks.relu_before_norm) net.add(ReLU());
    if (blocks.dropout == Dropped::before_norm) net.add(Dropout(blocks.p));
    add_norm(net, blocks.norm, image);
    if (!blocks.relu_before_norm) net.add(ReLU());
    const bool last = i + 1 == blocks.widths.size();
    if (blocks.dropout == Dropped::behind_block || (last && blocks.dropout == Dropped::behind_last_block))
      net.add(Dropout(blocks.p));
  }
  net.add(GlobalAvgPool()).add(Flatten()).add(Linear(image[1], classes));
  return net;
}

Sequential layers_of(const std::string& name, const std::string& norm, const Shape& images, Index classes) {
  if (name == "cnn")
    return convolutional({{32, 32, kPool, 64, 64, kPool, 128, 128, kPool, 256}, norm}, images, classes);
  if (name == "small") return convolutional({{16, kPool, 32, kPool, 64, kPool, 64}, norm}, images, classes);
  check(name == "linear", "model: '", name, "' is none of cnn, small, linear");
  return Sequential(Flatten(), Linear(images[1] * images[2] * images[3], classes));
}

/// Convolutions as He et al. draw them, with biases 0; the classifier as PyTorch does. The k-th layer with weights has a
/// stream of its own, so that a comparison begins with the same weights whatever stands between them.
void draw_weights(const Sequential& net, std::uint64_t seed) {
  constexpr std::uint64_t kDropout = 1 << 20;  // no network has so many layers
  std::uint64_t k = 0, dropouts = 0;
  for (const auto& [name, layer] : net.children()) {
    if (dynamic_cast<const Linear*>(layer.get())) layer->reset_parameters(Random({seed, k++}));
    if (dynamic_cast<const Dropout*>(layer.get())) layer->reset_parameters(Random({seed, kDropout, dropouts++}));
    if (!dynamic_cast<const Conv2d*>(layer.get())) continue;
    std::vector<Tensor> own = layer->parameters();
    kaiming_normal(own[0], Random({seed, k++}));
    if (own.size() == 2) own[1].rows().setZero();
  }
}

}  // namespace

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names{"cnn", "small", "linear"};
  return names;
}

const std::vector<std::string>& norm_names() {
  static const std::vector<std::string> names{"batch", "layer", "instance", "group", "none"};
  return names;
}

Sequential make_blocks(const Blocks& blocks, const Shape& images, Index classes, std::uint64_t seed) {
  Sequential net = convolutional(blocks, images, classes);
  draw_weights(net, seed);
  return net;
}

Sequential make_model(const std::string& name, const std::string& norm, const Shape& images, Index classes,
                      std::uint64_t seed) {
  const std::vector<std::string>& norms = norm_names();
  check(std::find(norms.begin(), norms.end(), norm) != norms.end(), "norm: '", norm,
        "' is none of batch, layer, instance, group, none");
  Sequential net = layers_of(name, norm, images, classes);
  draw_weights(net, seed);
  return net;
}

const std::vector<std::string>& conv_names() {
  static const std::vector<std::string> names{"automatic", "reference"};
  return names;
}

void set_convolutions(const Module& model, const std::string& conv) {
  for (const auto& [name, child] : model.children()) {
    set_convolutions(*child, conv);
    if (auto* layer = dynamic_cast<Conv2d*>(child.get()))
      layer->set_method(conv == "reference" ? ConvMethod::reference : ConvMethod::automatic);
  }
}

Index elements(const NamedTensors& tensors) {
  Index total = 0;
  for (const auto& [name, tensor] : tensors) total += tensor.size();
  return total;
}

}  // namespace norma
