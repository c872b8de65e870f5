// norma compare: the same network with different norms, or none, at several learning rates.
#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/training/progress.h"
#include "norma/apps/training/training.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

/// One line of the table.
struct Outcome {
  Score train, test;
  std::optional<Divergence> divergence;
};

Outcome run(const DataSets& datasets, const Options& options) {
  Sequential model = make_model(options.model, options.norm, datasets.image_shape(), datasets.classes(),
                                static_cast<std::uint64_t>(options.seed));
  set_convolutions(model, options.conv);
  Trainer trainer(model, datasets, options.training());
  Outcome o;
  for (Index epoch = 0; epoch < options.epochs && !o.divergence; ++epoch) {
    ProgressLine line(fmt::format("{} {:g}, epoch {}", options.norm, options.lr, epoch + 1));
    const auto on_step = [&](const Progress& p) { return line.show(p.share(), p.text()), true; };
    const EpochResult result = trainer.train_epoch(epoch, on_step);
    if (!std::isnan(result.train.loss)) o.train = result.train;
    o.divergence = result.divergence;
  }
  if (o.divergence) return o;
  o.test = trainer.test();
  o.divergence = trainer.divergence(o.test, options.epochs - 1);
  return o;
}

}  // namespace

int compare(const Options& options, const std::vector<double>& learning_rates, const std::vector<std::string>& norms) {
  check_together(options);
  const DataSets datasets = open_datasets(options.data, options.limit, options.image_size);
  Json config = to_config("compare", options, datasets);
  config.update(Json{{"lr", learning_rates}, {"norm", norms}});
  const std::filesystem::path folder = make_run_folder("compare", options);
  describe_run(folder, options, config);
  LineFile csv(folder / "compare.csv");
  csv.add("norm,lr,train_loss,train_acc,test_loss,test_acc,diverged_epoch,diverged_step");

  fmt::print("data    {}: {} training and {} test images\n", datasets.description, datasets.train.size(),
             datasets.test.size());
  fmt::print("model   {}, {} epochs, seed {}: same weights where shapes agree, same order of images\n", options.model,
             options.epochs, options.seed);
  fmt::print("output  {}\n\n", folder.string());
  fmt::print("norm           lr  train loss  train acc  test loss  test acc  remark\n");
  for (const double lr : learning_rates)
    for (const std::string& norm : norms) {
      std::fflush(stdout);
      Options arm = options;
      arm.lr = lr;
      arm.norm = norm;
      const Outcome o = run(datasets, arm);
      fmt::print("{:8}  {:7.4g}  {:>10}  {:>9}  {:>9}  {:>8}  {}\n", norm, lr, loss_text(o.train.loss),
                 percent_text(o.train.accuracy), loss_text(o.test.loss), percent_text(o.test.accuracy),
                 o.divergence ? o.divergence->sentence() : "");
      const std::string place = o.divergence ? fmt::format("{},{}", o.divergence->epoch, o.divergence->step) : ",";
      csv.add(fmt::format("{},{:g},{:.9g},{:.6f},{:.9g},{:.6f},{}", norm, lr, std::abs(o.train.loss), o.train.accuracy,
                          std::abs(o.test.loss), o.test.accuracy, place));
    }
  return kDone;
}

}  // namespace norma
