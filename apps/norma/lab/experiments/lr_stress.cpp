// norma lab lr-stress: the learning rate doubles again and again until the network no longer learns.
// After David Page, "How to train your ResNet 7: batch norm" (2019), the "LR stress test": there, the network without batch
// norm was lost at a rate of 0.32, and the one with it still learnt at 29.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"

namespace norma::lab {
namespace {

constexpr Index kStageSteps = 40, kMaxStages = 24;
constexpr std::uint64_t kSeeds = 3;
constexpr double kFirstRate = 0.005;
const std::vector<std::string> kNorms{"batch", "none"};
constexpr const char *kNotYet = "not yet", *kLearns = "learns";  // the states of a network that has not failed

bool failed(const std::string& state) { return state != kNotYet && state != kLearns; }

/// A network learns from the first stage on whose loss, the mean of the second half, is below 97% of ln(classes), that of
/// guessing. It has failed where the loss is not finite, and where it has learnt and is then above 99%.
void stress(const Setup& setup, const std::string& norm, std::uint64_t seed, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kStageSteps, 4);
  const double guessing = std::log(static_cast<double>(data.classes()));
  Sequential model = make_blocks({{16, kPool, 16, 16, kPool, 32, 32, kPool, 64, 64, 64}, norm}, data.image_shape(),
                                 data.classes(), seed);
  Trainer trainer(model, data, {.label_smoothing = 0, .seed = seed});
  bool has_learnt = false;
  for (Index stage = 0; stage < kMaxStages; ++stage) {
    const double lr = kFirstRate * std::pow(2.0, static_cast<double>(stage));
    double loss = 0, accuracy = 0;  // sums over the second half
    for (Index i = 0; i < steps && !std::isnan(loss); ++i) {
      record.progress(std::min(0.95, static_cast<double>(stage * steps + i) / static_cast<double>(16 * steps)));
      const Score s = trainer.step(lr);
      if (i >= steps / 2 || std::isnan(s.loss)) loss += s.loss, accuracy += s.accuracy;
    }
    loss /= static_cast<double>(steps - steps / 2), accuracy /= static_cast<double>(steps - steps / 2);
    has_learnt = has_learnt || loss < 0.97 * guessing;
    std::string state = has_learnt ? kLearns : kNotYet;
    if (std::isnan(loss)) state = "not finite";
    if (has_learnt && loss > 0.99 * guessing) state = "guessing";
    record.row("stages", {norm, seed, lr, loss, accuracy, state});
    if (failed(state)) return;
  }
}

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (std::uint64_t seed = setup.seed; seed < setup.seed + kSeeds; ++seed)
    for (const std::string& norm : kNorms)
      all.push_back({fmt::format("{}, seed {}", arm_name(norm), seed), norm == "batch" ? 12.0 : 6.0,
                     [=, &setup](Recorder& record) { stress(setup, norm, seed, record); }});
  return all;
}

/// The stages of one network: the highest rate at which it still learnt, NaN if it never did, and the end.
struct Limit {
  double survived = std::nan(""), failed = std::nan("");
  std::string how;
};

Limit limit_of(const Table& run) {
  Limit limit;
  const std::vector<double> rates = run.numbers("lr");
  const std::vector<std::string> states = run.words("state");
  for (std::size_t i = 0; i < rates.size(); ++i)
    if (states[i] == kLearns)
      limit.survived = rates[i];
    else if (failed(states[i]))
      limit.failed = rates[i], limit.how = states[i];
  return limit;
}

std::vector<std::string> report(const Tables& tables, Page& page) {
  const Table& stages = tables.at("stages");
  if (stages.empty()) return {};
  LineChart accuracy{"Training accuracy while the learning rate doubles",
                     {"learning rate", true},
                     {"right, % of the images", false, 0.0},
                     {}};
  LineChart loss{"Training loss while the learning rate doubles",
                 {"learning rate", true},
                 {"loss", false, 0.0, 3.0},
                 {}};
  for (const std::string& norm : kNorms) {
    const Table arm = stages.where("norm", norm);
    if (arm.empty()) continue;
    accuracy.series.push_back(banded(arm_name(norm), arm, "lr", "train_acc", norm == "batch" ? 0 : 1, 100));
    loss.series.push_back(banded(arm_name(norm), arm, "lr", "train_loss", norm == "batch" ? 0 : 1));
  }
  page.figure(svg(accuracy), "Line: mean of the seeds that have not failed; band: lowest to highest.");
  page.figure(svg(loss), "Guessing has the loss ln(classes): 2.303 for ten. What lies above 3 is cut off.");

  std::vector<std::vector<std::string>> rows;
  std::vector<double> ratios, with, without;
  for (const Json& seed : stages.distinct("seed")) {
    const Table of_seed = stages.where("seed", seed);
    const Limit batch = limit_of(of_seed.where("norm", "batch")), none = limit_of(of_seed.where("norm", "none"));
    if (of_seed.where("norm", "batch").empty() || of_seed.where("norm", "none").empty()) continue;
    const auto kept = [](const Limit& l) { return std::isnan(l.survived) ? "-" : fmt::format("{:g}", l.survived); };
    const auto told = [](const Limit& l) {
      return std::isnan(l.failed) ? "never" : fmt::format("{:g} ({})", l.failed, l.how);
    };
    with.push_back(batch.survived), without.push_back(none.survived);
    ratios.push_back(batch.survived / none.survived);
    rows.push_back({seed.dump(), kept(none), told(none), kept(batch), told(batch),
                    std::isnan(ratios.back()) ? "-" : fmt::format("{:.0f}", ratios.back())});
  }
  if (rows.empty()) return {};
  page.heading("Where each network failed");
  page.table({"seed", "no norm: last rate survived", "failed at", "batch norm: last rate survived", "failed at",
              "ratio"},
             rows);
  std::vector<std::string> found;
  const auto survived = [&found](const std::string& arm, const std::vector<double>& highest) {
    const Spread s = spread(highest);
    const auto learnt = std::count_if(highest.begin(), highest.end(), [](double rate) { return !std::isnan(rate); });
    found.push_back(
        learnt == 0
            ? fmt::format("With {} none of {} networks learnt at any rate.", arm, highest.size())
            : fmt::format("With {} the last learning rate survived was {:g} to {:g} ({} of {} networks learnt).", arm,
                          s.low, s.high, learnt, highest.size()));
  };
  survived(arm_name("none"), without);
  survived(arm_name("batch"), with);
  const Spread ratio = spread(ratios);
  if (!std::isnan(ratio.mean))
    found.push_back(fmt::format("Batch norm survives {:.0f} to {:.0f} times the learning rate of the plain network.",
                                ratio.low, ratio.high));
  return found;
}

}  // namespace

Experiment lr_stress() {
  return {
      "lr-stress",
      "How large a learning rate each network survives",
      "An eight-layer network starts at the learning rate 0.005, which doubles every 40 steps (times --scale) of "
      "128 images until it no longer learns: the loss is not finite, or back at that of guessing. A step that makes "
      "weights too large makes all activations after them too large, and so the gradients of the next step; batch "
      "norm divides the activations by their own size and ends the chain at each layer. Look for the rate at which "
      "each curve falls to the level of guessing.",
      {{"stages", {"norm", "seed", "lr", "train_loss", "train_acc", "state"}}},
      jobs,
      report};
}

}  // namespace norma::lab
