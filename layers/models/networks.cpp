#include "norma/layers/models/networks.h"

#include <algorithm>

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/flatten.h"
#include "norma/layers/group_norm.h"
#include "norma/layers/init.h"
#include "norma/layers/instance_norm.h"
#include "norma/layers/layer_norm.h"
#include "norma/layers/linear.h"
#include "norma/layers/models/residual.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"

namespace norma {
namespace {

/// A network being put together, layer after layer, and the shape (1,C,H,W) of what it makes of an image so far.
struct Builder {
  Shape image;
  std::string norm_name;
  Sequential net = Sequential();

  Builder& conv(Index channels, Conv2dOptions options) {
    options.bias = norm_name == "none";
    const auto out = [&](Index size) {
      return (size + 2 * options.padding - options.kernel_size) / options.stride + 1;
    };
    net.add(Conv2d(image[1], channels, options));
    image = {1, channels, out(image[2]), out(image[3])};
    return *this;
  }
  Builder& norm() {
    constexpr Index kGroups = 8;
    if (norm_name == "batch") net.add(BatchNorm2d(image[1]));
    if (norm_name == "layer") net.add(LayerNorm({image[1], image[2], image[3]}));
    if (norm_name == "instance") net.add(InstanceNorm2d(image[1], {.affine = true}));
    if (norm_name == "group") net.add(GroupNorm(kGroups, image[1]));
    return *this;
  }
  Builder& relu() { return net.add(ReLU()), *this; }
  Builder& pool(Index kernel) {
    net.add(MaxPool2d(kernel));
    image = {1, image[1], image[2] / kernel, image[3] / kernel};
    return *this;
  }
  /// A classifier of all numbers that are left of an image.
  Sequential classify_all(Index classes) {
    check(image.size() > 0, "network: nothing is left of the image, it is too small");
    net.add(Flatten()).add(Linear(image.size(), classes));
    return std::move(net);
  }
};

Sequential blocks_for(const Blocks& blocks, const Shape& images, Index classes) {
  using Dropped = Blocks::Dropout;
  Builder b{images, blocks.norm};
  for (std::size_t i = 0; i < blocks.widths.size(); ++i) {
    if (blocks.widths[i] == kPool) {
      b.pool(2);
      continue;
    }
    b.conv(blocks.widths[i], {.padding = 1});
    if (blocks.relu_before_norm) b.relu();
    if (blocks.dropout == Dropped::before_norm) b.net.add(Dropout(blocks.p));
    b.norm();
    if (!blocks.relu_before_norm) b.relu();
    const bool last = i + 1 == blocks.widths.size();
    if (blocks.dropout == Dropped::behind_block || (last && blocks.dropout == Dropped::behind_last_block))
      b.net.add(Dropout(blocks.p));
  }
  b.net.add(GlobalAvgPool()).add(Flatten()).add(Linear(b.image[1], classes));
  return std::move(b.net);
}

Sequential bench(Builder b, Index classes) {
  for (const Index width : {32, 64, 128})
    b.conv(width, {.padding = 1}).norm().relu().conv(width, {.padding = 1}).norm().relu().pool(2);
  return b.classify_all(classes);
}

Sequential air(Builder b, Index classes) {
  b.conv(24, {.kernel_size = 2}).relu();
  for (const Index width : {64, 256, 256})
    b.conv(width, {.padding = 1}).pool(2).norm().relu().conv(width, {.padding = 1}).norm().relu();
  return b.pool(3).classify_all(classes);
}

/// Appends a stage: y = relu(body(x) + shortcut(x)). With stride 2 it halves the image, and the shortcut is a 1x1 convolution.
void add_stage(Builder& b, Index channels, Index stride) {
  Builder body{b.image, b.norm_name}, shortcut{b.image, b.norm_name};
  body.conv(channels, {.stride = stride, .padding = 1}).norm().relu().conv(channels, {.padding = 1}).norm();
  if (stride == 1) {
    b.net.add(Residual(std::move(body.net)));
  } else {
    shortcut.conv(channels, {.kernel_size = 1, .stride = stride}).norm();
    b.net.add(Residual(std::move(body.net), std::move(shortcut.net)));
  }
  b.image = body.image;
  b.relu();
}

Sequential resnet(Builder b, Index classes) {
  b.conv(32, {.padding = 1}).norm().relu();
  add_stage(b, 32, 1);
  add_stage(b, 64, 2);
  add_stage(b, 128, 2);
  b.net.add(GlobalAvgPool()).add(Linear(128, classes));
  return std::move(b.net);
}

struct Network {
  const char* name;
  Sequential (*make)(Builder start, Index classes);
};

constexpr Network kNetworks[] = {
    {"cnn",
     [](Builder b, Index classes) {
       return blocks_for({{32, 32, kPool, 64, 64, kPool, 128, 128, kPool, 256}, b.norm_name}, b.image, classes);
     }},
    {"small",
     [](Builder b, Index classes) {
       return blocks_for({{16, kPool, 32, kPool, 64, kPool, 64}, b.norm_name}, b.image, classes);
     }},
    {"linear", [](Builder b, Index classes) { return b.classify_all(classes); }},
    {"bench", bench},
    {"air", air},
    {"resnet", resnet},
};

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

const std::vector<std::string>& network_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Network& network : kNetworks) all.emplace_back(network.name);
    return all;
  }();
  return names;
}

const std::vector<std::string>& norm_names() {
  static const std::vector<std::string> names{"batch", "layer", "instance", "group", "none"};
  return names;
}

Sequential make_blocks(const Blocks& blocks, const Shape& images, Index classes, std::uint64_t seed) {
  Sequential net = blocks_for(blocks, images, classes);
  initialize_he(net, seed);
  return net;
}

Sequential make_network(const std::string& name, const std::string& norm, const Shape& images, Index classes,
                        std::uint64_t seed) {
  const std::vector<std::string>& norms = norm_names();
  check(std::find(norms.begin(), norms.end(), norm) != norms.end(), "norm: '", norm, "' is none of ", listed(norms));
  const auto* const network = std::find_if(std::begin(kNetworks), std::end(kNetworks),
                                           [&name](const Network& each) { return name == each.name; });
  check(network != std::end(kNetworks), "model: '", name, "' is none of ", listed(network_names()));
  Sequential net = network->make({images, norm}, classes);
  initialize_he(net, seed);
  return net;
}

void initialize_he(Module& model, std::uint64_t seed) {
  constexpr std::uint64_t kDropout = 1 << 20, kOthers = 1 << 21;  // no network has so many layers
  std::uint64_t weights = 0, dropouts = 0, others = 0;
  for (const auto& [name, module] : model.named_modules()) {
    if (dynamic_cast<const Conv2d*>(module)) {
      std::vector<Tensor> own = module->parameters();
      kaiming_normal(own[0], Random({seed, weights++}));
      if (own.size() == 2) own[1].rows().setZero();
    } else if (dynamic_cast<const Linear*>(module)) {
      module->reset_parameters(Random({seed, weights++}));
    } else if (dynamic_cast<const Dropout*>(module)) {
      module->reset_parameters(Random({seed, kDropout, dropouts++}));
    } else {
      module->reset_parameters(Random({seed, kOthers, others++}));
    }
  }
}

const std::vector<std::string>& conv_names() {
  static const std::vector<std::string> names{"automatic", "reference"};
  return names;
}

void set_convolutions(Module& model, const std::string& conv) {
  for (const auto& [name, module] : model.named_modules())
    if (auto* layer = dynamic_cast<Conv2d*>(module))
      layer->set_method(conv == "reference" ? ConvMethod::reference : ConvMethod::automatic);
}

Index elements(const NamedTensors& tensors) {
  Index total = 0;
  for (const auto& [name, tensor] : tensors) total += tensor.size();
  return total;
}

}  // namespace norma
