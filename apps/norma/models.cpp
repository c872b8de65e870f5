#include "apps/norma/models.h"

#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/flatten.h"
#include "layers/init.h"
#include "layers/linear.h"
#include "layers/pool.h"
#include "layers/relu.h"

namespace norma {
namespace {

constexpr Index kPool = -1;  // in a list of channels: a 2x2 max pooling

/// For each number of channels a 3x3 convolution, batch norm if wanted, and ReLU; then the mean over the image and a
/// linear classifier.
Sequential convolutional(const std::vector<Index>& plan, bool batch_norm, Index channels, Index classes) {
  Sequential net;
  for (Index width : plan) {
    if (width == kPool) {
      net.add(MaxPool2d(2));
      continue;
    }
    net.add(Conv2d(channels, width, {.kernel_size = 3, .padding = 1, .bias = !batch_norm}));
    if (batch_norm) net.add(BatchNorm2d(width));
    net.add(ReLU());
    channels = width;
  }
  net.add(GlobalAvgPool()).add(Flatten()).add(Linear(channels, classes));
  return net;
}

Sequential layers_of(const std::string& name, bool batch_norm, const Shape& images, Index classes) {
  const Index channels = images[1];
  if (name == "cnn")
    return convolutional({32, 32, kPool, 64, 64, kPool, 128, 128, kPool, 256}, batch_norm, channels, classes);
  if (name == "small") return convolutional({16, kPool, 32, kPool, 64, kPool, 64}, batch_norm, channels, classes);
  check(name == "linear", "model: '", name, "' is none of cnn, small, linear");
  return Sequential(Flatten(), Linear(channels * images[2] * images[3], classes));
}

Sequential with_batch_norm(const std::string& name, const Shape& images, Index classes, std::uint64_t seed) {
  Sequential net = layers_of(name, true, images, classes);
  initialize(net, seed);
  for (const auto& [child, layer] : net.children())
    if (const auto* conv = dynamic_cast<const Conv2d*>(layer.get()))
      kaiming_normal(conv->parameters().front(), Random({seed, 1000 + std::stoull(child)}));
  return net;
}

/// Parameters of the layers that have a weight matrix or filters, layer by layer.
std::vector<std::vector<Tensor>> weighted_layers(const Sequential& net) {
  std::vector<std::vector<Tensor>> found;
  for (const auto& [name, layer] : net.children())
    if (const std::vector<Tensor> own = layer->parameters(); !own.empty() && own.front().rank() >= 2)
      found.push_back(own);
  return found;
}

/// A comparison begins with the same weights: those of `from`, layer by layer. What `from` does not have (the biases of
/// convolutions) stays as it is.
void copy_weights(const Sequential& from, const Sequential& to) {
  const auto source = weighted_layers(from), target = weighted_layers(to);
  for (std::size_t i = 0; i < source.size(); ++i)
    for (std::size_t k = 0; k < source[i].size(); ++k) Tensor(target[i][k]).rows() = source[i][k].rows();
}

}  // namespace

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names{"cnn", "small", "linear"};
  return names;
}

const std::vector<std::string>& norm_names() {
  static const std::vector<std::string> names{"batch", "none"};
  return names;
}

Sequential make_model(const std::string& name, const std::string& norm, const Shape& images, Index classes,
                      std::uint64_t seed) {
  check(norm == "batch" || norm == "none", "norm: '", norm, "' is none of batch, none");
  Sequential net = with_batch_norm(name, images, classes, seed);
  if (norm == "batch") return net;
  Sequential plain = layers_of(name, false, images, classes);
  initialize(plain, seed);
  copy_weights(net, plain);
  return plain;
}

}  // namespace norma
