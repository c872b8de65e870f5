// norma lr-find: a learning rate to train with, by the range test. Smith 2017, "Cyclical Learning Rates for Training Neural
// Networks", section 3.3: the network is trained from its initial weights while the rate grows from step to step by the same
// factor, and the loss is drawn against the rate. It stays while the rate is too small, falls, and grows where the rate is
// too large.
//
// Note [A third]
//   Smith reads the rate off the curve by eye; fastai suggests a tenth of the rate of the smallest loss. Test accuracy, %,
//   of `norma train --epochs 2` on CIFAR-10 at the rate of the smallest loss divided by
//
//                              10      3      1
//     small, batch norm      69.6   70.7   66.3
//     small, no norm         45.3   52.8   51.6
//     cnn, batch norm        56.9   68.9   75.6     (and 79.1 at its default 0.2, 3.6 times that rate)
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/report/chart.h"
#include "norma/apps/report/page.h"
#include "norma/apps/training/progress.h"
#include "norma/apps/training/training.h"
#include "norma/data/files/atomic_file.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

struct LrFindOptions {
  std::string data, model = "cnn", norm = "batch", conv = "automatic", out;
  Index limit = 0, image_size = 32;
  TrainingSettings training;    // of it the size of batches, momentum, weight decay, augmentation and seed
  double from = 1e-5, to = 10;  // learning rates
  Index steps = 150;
};

constexpr double kMemory = 0.9;  // of the smoothed loss: weight of what was before
constexpr double kTooLarge = 4;  // the test ends where the smoothed loss is so many times its smallest, as in fastai
constexpr double kBelow = 3;     // what the rate of the smallest loss is divided by: Note [A third]
constexpr double kLeastFall = 0.02;  // of the first loss: less is noise

/// A point for each step; at the last one the loss may be NaN, and is where the rate was too large.
struct Curve {
  std::vector<double> rates, losses, smoothed;

  /// The step at which the smoothed loss is smallest; a NaN at the end is not.
  std::size_t best() const {
    return static_cast<std::size_t>(std::min_element(smoothed.begin(), smoothed.end()) - smoothed.begin());
  }
};

double rate_at(const LrFindOptions& o, Index step) {
  return o.from * std::pow(o.to / o.from, static_cast<double>(step) / static_cast<double>(o.steps - 1));
}

bool too_large(const Curve& curve) {
  const double now = curve.smoothed.back();
  return !std::isfinite(now) || now > kTooLarge * curve.smoothed[curve.best()];
}

/// Whether the smallest loss is the last one, so that no rate was too large.
bool still_falls(const Curve& curve) { return curve.best() + 1 == curve.smoothed.size(); }

Curve run(Module& model, const DataSets& datasets, const LrFindOptions& o, LineFile& csv) {
  TrainingSettings settings = o.training;
  settings.label_smoothing = 0;
  Trainer trainer(model, datasets, settings);
  Curve curve;
  ProgressLine line("lr-find");
  double mean = 0;
  for (Index step = 0; step < o.steps; ++step) {
    const double rate = rate_at(o, step), loss = trainer.step(rate).loss;
    mean = kMemory * mean + (1 - kMemory) * loss;
    curve.rates.push_back(rate);
    curve.losses.push_back(loss);
    curve.smoothed.push_back(mean / (1 - std::pow(kMemory, static_cast<double>(step + 1))));
    csv.add(fmt::format("{},{:.9g},{:.9g},{:.9g}", step + 1, rate, loss, curve.smoothed.back()));
    if (too_large(curve)) break;
    line.show(static_cast<double>(step + 1) / static_cast<double>(o.steps),
              fmt::format("loss {:.2f}  ", curve.smoothed.back()));
  }
  return curve;
}

std::string page_of(const Curve& curve, double suggestion, const LrFindOptions& o, const DataSets& datasets,
                    const std::string& command) {
  Page page(fmt::format("Learning rate for {}, norm {}", o.model, o.norm));
  page.paragraph(fmt::format(
      "{}: the network was trained for {} steps of {} images from its initial weights, while the rate grew from "
      "step to step by the same factor (Smith 2017, section 3.3).",
      datasets.description, curve.rates.size(), o.training.batch_size));
  const double highest = 1.5 * curve.smoothed.front();
  LineChart chart{"Loss while the learning rate grows", {"learning rate", true}, {"loss", false, 0.0, highest}, {}};
  chart.series = {{.name = "one batch", .x = curve.rates, .y = curve.losses, .colour = 7},
                  {.name = "smoothed", .x = curve.rates, .y = curve.smoothed, .colour = 0}};
  if (suggestion > 0) {
    std::size_t at = 0;
    while (at + 1 < curve.rates.size() && curve.rates[at] < suggestion) ++at;
    chart.series.push_back(
        {.name = "suggested", .x = {suggestion}, .y = {curve.smoothed[at]}, .colour = 1, .stroke = Stroke::dots});
    page.paragraph(
        fmt::format("Suggested: {:.2g}, a third of the rate at which the smoothed loss is smallest, {:.2g}. {}",
                    suggestion, kBelow * suggestion,
                    still_falls(curve)
                        ? "It is smallest at the end: larger rates may be better still, try a larger --to."
                        : "There the loss is about to grow; a third leaves room for a whole training."));
  } else {
    page.paragraph("The loss did not fall noticeably at any rate: there is nothing to suggest.");
  }
  page.figure(svg(chart),
              "Smoothed: exponential mean with weight 0.9 of what was before. The test ends where it is four times its "
              "smallest, or not finite.");
  page.heading("How to run it again");
  page.code(command);
  return page.html();
}

int lr_find(const LrFindOptions& o, Options& declared) {
  check(o.from < o.to, "--from ", o.from, " must be less than --to ", o.to);
  const DataSets datasets = open_datasets(o.data, o.limit, o.image_size);
  Sequential model = make_network(o.model, o.norm, datasets.image_shape(), datasets.classes(), o.training.seed);
  set_convolutions(model, o.conv);
  const std::filesystem::path folder = make_run_folder("lr-find", o.out);
  describe_run(folder, declared.command(), to_config(declared, datasets));
  LineFile csv(folder / "lr_find.csv");
  csv.add("step,lr,loss,smoothed");
  const Curve curve = run(model, datasets, o, csv);
  if (std::isnan(curve.losses.front())) {
    fmt::print(stderr,
               "norma lr-find: the loss was not finite at the first step (learning rate {:g}); try a smaller --from\n",
               o.from);
    return kDiverged;
  }
  const std::size_t best = curve.best();
  const bool fell = curve.smoothed[best] < (1 - kLeastFall) * curve.smoothed.front();
  const double suggestion = fell ? curve.rates[best] / kBelow : 0;
  write_file(folder / "report.html", page_of(curve, suggestion, o, datasets, declared.command()));
  fmt::print("data    {}\nmodel   {}, norm {}; {} steps of {} images, learning rates {:g} to {:.3g}\n\n",
             datasets.description, o.model, o.norm, curve.rates.size(), o.training.batch_size, curve.rates.front(),
             curve.rates.back());
  if (fell)
    fmt::print(
        "smallest loss at {:.2g}: {:.3f} instead of {:.3f} at the start\nsuggested: --lr {:.2g}, a third of it{}\n",
        curve.rates[best], curve.smoothed[best], curve.smoothed.front(), suggestion,
        still_falls(curve) ? "; the loss still falls there, try a larger --to" : "");
  else
    fmt::print("the loss did not fall noticeably at any of these rates: nothing to suggest\n");
  fmt::print("\nreport  {}/report.html\n", folder.string());
  return kDone;
}

}  // namespace

Verb lr_find_verb() {
  const auto declare = [](Options& o, LrFindOptions& s) {
    add_network_and_data(o, s, &s.norm);
    add_sgd(o, s.training, {});
    add_augment(o, s.training.augment);
    add_seed(o, s.training.seed);
    add_threads(o);
    o.add("--from", &s.from, finite_number(false), "First learning rate").decides();
    o.add("--to", &s.to, finite_number(false), "Last learning rate").decides();
    o.add("--steps", &s.steps, whole_number(20), "Steps from the first rate to the last").decides();
    add_out(o, s.out);
  };
  return make_verb<LrFindOptions>("lr-find", "Suggest a learning rate: train a little while it grows", declare,
                                  lr_find);
}

}  // namespace norma
