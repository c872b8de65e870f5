// A program outside Norma's tree: a layer of its own among Norma's, a data set, and three steps of training. It has headers
// with the paths of Norma's, core/types.h and others, which must not get in the way.
#include <iostream>
#include <vector>

#include "core/types.h"
#include "data/loader.h"
#include "layers/relu.h"
#include "norma/core/ops.h"
#include "norma/core/tensor.h"
#include "norma/data/loader.h"
#include "norma/data/synthetic.h"
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/flatten.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"

using namespace norma;

/// y = a x with one trained number a for each feature of x (N,C).
class Gain : public Module {
 public:
  explicit Gain(Index features) : gain_(parameter("gain", Tensor::full({features}, 1))) {}

  Tensor forward(const Tensor& x) override {
    Tensor y = Tensor::empty(x.shape());
    y.pixels() = x.pixels().rowwise() * gain_.pixels().row(0);
    return record("gain", y, {x, gain_}, [x, gain = gain_](const Tensor& dy) {
      Tensor dx = Tensor::empty(x.shape()), dgain = Tensor::empty(gain.shape());
      dx.pixels() = dy.pixels().rowwise() * gain.pixels().row(0);
      dgain.pixels().row(0) = (dy.pixels() * x.pixels()).colwise().sum();
      x.accumulate_grad(dx);
      gain.accumulate_grad(dgain);
    });
  }

 private:
  Tensor gain_;
};

int main() {
  std::cout << consumer::kTypesHeader << ", " << consumer::kLoaderHeader << ", " << consumer::kReluHeader << "\n";
  const ImageSet shapes = make_synthetic(40, 1);
  DataLoader loader(shapes, {.batch_size = 40});
  const Batch batch = loader.batch(0);

  Sequential model(Conv2d(3, 16, {.kernel_size = 3, .padding = 1, .bias = false}), BatchNorm2d(16), ReLU(),
                   GlobalAvgPool(), Flatten(), Gain(16), Linear(16, 10));
  initialize(model, 1);
  SGD optimizer(model.parameters(), {.lr = 0.1F, .momentum = 0.9F});

  std::vector<Real> losses;
  for (int step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(model(batch.images), batch.labels);
    loss.backward();
    optimizer.step();
    losses.push_back(loss.item());
    std::cout << "step " << step << "  loss " << losses.back() << "\n";
  }
  return losses[2] < losses[1] && losses[1] < losses[0] ? 0 : 1;
}
