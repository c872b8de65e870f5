// The training loop: step() and train_epoch() are one loop, an epoch goes on where it stopped, a step that cannot be taken
// changes no weight; evaluate() leaves the model as it was.
#include "norma/apps/training/training.h"

#include <cmath>

#include "norma/layers/models/networks.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

const TrainingSettings kSettings{.epochs = 2, .batch_size = 16, .schedule = "constant"};

const DataSets& shapes() {
  static const DataSets all = open_datasets("synthetic", 80, 32);
  return all;
}

struct Subject {
  Sequential model = make_network("small", "batch", shapes().image_shape(), shapes().classes(), 0);
  Trainer trainer{model, shapes(), kSettings};
};

void expect_same_state(const Module& a, const Module& b) {
  const NamedTensors of_a = a.state_dict(), of_b = b.state_dict();
  for (std::size_t i = 0; i < of_a.size(); ++i) EXPECT_EQ(of_a[i].second.to_values(), of_b[i].second.to_values());
}

const auto kGoOn = [](const Progress&) { return true; };

TEST(Trainer, StepByStepIsEpochByEpoch) {
  Subject steps, epochs;
  EpochSums second;
  for (Index i = 0; i < 10; ++i) {
    const StepResult step = steps.trainer.step(kSettings.lr);
    if (i >= 5) second.add(step);
  }
  epochs.trainer.train_epoch(0, kGoOn);
  const EpochResult result = epochs.trainer.train_epoch(1, kGoOn);
  expect_same_state(steps.model, epochs.model);
  EXPECT_EQ(result.train.loss, second.score().loss);
  EXPECT_EQ(result.train.accuracy, second.score().accuracy);
  EXPECT_EQ(steps.trainer.steps_done(), epochs.trainer.steps_done());
}

TEST(Trainer, AnEpochGoesOnWhereItStopped) {
  Subject straight, stopped;
  const Score whole = straight.trainer.train_epoch(0, kGoOn).train;
  EpochSums so_far;
  const EpochResult first = stopped.trainer.train_epoch(0, [&](const Progress& p) {
    so_far = p.so_far;
    return p.so_far.steps < 2;
  });
  EXPECT_TRUE(first.stopped);
  Trainer other(stopped.model, shapes(), kSettings);
  other.optimizer().load_state(stopped.trainer.optimizer().state());
  const Score rest = other.train_epoch(0, kGoOn, so_far).train;
  expect_same_state(straight.model, stopped.model);
  EXPECT_EQ(rest.loss, whole.loss);
}

TEST(Trainer, TakesNoStepWhereTheLossIsNotFinite) {
  Subject subject;
  const std::vector<Tensor> parameters = subject.model.parameters();  // the last one: the bias of the Linear
  Tensor(parameters.back()).rows()(0, 0) = std::numeric_limits<Real>::infinity();
  std::vector<std::vector<Real>> before;
  for (const Tensor& parameter : parameters) before.push_back(parameter.to_values());
  const StepResult step = subject.trainer.step(0.1);
  EXPECT_EQ(step.trouble, "the loss was nan");
  EXPECT_TRUE(std::isnan(step.loss) && std::isnan(step.accuracy));
  for (std::size_t i = 0; i < parameters.size(); ++i) EXPECT_EQ(parameters[i].to_values(), before[i]);
  const EpochResult result = subject.trainer.train_epoch(1, kGoOn);
  ASSERT_TRUE(result.divergence);
  EXPECT_EQ(result.divergence->epoch, 2);
  EXPECT_EQ(result.divergence->step, 1);
  EXPECT_TRUE(std::isnan(result.train.loss));
}

TEST(Evaluate, LeavesTheModelAsItWas) {
  const Observer nobody_is_warned;
  Subject subject, other;
  subject.trainer.train_epoch(0, kGoOn), other.trainer.train_epoch(0, kGoOn);
  const ImageSet& test = shapes().test;
  const Score eval = evaluate(subject.model, test, shapes().normalisation);
  const Score in_pairs = evaluate(subject.model, test, shapes().normalisation, {.batch_size = 2});
  const Score in_train =
      evaluate(subject.model, test, shapes().normalisation, {.batch_size = 2, .training_mode = true});
  EXPECT_NEAR(eval.loss, in_pairs.loss, 1e-5 * eval.loss) << "the batch size means nothing in eval()";
  EXPECT_GT(std::abs(eval.loss - in_train.loss), 1e-3 * eval.loss) << "and much in train()";
  EXPECT_TRUE(subject.model.training());
  expect_same_state(subject.model, other.model);
  EXPECT_EQ(subject.trainer.test().loss, eval.loss);
}

}  // namespace
}  // namespace norma::test
