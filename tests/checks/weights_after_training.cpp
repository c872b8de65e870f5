// weights_after_training THREADS FILE: trains a small net for 20 batches with THREADS threads and writes its parameters
// and buffers to FILE as raw bytes. tests/same_bits.cmake compares the files of several thread counts.
#include <omp.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "norma/data/loader.h"
#include "norma/data/synthetic.h"
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/dropout.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"

using namespace norma;

namespace {

constexpr Index kBatchSize = 37, kBatches = 20;

Sequential small_net() {
  return Sequential(Conv2d(3, 12, {.padding = 1, .bias = false}), BatchNorm2d(12), ReLU(), MaxPool2d(2),
                    Conv2d(12, 17, {.padding = 1}), BatchNorm2d(17), ReLU(), GlobalAvgPool(), Dropout(0.2),
                    Linear(17, 10));
}

void train(Module& model) {
  const ImageSet images = make_synthetic(kBatchSize * kBatches, 1);
  DataLoader loader(images, {.batch_size = kBatchSize, .shuffle = true, .augment = true, .seed = 1});
  SGD sgd(model.named_parameters(), {.lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  for (Index i = 0; i < loader.batches(); ++i) {
    const Batch batch = loader.batch(i);
    sgd.zero_grad();
    cross_entropy(model(batch.images), batch.labels, 0.1).backward();
    sgd.step();
  }
}

bool write(const NamedTensors& tensors, std::ofstream& out) {
  for (const auto& [name, tensor] : tensors) {
    const std::vector<Real> values = tensor.to_values();
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(Real)));
  }
  return out.good();
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc == 3 ? std::atoi(argv[1]) : 0;
  if (threads < 1) {
    std::cerr << "usage: weights_after_training THREADS FILE\n";
    return 2;
  }
  omp_set_num_threads(threads);
  Sequential net = small_net();
  initialize(net, 1);
  train(net);
  std::ofstream out(argv[2], std::ios::binary);
  return write(net.named_parameters(), out) && write(net.named_buffers(), out) ? 0 : 1;
}
