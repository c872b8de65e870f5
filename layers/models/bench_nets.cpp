#include "norma/layers/models/bench_nets.h"

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/flatten.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/models/networks.h"
#include "norma/layers/models/residual.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"

namespace norma {
namespace {

enum class Pool { none, before_norm, after_relu };

void add_block(Sequential& net, Index in, Index out, Pool pool) {
  net.add(Conv2d(in, out, {.padding = 1, .bias = false}));
  if (pool == Pool::before_norm) net.add(MaxPool2d(2));
  net.add(BatchNorm2d(out)).add(ReLU());
  if (pool == Pool::after_relu) net.add(MaxPool2d(2));
}

Sequential bench() {
  Sequential net;
  Index in = 3;
  for (const Index out : {32, 64, 128}) {
    add_block(net, in, out, Pool::none);
    add_block(net, out, out, Pool::after_relu);
    in = out;
  }
  net.add(Flatten()).add(Linear(2048, 10));
  return net;
}

Sequential air() {
  Sequential net(Conv2d(3, 24, {.kernel_size = 2, .bias = false}), ReLU());
  Index in = 24;
  for (const Index out : {64, 256, 256}) {
    add_block(net, in, out, Pool::before_norm);
    add_block(net, out, out, Pool::none);
    in = out;
  }
  net.add(MaxPool2d(3)).add(Flatten()).add(Linear(256, 10));
  return net;
}

/// The part of a stage that goes through: two 3x3 convolutions, the first of which may halve the image.
Sequential body(Index in, Index out, Index stride) {
  return Sequential(Conv2d(in, out, {.stride = stride, .padding = 1, .bias = false}), BatchNorm2d(out), ReLU(),
                    Conv2d(out, out, {.padding = 1, .bias = false}), BatchNorm2d(out));
}

Sequential resnet() {
  Sequential net(Conv2d(3, 32, {.padding = 1, .bias = false}), BatchNorm2d(32), ReLU());
  net.add(Residual(body(32, 32, 1))).add(ReLU());
  for (const Index in : {32, 64}) {
    Sequential shortcut(Conv2d(in, 2 * in, {.kernel_size = 1, .stride = 2, .bias = false}), BatchNorm2d(2 * in));
    net.add(Residual(body(in, 2 * in, 2), std::move(shortcut))).add(ReLU());
  }
  net.add(GlobalAvgPool()).add(Linear(128, 10));
  return net;
}

Sequential layers_of(const std::string& name) {
  if (name == "bench") return bench();
  if (name == "air") return air();
  check(name == "resnet", "bench: there is no network '", name, "'");
  return resnet();
}

}  // namespace

const std::vector<std::string>& bench_net_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = model_names();
    all.insert(all.end(), {"bench", "air", "resnet"});
    return all;
  }();
  return names;
}

Sequential make_bench_net(const std::string& name, std::uint64_t seed) {
  const std::vector<std::string>& trained = model_names();
  if (std::find(trained.begin(), trained.end(), name) != trained.end())
    return make_model(name, "batch", {1, 3, 32, 32}, 10, seed);
  Sequential net = layers_of(name);
  initialize(net, seed);
  return net;
}

}  // namespace norma
