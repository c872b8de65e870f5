// What Module::operator() costs beside forward(): call_cost [BATCH], 32 by default. It prints the microseconds of a call of the
// network `small` in which no layer computes anything (frames, saved buffers, the look for mistakes), those of a training step,
// and the ratio.
#include <algorithm>
#include <chrono>
#include <iostream>

#include "norma/core/brief_waits.h"
#include "norma/data/loader.h"
#include "norma/data/synthetic.h"
#include "norma/layers/loss.h"
#include "norma/layers/models/lint.h"
#include "norma/layers/models/networks.h"
#include "norma/optim/sgd.h"

using namespace norma;

namespace {

template <class F>
double median_microseconds(int times, const F& f) {
  std::vector<double> all;
  for (int i = 0; i < times; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    all.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(all.begin(), all.begin() + times / 2, all.end());
  return all[static_cast<std::size_t>(times / 2)];
}

}  // namespace

int main(int argc, char** argv) {
  wait_briefly(argv);
  const Index batch_size = argc > 1 ? std::stoi(argv[1]) : 32;
  const ImageSet images = make_synthetic(batch_size, 1);
  const Batch batch = DataLoader(images, {.batch_size = batch_size}).batch(0);
  Sequential net = make_network("small", "batch", {1, 3, 32, 32}, 10, 0);
  SGD optimizer(net.named_parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  const Tensor& x = batch.images;
  const double step = median_microseconds(100, [&] {
    optimizer.zero_grad();
    cross_entropy(net(x), batch.labels).backward();
    optimizer.step();
  });
  const double calls = median_microseconds(2000, [&] {
    if (!lint(net).empty()) std::abort();
    net.call(x, 1, [&] {
      for (const auto& [name, layer] : net.children()) layer->call(x, 1, [&] { return x; });
      return x;
    });
  });
  std::cout << "calls " << calls << " us, step " << step << " us: " << 100 * calls / step << "%\n";
}
