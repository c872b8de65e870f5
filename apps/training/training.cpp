#include "norma/apps/training/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "norma/layers/loss.h"

namespace norma {
namespace {

LoaderOptions training_order(const TrainingSettings& o, const DataSets& datasets) {
  return {.batch_size = o.batch_size,
          .shuffle = true,
          .augment = o.augment,
          .seed = o.seed,
          .normalisation = datasets.normalisation};
}

LoaderOptions test_order(const DataSets& datasets) {
  return {.batch_size = test_batch_size(datasets.image_shape()), .normalisation = datasets.normalisation};
}

ScheduleOptions schedule_for(const TrainingSettings& o, Index steps_an_epoch) {
  const Index steps = o.epochs * steps_an_epoch;
  const auto warmup = static_cast<Index>(std::lround(o.warmup_epochs() * static_cast<double>(steps_an_epoch)));
  return {.name = o.schedule,
          .peak = o.lr,
          .steps = steps,
          .warmup = warmup,
          .every = std::max<Index>(1, (steps - warmup + 2) / 3)};
}

SGDOptions sgd_options(const TrainingSettings& o) {
  return {.lr = o.lr, .momentum = o.momentum, .weight_decay = o.weight_decay, .nesterov = o.momentum > 0};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Index test_batch_size(const Shape& image) { return std::clamp<Index>(500 * 32 * 32 / (image[2] * image[3]), 1, 500); }

std::string loss_text(double loss) {
  if (std::isnan(loss)) return "nan";
  return std::abs(loss) < 1e5 ? fmt::format("{:.4f}", loss) : fmt::format("{:.3g}", loss);
}

std::string percent_text(double share) { return std::isnan(share) ? "nan" : fmt::format("{:.2f}%", 100 * share); }

std::string Divergence::sentence() const {
  const std::string place = step > 0 ? fmt::format("at step {}", step) : "on the test images at the end";
  return fmt::format("diverged {} of epoch {} (learning rate {:.4g}): {}", place, epoch, learning_rate, reason);
}

void report(const char* command, const Divergence& divergence) {
  std::fflush(stdout);
  fmt::print(stderr, "norma {}: {}; try a smaller --lr\n", command, divergence.sentence());
}

Score EpochSums::score() const {
  const double count = static_cast<double>(images);
  return images > 0 ? Score{loss / count, static_cast<double>(correct) / count} : Score{};
}

Training::Training(Module& model, const DataSets& datasets, const TrainingSettings& settings)
    : model_(model),
      label_smoothing_(settings.label_smoothing),
      train_loader_(datasets.train, training_order(settings, datasets)),
      test_loader_(datasets.test, test_order(datasets)),
      schedule_(schedule_for(settings, train_loader_.batches())),
      optimizer_(model.named_parameters(), sgd_options(settings)) {}

EpochResult Training::train_epoch(Index epoch, const std::function<bool(const Progress&)>& on_step, EpochSums so_far) {
  EpochResult result;
  const auto start = std::chrono::steady_clock::now();
  const Index steps = train_loader_.batches(), images_before = so_far.images;
  train_loader_.start_epoch(epoch);
  model_.train();
  if (so_far.steps > 0) optimizer_.learning_rate(schedule_.at(epoch * steps + so_far.steps - 1));

  for (Index i = so_far.steps; i < steps && !result.stopped; ++i) {
    const auto before_data = std::chrono::steady_clock::now();
    const Batch batch = train_loader_.batch(i);
    result.data_wait += seconds_since(before_data);
    optimizer_.learning_rate(schedule_.at(epoch * steps + i));
    optimizer_.zero_grad();
    Tensor logits;
    try {
      logits = model_(batch.images);
    } catch (const NonFiniteError& error) {
      result.divergence = Divergence{epoch + 1, i + 1, learning_rate(), error.what()};
      break;
    }
    const Tensor loss = cross_entropy(logits, batch.labels, label_smoothing_);
    const double loss_value = static_cast<double>(loss.item());
    if (!std::isfinite(loss_value)) {
      result.divergence = Divergence{epoch + 1, i + 1, learning_rate(), "the loss was " + loss_text(loss_value)};
      break;
    }
    loss.backward();
    optimizer_.step();

    const Index images = batch.images.dim(0);
    so_far.steps += 1;
    so_far.images += images;
    so_far.correct += count_correct(logits, batch.labels);
    so_far.loss += loss_value * static_cast<double>(images);
    result.seconds = seconds_since(start);
    result.images_per_second = static_cast<double>(so_far.images - images_before) / result.seconds;
    result.stopped = !on_step({so_far, steps, result.images_per_second});
  }
  result.train = so_far.score();
  return result;
}

Score Training::test(const BatchSeen& on_batch) {
  const EvalMode eval(model_);
  return evaluate(std::ref(model_), test_loader_, on_batch);
}

std::optional<Divergence> Training::divergence(const Score& test, Index epoch) const {
  if (std::isfinite(test.loss)) return std::nullopt;
  return Divergence{epoch + 1, 0, learning_rate(), "the loss was " + loss_text(test.loss)};
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

std::vector<double> probabilities(const Tensor& logits, Index row) {
  const auto x = logits.rows().row(row).cast<double>().eval();
  const DoubleRow powers = (x - x.maxCoeff()).exp();
  const DoubleRow shares = powers / powers.sum();
  return {shares.begin(), shares.end()};
}

}  // namespace norma
