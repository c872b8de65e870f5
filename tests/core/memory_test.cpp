// A training loop takes its memory in its first step and keeps it.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "norma/data/loader.h"
#include "norma/data/synthetic.h"
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"

namespace norma {
namespace {

/// Resident memory of this process, in bytes.
Index resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  Index total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

/// Sanitizers keep freed memory and have some of their own; memory is measured without them.
constexpr bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  return false;
#endif
}

Sequential small_net() {
  return Sequential(Conv2d(3, 16, {.padding = 1, .bias = false}), BatchNorm2d(16), ReLU(), MaxPool2d(2),
                    Conv2d(16, 32, {.padding = 1, .bias = false}), BatchNorm2d(32), ReLU(), GlobalAvgPool(),
                    Linear(32, 10));
}

Index page_faults() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used.ru_minflt;
}

TEST(Memory, DoesNotGrowFromTheSecondEpochOn) {
  if (sanitized()) GTEST_SKIP() << "measured without sanitizers";
  const ImageSet images = make_synthetic(330, 1);  // five batches of 64 and one of 10
  DataLoader loader(images, {.batch_size = 64, .shuffle = true, .augment = true});
  Sequential model = small_net();
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

// What is counted: minor page faults of the whole process, one for each 4 KB of memory that was not touched before. Huge
// pages, which take 512 of them at once, are switched off, and malloc is told to give memory back at once, as it would do
// in a larger network. An activation of the first layer is 4 MB, 1024 faults.
TEST(Memory, NothingBigIsAllocatedFromTheSecondStepOn) {
  if (sanitized()) GTEST_SKIP() << "measured without sanitizers";
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  const ImageSet images = make_synthetic(64, 1);
  const Batch batch = DataLoader(images, {.batch_size = 64}).batch(0);
  Sequential model = small_net();
  SGD optimizer(model.named_parameters(), {.lr = 0.05, .momentum = 0.9});
  Index after_one = 0;
  for (Index step = 0; step < 21; ++step) {
    optimizer.zero_grad();
    cross_entropy(model(batch.images), batch.labels).backward();
    optimizer.step();
    if (step == 0) after_one = page_faults();
  }
  EXPECT_LT(page_faults() - after_one, 256);  // 1 MB in 20 steps
  prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}

}  // namespace
}  // namespace norma
