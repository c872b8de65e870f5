// norma train: one network, one run folder, one table row an epoch.
#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "apps/norma/models.h"
#include "apps/norma/progress.h"
#include "apps/norma/run_folder.h"
#include "apps/norma/training.h"
#include "layers/batch_norm_model.h"

namespace norma {

int train(const Options& options) {
  check_together(options);
  const DataSets datasets = open_datasets(options.data, options.limit, options.image_size);
  Sequential model = make_model(options.model, options.norm, datasets.image_shape(), datasets.classes(),
                                static_cast<std::uint64_t>(options.seed));
  check(options.freeze_after == 0 || !batch_norms(model).empty(), "--freeze-after: this network has no batch norm");
  Training training(model, datasets, options);
  const RunFolder folder("train", options, datasets.description);
  LineFile metrics = folder.file("metrics.csv");
  metrics.add("epoch,lr,train_loss,train_acc,test_loss,test_acc,images_per_s,seconds");

  fmt::print("data    {}: {} training and {} test images, {} classes\n", datasets.description, datasets.train.size(),
             datasets.test.size(), datasets.classes());
  fmt::print("model   {}, norm {}: {} parameters\n", options.model, options.norm, elements(model.named_parameters()));
  fmt::print("output  {}\n\n", folder.path().string());
  fmt::print("epoch        lr  train loss  train acc  test loss  test acc  images/s   seconds\n");
  for (Index epoch = 0; epoch < options.epochs; ++epoch) {
    std::fflush(stdout);
    if (options.freeze_after > 0 && epoch >= options.freeze_after) freeze_batch_norm(model);
    const auto start = std::chrono::steady_clock::now();
    std::optional<ProgressBar> bar(fmt::format("epoch {:3}", epoch + 1));
    const EpochResult result = training.train_epoch(epoch, [&](const Progress& p) { bar->show(p); });
    bar.reset();
    const Score test = result.divergence ? Score{} : training.test();
    const auto divergence = result.divergence ? result.divergence : training.divergence(test, epoch);
    if (divergence) return report("train", *divergence);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double speed = static_cast<double>(result.images) / result.seconds;
    fmt::print("{:5}  {:8.5f}  {:>10}  {:8.2f}%  {:>9}  {:7.2f}%  {:8.0f}  {:8.1f}\n", epoch + 1,
               training.learning_rate(), loss_text(result.train.loss), 100 * result.train.accuracy,
               loss_text(test.loss), 100 * test.accuracy, speed, seconds);
    metrics.add(fmt::format("{},{:.9g},{:.9g},{:.6f},{:.9g},{:.6f},{:.1f},{:.3f}", epoch + 1, training.learning_rate(),
                            result.train.loss, result.train.accuracy, test.loss, test.accuracy, speed, seconds));
  }
  return kDone;
}

}  // namespace norma
