// norma lab convergence: the same network with and without batch norm, at several learning rates, three seeds each.
#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"

namespace norma::lab {
namespace {

constexpr Index kSteps = 700, kBatch = 64, kTests = 14;
constexpr std::uint64_t kSeeds = 3;
constexpr double kGoal = 0.6;  // of the test images right
const std::vector<double> kRates{0.01, 0.05, 0.25};
const std::vector<std::string> kNorms{"batch", "none"};

void train(const Setup& setup, const std::string& norm, double lr, std::uint64_t seed, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kSteps, kTests);
  Sequential model = make_network("small", norm, data.image_shape(), data.classes(), seed);
  Trainer trainer(model, data, {.batch_size = kBatch, .label_smoothing = 0, .augment = false, .seed = seed});
  const auto rate = [&](Index i) { return lr * static_cast<double>(steps - i) / static_cast<double>(steps); };
  const auto tested = [&](Index step, const Score& train, const Score& test) {
    record.row("curves", {norm, lr, seed, step, train.loss, train.accuracy, test.loss, test.accuracy});
  };
  lab::train(model, trainer, data, {steps, kTests, rate, setup.test_images(1000), tested}, record);
}

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (std::uint64_t seed = setup.seed; seed < setup.seed + kSeeds; ++seed)
    for (const double lr : kRates)
      for (const std::string& norm : kNorms)
        all.push_back({fmt::format("{}, learning rate {:g}, seed {}", arm_name(norm), lr, seed),
                       norm == "batch" ? 8 : 6.5,
                       [=, &setup](Recorder& record) { train(setup, norm, lr, seed, record); }});
  return all;
}

/// The first step after which so many test images were right; NaN if there was none.
double steps_to_goal(const Table& run) {
  const std::vector<double> steps = run.numbers("step"), accuracy = run.numbers("test_acc");
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (accuracy[i] >= kGoal) return steps[i];
  return std::nan("");
}

/// What became of an arm: one (norm, lr), all seeds.
struct Outcome {
  Spread accuracy;                // at the end
  double reached = 0, steps = 0;  // how many seeds reached the goal; their mean steps
  double seeds = 0, diverged = 0;
};

Outcome outcome_of(const Table& arm) {
  Outcome o;
  std::vector<double> last, to_goal;
  for (const Json& seed : arm.distinct("seed")) {
    const Table run = arm.where("seed", seed);
    last.push_back(run.numbers("test_acc").back());
    to_goal.push_back(steps_to_goal(run));
    o.seeds += 1, o.reached += !std::isnan(to_goal.back()), o.diverged += std::isnan(run.numbers("train_loss").back());
  }
  o.accuracy = spread(last), o.steps = spread(to_goal).mean;
  return o;
}

std::vector<std::string> row_of(const std::string& norm, double lr, const Outcome& o) {
  return {arm_name(norm), fmt::format("{:g}", lr), percent(o.accuracy),
          o.reached > 0 ? fmt::format("{:.0f} ({:.0f} of {:.0f} seeds)", o.steps, o.reached, o.seeds) : "never",
          o.diverged > 0 ? fmt::format("{:.0f} of {:.0f}", o.diverged, o.seeds) : "none"};
}

/// "With batch norm the best of the learning rates is 0.25: 66.2% of the test images right after 500 steps, ...", of those
/// rates at which no seed diverged.
std::string best_sentence(const Table& curves, const std::string& norm) {
  double best = -1, rate = 0, steps = 0;
  Outcome of_best;
  for (const double lr : kRates) {
    const Table arm = curves.where("norm", norm).where("lr", lr);
    if (arm.empty()) continue;
    const Outcome o = outcome_of(arm);
    if (o.diverged == 0 && o.accuracy.mean > best)
      best = o.accuracy.mean, rate = lr, of_best = o, steps = arm.numbers("step").back();
  }
  if (best < 0) return "";
  return fmt::format(
      "With {} the best of the learning rates is {:g}: {} of the test images right after {:.0f} steps, mean of {:.0f} "
      "seeds; 60% are reached {}.",
      arm_name(norm), rate, percent(best), steps, of_best.seeds,
      of_best.reached > 0
          ? fmt::format("after {:.0f} steps ({:.0f} of {:.0f} seeds)", of_best.steps, of_best.reached, of_best.seeds)
          : "by none of them");
}

std::vector<std::string> report(const Tables& tables, Page& page) {
  const Table& curves = tables.at("curves");
  if (curves.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> found;
  for (const double lr : kRates) {
    LineChart loss{fmt::format("Training loss, learning rate {:g}", lr),
                   {"step"},
                   {"loss, mean of a batch", false, 0.0, 3.0},
                   {}};
    LineChart accuracy{fmt::format("Test accuracy, learning rate {:g}", lr),
                       {"step"},
                       {"right, % of the images", false, 0.0},
                       {}};
    for (const std::string& norm : kNorms) {
      const Table arm = curves.where("norm", norm).where("lr", lr);
      if (arm.empty()) continue;
      loss.series.push_back(banded(arm_name(norm), arm, "step", "train_loss", norm == "batch" ? 0 : 1));
      accuracy.series.push_back(banded(arm_name(norm), arm, "step", "test_acc", norm == "batch" ? 0 : 1, 100));
      rows.push_back(row_of(norm, lr, outcome_of(arm)));
    }
    if (loss.series.empty()) continue;
    page.figure(svg(loss), fmt::format("Learning rate {:g}. Line: mean of the seeds that have not diverged; band: "
                                       "lowest to highest. What lies above 3 is cut off.",
                                       lr));
    page.figure(svg(accuracy), "The same runs on test images (the first 1000 at most), in eval().");
  }
  page.heading("All arms");
  page.table({"", "learning rate", "test accuracy at the end", "steps to 60%", "diverged"}, rows);
  for (const std::string& norm : kNorms)
    if (const std::string sentence = best_sentence(curves, norm); !sentence.empty()) found.push_back(sentence);
  const double highest = kRates.back();
  const Table with = curves.where("norm", "batch").where("lr", highest),
              without = curves.where("norm", "none").where("lr", highest);
  if (!with.empty() && !without.empty()) {
    const Outcome a = outcome_of(with), b = outcome_of(without);
    found.push_back(
        fmt::format("At the highest rate, {:g}, the network with batch norm ends at {}, the one without at {} ({:.0f} "
                    "of {:.0f} seeds diverged).",
                    highest, percent(a.accuracy.mean), percent(b.accuracy.mean), b.diverged, b.seeds));
  }
  return found;
}

}  // namespace

Experiment convergence() {
  return {"convergence",
          "Convergence with and without batch norm",
          "Does batch norm make a network learn faster, or only at learning rates at which it would not learn without? "
          "The network 'small' (four convolutions) is trained with batches of 64 at three learning rates, which fall "
          "linearly to 0, with a BatchNorm2d after every convolution and with none: the same weights to begin with, "
          "the same images in the same order. Compare the curves at one rate first; then compare the best rate of each "
          "network, which is the fair comparison.",
          {{"curves", {"norm", "lr", "seed", "step", "train_loss", "train_acc", "test_loss", "test_acc"}}},
          jobs,
          report};
}

}  // namespace norma::lab
