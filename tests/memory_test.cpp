// A training loop takes its memory in the first two epochs and keeps it: resident memory does not grow later.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "data/loader.h"
#include "data/synthetic.h"
#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/loss.h"
#include "layers/pool.h"
#include "layers/relu.h"
#include "layers/sequential.h"
#include "optim/sgd.h"

namespace norma {
namespace {

/// Resident memory of this process, in bytes.
Index resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  Index total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

TEST(Memory, DoesNotGrowFromTheSecondEpochOn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory; measured without it";
#endif
  const ImageSet images = make_synthetic(330, 1);  // five batches of 64 and one of 10
  DataLoader loader(images, {.batch_size = 64, .shuffle = true, .augment = true});
  Sequential model(Conv2d(3, 16, {.padding = 1, .bias = false}), BatchNorm2d(16), ReLU(), MaxPool2d(2),
                   Conv2d(16, 32, {.padding = 1, .bias = false}), BatchNorm2d(32), ReLU(), GlobalAvgPool(),
                   Linear(32, 10));
  SGD optimizer(model.named_parameters(), {.lr = 0.05, .momentum = 0.9});
  Index after_two = 0;
  for (Index epoch = 0; epoch < 8; ++epoch) {
    loader.start_epoch(epoch);
    for (Index i = 0; i < loader.batches(); ++i) {
      const Batch batch = loader.batch(i);
      optimizer.zero_grad();
      cross_entropy(model(batch.images), batch.labels).backward();
      optimizer.step();
    }
    if (epoch == 1) after_two = resident_bytes();
  }
  // One activation of the first layer is 4 MB: a graph or block kept per epoch would show.
  EXPECT_LT(resident_bytes() - after_two, 1 << 20);
}

}  // namespace
}  // namespace norma
