// Times a network of `norma bench` on one fixed batch: train_step NET BATCH THREADS STEPS [train|infer|folded]
// Prints the median milliseconds of a training step (forward, loss, backward, SGD with Nesterov momentum), or of a forward
// pass in eval() without recording (folded: of fold_batch_norm()'s result), and the number of parameters. compare_torch.py runs it beside PyTorch.
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>

#include "norma/core/brief_waits.h"
#include "norma/data/loader.h"
#include "norma/data/synthetic.h"
#include "norma/layers/loss.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/sgd.h"

using namespace norma;

namespace {

constexpr Index kWarmUp = 5;  // steps that fill the caches and the pool of blocks

template <class Step>
double median_milliseconds(Index steps, const Step& step) {
  std::vector<double> milliseconds;
  for (Index i = 0; i < steps + kWarmUp; ++i) {
    const auto start = std::chrono::steady_clock::now();
    step();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    if (i >= kWarmUp) milliseconds.push_back(taken.count());
  }
  std::nth_element(milliseconds.begin(), milliseconds.begin() + steps / 2, milliseconds.end());
  return milliseconds[static_cast<std::size_t>(steps / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  wait_briefly(argv);
  const std::string mode = argc == 6 ? argv[5] : "train";
  if (argc < 5 || argc > 6 || (mode != "train" && mode != "infer" && mode != "folded")) {
    std::cerr << "usage: train_step NET BATCH THREADS STEPS [train|infer|folded]\n";
    return 2;
  }
  const Index batch_size = std::stoi(argv[2]), steps = std::stoi(argv[4]);
  omp_set_num_threads(std::stoi(argv[3]));
  const ImageSet images = make_synthetic(batch_size, 1);
  const Batch batch = DataLoader(images, {.batch_size = batch_size}).batch(0);
  Sequential model = make_network(argv[1], "batch", {1, 3, 32, 32}, 10, 0);

  const Index parameters = elements(model.named_parameters());

  if (mode != "train") {
    const NoGrad nothing_is_recorded;
    model.eval();
    if (mode == "folded") model = fold_batch_norm(model);
    std::cout << median_milliseconds(steps, [&] { model.forward(batch.images); }) << " " << parameters << "\n";
    return 0;
  }
  SGD optimizer(model.named_parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  const auto step = [&] {
    optimizer.zero_grad();
    cross_entropy(model(batch.images), batch.labels).backward();
    optimizer.step();
  };
  std::cout << median_milliseconds(steps, step) << " " << parameters << "\n";
}
