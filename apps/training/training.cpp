#include "norma/apps/training/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "norma/apps/training/stopwatch.h"
#include "norma/layers/loss.h"

namespace norma {
namespace {

LoaderOptions training_order(const TrainingSettings& s, const DataSets& datasets) {
  return {.batch_size = s.batch_size,
          .shuffle = true,
          .augment = s.augment,
          .seed = s.seed,
          .normalisation = datasets.normalisation};
}

ScheduleOptions schedule_for(const TrainingSettings& s, Index steps_per_epoch) {
  const Index steps = s.epochs * steps_per_epoch;
  const auto warmup = static_cast<Index>(std::lround(s.warmup_epochs() * static_cast<double>(steps_per_epoch)));
  return {.name = s.schedule,
          .peak = s.lr,
          .steps = steps,
          .warmup = warmup,
          .every = std::max<Index>(1, (steps - warmup + 2) / 3)};
}

SGDOptions sgd_options(const TrainingSettings& s) {
  return {.lr = s.lr, .momentum = s.momentum, .weight_decay = s.weight_decay, .nesterov = s.momentum > 0};
}

}  // namespace

std::string loss_text(double loss) {
  if (std::isnan(loss)) return "nan";
  return std::abs(loss) < 1e5 ? fmt::format("{:.4f}", loss) : fmt::format("{:.3g}", loss);
}

std::string percent_text(double share) { return std::isnan(share) ? "nan" : fmt::format("{:.2f}%", 100 * share); }

std::string Divergence::sentence() const {
  const std::string place = step > 0 ? fmt::format("at step {}", step) : "on the test images at the end";
  return fmt::format("diverged {} of epoch {} (learning rate {:.4g}): {}", place, epoch, learning_rate, reason);
}

void EpochSums::add(const StepResult& step) {
  steps += 1, images += step.images, correct += step.correct;
  loss += step.loss * static_cast<double>(step.images);
}

Score EpochSums::score() const {
  const double count = static_cast<double>(images);
  return images > 0 ? Score{loss / count, static_cast<double>(correct) / count} : Score{};
}

std::string Progress::text() const {
  return fmt::format("loss {:.2f}  {:.0f} images/s  ", so_far.score().loss, images_per_second);
}

Trainer::Trainer(Module& model, const DataSets& datasets, const TrainingSettings& settings)
    : model_(model),
      datasets_(datasets),
      label_smoothing_(settings.label_smoothing),
      loader_(datasets.train, training_order(settings, datasets)),
      schedule_(schedule_for(settings, loader_.batches())),
      optimizer_(model.named_parameters(), sgd_options(settings)) {}

Batch Trainer::next_batch() {
  const Index epoch = steps_ / loader_.batches();
  if (epoch != epoch_) loader_.start_epoch(epoch_ = epoch);
  return loader_.batch(steps_++ % loader_.batches());
}

StepResult Trainer::step(double learning_rate) try {
  const Stopwatch watch;
  const Batch batch = next_batch();
  const double data_wait = watch.seconds();
  optimizer_.learning_rate(learning_rate);
  model_.train();

  optimizer_.zero_grad();
  const Tensor logits = model_(batch.images);
  const Tensor loss = cross_entropy(logits, batch.labels, label_smoothing_);
  const double value = static_cast<double>(loss.item());
  if (!std::isfinite(value)) return {{}, 0, 0, 0, "the loss was " + loss_text(value)};
  loss.backward();
  optimizer_.step();

  const Index images = batch.images.dim(0), correct = count_correct(logits, batch.labels);
  return {{value, static_cast<double>(correct) / static_cast<double>(images)}, images, correct, data_wait, ""};
} catch (const NonFiniteError& error) {
  return {{}, 0, 0, 0, error.what()};
}

EpochResult Trainer::train_epoch(Index epoch, const std::function<bool(const Progress&)>& on_step, EpochSums so_far) {
  EpochResult result;
  const Stopwatch watch;
  const Index steps = loader_.batches(), first = epoch * steps, images_before = so_far.images;
  steps_ = first + so_far.steps;
  if (so_far.steps > 0) optimizer_.learning_rate(schedule_.at(steps_ - 1));

  while (so_far.steps < steps && !result.stopped) {
    const StepResult step = this->step(schedule_.at(steps_));
    if (!step.trouble.empty()) {
      result.divergence = Divergence{epoch + 1, so_far.steps + 1, learning_rate(), step.trouble};
      break;
    }
    so_far.add(step);
    result.data_wait += step.data_wait;
    result.seconds = watch.seconds();
    result.images_per_second = static_cast<double>(so_far.images - images_before) / result.seconds;
    result.stopped = !on_step({so_far, steps, result.images_per_second});
  }
  result.train = so_far.score();
  return result;
}

Score Trainer::test(const BatchSeen& on_batch) {
  return evaluate(model_, datasets_.test, datasets_.normalisation, {.on_batch = on_batch});
}

std::optional<Divergence> Trainer::divergence(const Score& test, Index epoch) const {
  if (std::isfinite(test.loss)) return std::nullopt;
  return Divergence{epoch + 1, 0, learning_rate(), "the loss was " + loss_text(test.loss)};
}

Score evaluate(Module& model, const ImageSet& images, const PixelStats& normalisation, const EvaluateOptions& o) try {
  const KeepBuffers keep(model);
  const EvalMode back_afterwards(model);
  model.train(o.training_mode);
  const Shape image{1, images.channels, images.height, images.width};
  DataLoader loader(images, {.batch_size = o.batch_size > 0 ? o.batch_size : test_batch_size(image),
                             .normalisation = normalisation});
  return evaluate(std::ref(model), loader, o.on_batch);
} catch (const NonFiniteError&) {
  return {};
}

Score evaluate(const std::function<Tensor(const Tensor&)>& model, DataLoader& loader, const BatchSeen& on_batch) {
  const NoGrad no_graph_needed;
  double loss_sum = 0;
  Index correct = 0;
  for (Index i = 0; i < loader.batches(); ++i) {
    const Batch batch = loader.batch(i);
    const Tensor logits = model(batch.images);
    loss_sum +=
        static_cast<double>(cross_entropy(logits, batch.labels).item()) * static_cast<double>(batch.images.dim(0));
    correct += count_correct(logits, batch.labels);
    if (on_batch) on_batch(logits, batch.labels);
  }
  const double images = static_cast<double>(loader.images());
  return {loss_sum / images, static_cast<double>(correct) / images};
}

Index test_batch_size(const Shape& image) { return std::clamp<Index>(500 * 32 * 32 / (image[2] * image[3]), 1, 500); }

std::vector<double> probabilities(const Tensor& logits, Index row) {
  const auto x = logits.rows().row(row).cast<double>().eval();
  const DoubleRow powers = (x - x.maxCoeff()).exp();
  const DoubleRow shares = powers / powers.sum();
  return {shares.begin(), shares.end()};
}

}  // namespace norma
