// First steps: a tensor, a gradient, and a small net that learns XOR.
#include <iostream>

#include "norma/core/ops.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"

using namespace norma;

int main() {
  // A tensor has a shape and numbers. A copy of a handle names the same numbers.
  Tensor x = Tensor::from_values({2, 2}, {1, 2, 3, 4});
  std::cout << "x has shape " << x.shape() << " and mean " << mean(x).item() << "\n";

  // Asked for a gradient, it gets d loss / d x from backward(): here the loss is sum(3 x * x), its gradient 6 x.
  x.requires_grad(true);
  const Tensor loss = sum(scale(mul(x, x), 3));
  loss.backward();
  std::cout << "sum(3 x^2) = " << loss.item() << ", gradient:";
  for (Real g : x.grad().to_values()) std::cout << " " << g;
  std::cout << "\n\n";

  // XOR is not linear: one layer cannot learn it, two layers with a ReLU between them can.
  const Tensor inputs = Tensor::from_values({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
  const std::vector<int> labels{0, 1, 1, 0};

  Sequential model(Linear(2, 16), ReLU(), Linear(16, 2));
  initialize(model, 1);
  SGD optimizer(model.named_parameters(), {.lr = 0.5, .momentum = 0.9});

  for (int step = 1; step <= 100; ++step) {
    optimizer.zero_grad();
    const Tensor error = cross_entropy(model(inputs), labels);
    error.backward();
    optimizer.step();
    if (step == 1 || step % 20 == 0) std::cout << "step " << step << "  loss " << error.item() << "\n";
  }

  const NoGrad no_graph_needed;
  std::cout << "XOR right in " << count_correct(model(inputs), labels) << " of 4 cases\n";
}
