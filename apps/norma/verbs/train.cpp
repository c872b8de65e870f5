// norma train: one network, one run folder, one table row per epoch.
#include <fmt/format.h>

#include <optional>

#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/interrupt.h"
#include "norma/apps/norma/run/saved_run.h"
#include "norma/apps/training/progress.h"
#include "norma/apps/training/stopwatch.h"
#include "norma/apps/training/training.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

void print_head(const DataSets& datasets, const TrainOptions& options, const Module& model, const SavedRun& run) {
  fmt::print("data    {}: {} training and {} test images, {} classes\n", datasets.description, datasets.train.size(),
             datasets.test.size(), datasets.classes());
  fmt::print("model   {}, norm {}: {} parameters\n", options.model, options.norm, elements(model.named_parameters()));
  fmt::print("output  {}\n", run.path());
  if (!run.remark().empty()) fmt::print("resume  {}\n", run.remark());
}

int train(const TrainOptions& options, Options& declared) {
  std::optional<ResumedRun> before;
  if (!options.resume.empty())  // from here on the options are those of the run
    before = read_config(options.resume, declared, "was trained with", [&] { check_together(options); });
  check_together(options);
  const DataSets datasets = open_datasets(options.data, options.limit, options.image_size);
  if (before) check_same_data(*before, datasets, options.resume + ": was trained on");
  Sequential model =
      make_network(options.model, options.norm, datasets.image_shape(), datasets.classes(), options.training.seed);
  set_convolutions(model, options.conv);
  check(options.freeze_after == 0 || !batch_norms(model).empty(), "--freeze-after: this network has no batch norm");
  Trainer trainer(model, datasets, options.training);
  const InterruptsNoted interrupts;
  SavedRun run(options, declared, before, datasets, model, trainer);

  print_head(datasets, options, model, run);
  if (run.position().epoch >= options.training.epochs) {
    fmt::print("\nall {} epochs are done: test accuracy {}\n", options.training.epochs,
               percent_text(run.position().test_acc));
    return kDone;
  }
  fmt::print("\nepoch        lr  train loss  train acc  test loss  test acc  images/s   seconds\n");
  double trained = 0, waited = 0;  // seconds
  for (Index epoch = run.position().epoch; epoch < options.training.epochs; ++epoch) {
    std::fflush(stdout);
    if (options.freeze_after > 0 && epoch >= options.freeze_after) freeze_batch_norm(model);
    const Stopwatch watch;
    ProgressLine bar(fmt::format("epoch {:3}", epoch + 1));
    const auto on_step = [&](const Progress& p) {
      run.step_done(p);
      bar.show(p.share(), p.text());
      return interrupts.signal() == 0;
    };
    const EpochResult result = trainer.train_epoch(epoch, on_step, run.position().so_far);
    bar.wipe();
    if (result.stopped) return run.stopped(interrupts.signal());
    if (result.divergence) return run.diverged(*result.divergence);

    TestAnswers answers(datasets.test.class_names);
    const auto on_batch = [&](const Tensor& logits, std::span<const int> labels) { answers.add(logits, labels); };
    const Score test = trainer.test(on_batch);
    if (const auto divergence = trainer.divergence(test, epoch)) return run.diverged(*divergence);

    const double seconds = watch.seconds();
    fmt::print("{:5}  {:8.5f}  {:>10}  {:8.2f}%  {:>9}  {:7.2f}%  {:8.0f}  {:8.1f}\n", epoch + 1,
               trainer.learning_rate(), loss_text(result.train.loss), 100 * result.train.accuracy, loss_text(test.loss),
               100 * test.accuracy, result.images_per_second, seconds);
    run.epoch_done(result, test, answers, seconds);
    trained += result.seconds, waited += result.data_wait;
    if (interrupts.signal() != 0 && epoch + 1 < options.training.epochs) return run.stopped(interrupts.signal());
  }
  fmt::print("\ndata wait {} of the training time\n", percent_text(waited / trained));
  if (!run.report().empty()) fmt::print("report    {}\n", run.report());
  run.finished();
  return kDone;
}

}  // namespace

Verb train_verb() {
  return make_verb<TrainOptions>("train", "Train a network: one table row per epoch, and a run folder with its weights",
                                 declare, train);
}

}  // namespace norma
