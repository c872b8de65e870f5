// norma compare: the same network with different norms, or none, at several learning rates.
#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/training/progress.h"
#include "norma/apps/training/training.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

struct CompareOptions {
  std::string data, model = "small", conv = "automatic", out;
  std::vector<std::string> norms{"batch", "none"};
  std::vector<double> learning_rates{0.02, 0.1, 0.5};
  Index limit = 0, image_size = 32;
  TrainingSettings training{.epochs = 3};
};

/// One line of the table.
struct Outcome {
  Score train, test;
  std::optional<Divergence> divergence;
};

Outcome run(const DataSets& datasets, const CompareOptions& options, const TrainingSettings& arm,
            const std::string& norm) {
  Sequential model = make_network(options.model, norm, datasets.image_shape(), datasets.classes(), arm.seed);
  set_convolutions(model, options.conv);
  Trainer trainer(model, datasets, arm);
  Outcome o;
  for (Index epoch = 0; epoch < arm.epochs && !o.divergence; ++epoch) {
    ProgressLine line(fmt::format("{} {:g}, epoch {}", norm, arm.lr, epoch + 1));
    const auto on_step = [&](const Progress& p) { return line.show(p.share(), p.text()), true; };
    const EpochResult result = trainer.train_epoch(epoch, on_step);
    if (!std::isnan(result.train.loss)) o.train = result.train;
    o.divergence = result.divergence;
  }
  if (o.divergence) return o;
  o.test = trainer.test();
  o.divergence = trainer.divergence(o.test, arm.epochs - 1);
  return o;
}

int compare(const CompareOptions& options, Options& declared) {
  check_together(options.training);
  const DataSets datasets = open_datasets(options.data, options.limit, options.image_size);
  const std::filesystem::path folder = make_run_folder("compare", options.out);
  describe_run(folder, declared.command(), to_config(declared, datasets));
  LineFile csv(folder / "compare.csv");
  csv.add("norm,lr,train_loss,train_acc,test_loss,test_acc,diverged_epoch,diverged_step");

  fmt::print("data    {}: {} training and {} test images\n", datasets.description, datasets.train.size(),
             datasets.test.size());
  fmt::print("model   {}, {} epochs, seed {}: same weights where shapes agree, same order of images\n", options.model,
             options.training.epochs, options.training.seed);
  fmt::print("output  {}\n\n", folder.string());
  fmt::print("norm           lr  train loss  train acc  test loss  test acc  remark\n");
  for (const double lr : options.learning_rates)
    for (const std::string& norm : options.norms) {
      std::fflush(stdout);
      TrainingSettings arm = options.training;
      arm.lr = lr;
      const Outcome o = run(datasets, options, arm, norm);
      fmt::print("{:8}  {:7.4g}  {:>10}  {:>9}  {:>9}  {:>8}  {}\n", norm, lr, loss_text(o.train.loss),
                 percent_text(o.train.accuracy), loss_text(o.test.loss), percent_text(o.test.accuracy),
                 o.divergence ? o.divergence->sentence() : "");
      const std::string place = o.divergence ? fmt::format("{},{}", o.divergence->epoch, o.divergence->step) : ",";
      csv.add(fmt::format("{},{:g},{:.9g},{:.6f},{:.9g},{:.6f},{}", norm, lr, std::abs(o.train.loss), o.train.accuracy,
                          std::abs(o.test.loss), o.test.accuracy, place));
    }
  return kDone;
}

}  // namespace

Verb compare_verb() {
  const auto declare = [](Options& o, CompareOptions& s) {
    add_network_and_data(o, s, &s.norms);
    add_training(o, s.training, &s.learning_rates);
    add_seed(o, s.training.seed);
    add_threads(o);
    add_out(o, s.out);
  };
  return make_verb<CompareOptions>("compare", "Train with different norms at several learning rates", declare, compare);
}

}  // namespace norma
