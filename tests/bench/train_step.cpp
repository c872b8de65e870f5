// Times training steps of a network of `norma train` on one fixed batch: train_step NET BATCH THREADS STEPS
// Prints the median milliseconds of a step (forward, loss, backward, SGD). compare_torch.py runs it beside PyTorch.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>

#include "apps/norma/models.h"
#include "data/loader.h"
#include "data/synthetic.h"
#include "layers/loss.h"
#include "optim/sgd.h"

using namespace norma;

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: train_step NET BATCH THREADS STEPS\n";
    return 2;
  }
  const Index batch_size = std::stoi(argv[2]), steps = std::stoi(argv[4]);
  omp_set_num_threads(std::stoi(argv[3]));

  const ImageSet images = make_synthetic(batch_size, 1);
  const Batch batch = DataLoader(images, {.batch_size = batch_size}).batch(0);
  Sequential model = make_model(argv[1], "batch", batch.images.shape(), 10, 0);
  SGD optimizer(model.named_parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});

  std::vector<double> milliseconds;
  for (Index i = 0; i < steps + 3; ++i) {  // the first three fill the caches and the pool of blocks
    const auto start = std::chrono::steady_clock::now();
    optimizer.zero_grad();
    cross_entropy(model(batch.images), batch.labels).backward();
    optimizer.step();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    if (i >= 3) milliseconds.push_back(taken.count());
  }
  std::nth_element(milliseconds.begin(), milliseconds.begin() + steps / 2, milliseconds.end());
  std::cout << milliseconds[static_cast<std::size_t>(steps / 2)] << "\n";
}
