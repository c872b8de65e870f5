// norma lab landscape: the loss around a network in training, along its gradient and in the direction of largest curvature.
//
// After Santurkar et al. 2018, "How Does Batch Normalization Help Optimization?", section 3.1 and figure 4, and Page 2019,
// "How to Train Your ResNet 7: Batch Norm". Effective smoothness is their "effective beta-smoothness".
#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/experiments/curvature.h"
#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"
#include "norma/layers/loss.h"
#include "norma/layers/models/batch_norm_tools.h"

namespace norma::lab {
namespace {

constexpr Index kSteps = 200, kBatch = 128, kCheckpoints = 10, kHessianImages = 256;
constexpr std::uint64_t kSeeds = 3;
constexpr double kRate = 0.1;
const std::vector<double> kSizes{0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4};  // of steps along the gradient, in learning rates
const std::vector<Index> kWidths{16, kPool, 16, 32, kPool, 32, 64, kPool, 64, 64, 64};

const std::vector<std::string> kNorms{"batch", "none"};

std::string arm(const std::string& norm) { return norm == "frozen" ? "batch norm, frozen" : arm_name(norm); }

/// A network in training, and what is measured on the way.
class Walk {
 public:
  Walk(const Setup& setup, const std::string& norm, std::uint64_t seed, Recorder& record)
      : setup_(setup),
        norm_(norm),
        seed_(seed),
        record_(record),
        model_(make_blocks({.widths = kWidths, .norm = norm}, setup.datasets.image_shape(), setup.datasets.classes(),
                           seed)),
        trainer_(model_, setup.datasets,
                 {.batch_size = kBatch,
                  .momentum = 0,
                  .weight_decay = 0,
                  .label_smoothing = 0,
                  .augment = false,
                  .seed = seed}) {}

  void run() {
    const Index steps = setup_.steps(kSteps);
    double loss = 0;
    for (Index i = 0; i <= steps && std::isfinite(loss); ++i) {
      done_ = static_cast<double>(i) / static_cast<double>(steps + 1);
      record_.progress(done_);
      if (i == 0 || due(i, steps, kCheckpoints)) look_along(i);
      if (i == 0 || i == steps / 2 || i == steps) look_around(i);
      if (i < steps) loss = trainer_.step(kRate).loss;
    }
  }

 private:
  const Setup& setup_;
  const std::string norm_;
  std::uint64_t seed_;
  Recorder& record_;
  Sequential model_;
  Trainer trainer_;
  double done_ = 0;

  /// The same for both arms, and others at every checkpoint.
  Batch images(Index count, Index checkpoint) const {
    DataLoader loader(setup_.datasets.train, {.batch_size = count,
                                              .shuffle = true,
                                              .seed = seed_ + 1000,
                                              .normalisation = setup_.datasets.normalisation});
    loader.start_epoch(checkpoint);
    return loader.batch(0);
  }

  LossSurface surface(const Batch& batch) {
    return LossSurface(model_.parameters(),
                       [this, &batch] { return cross_entropy(model_.forward(batch.images), batch.labels); });
  }

  /// Steps from here along the gradient: loss and gradient where they lead.
  void look_along(Index step) {
    const KeepBuffers keep(model_);
    model_.train();
    const Batch batch = images(kBatch, step);
    LossSurface loss = surface(batch);
    const LossSurface::Point here = loss.at(loss.start());
    const double length = here.gradient.norm();
    std::vector<double> losses, changes, smoothness;
    for (const double size : kSizes) {
      record_.progress(done_);
      const LossSurface::Point there = loss.at(loss.start() - size * kRate * here.gradient);
      const double change = (there.gradient - here.gradient).norm();
      losses.push_back(there.loss);
      changes.push_back(change);
      smoothness.push_back(change / (size * kRate * length));
      record_.row("along", {norm_, seed_, step, size * kRate, there.loss, change, smoothness.back()});
    }
    const Spread l = spread(losses), c = spread(changes), s = spread(smoothness);
    record_.row("points", {norm_, seed_, step, here.loss, l.low, l.high, length, c.low, c.high, s.high});
  }

  /// The largest curvature here; with batch norm, also of the network in which the statistics of this batch are constants.
  void look_around(Index step) {
    const KeepBuffers keep(model_);
    model_.train();
    const Batch batch = images(setup_.images(kHessianImages, 64), step);
    measure_curvature(norm_, step, batch);
    if (norm_ != "batch") return;
    const EvalMode statistics_are_constants(model_);
    model_.eval();
    try {
      recalibrate(model_, 1, [&batch](Index) { return batch.images; });
    } catch (const NonFiniteError&) {  // the last step has gone astray, and training will end with the next
      return;
    }
    measure_curvature("frozen", step, batch);
  }

  void measure_curvature(const std::string& as, Index step, const Batch& batch) {
    LossSurface loss = surface(batch);
    const double here = loss.at(loss.start()).loss;
    const Eigenvalue top = largest_eigenvalue(loss, Random({seed_, static_cast<std::uint64_t>(step)}),
                                              {.progress = [this] { record_.progress(done_); }});
    record_.row("hessian", {as, seed_, step, here, top.value, top.residual});
  }
};

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (std::uint64_t seed = setup.seed; seed < setup.seed + kSeeds; ++seed)
    for (const std::string& norm : kNorms)
      all.push_back({fmt::format("{}, seed {}", arm(norm), seed), norm == "batch" ? 19.0 : 14.0,
                     [=, &setup](Recorder& record) { Walk(setup, norm, seed, record).run(); }});
  return all;
}

void draw_band(const Table& points, Page& page) {
  LineChart losses{"Loss along the gradient", {"step"}, {"lowest to highest loss"}, {}};
  LineChart changes{"How far the gradient holds", {"step"}, {"||g(x) - g(x')||, lowest to highest", true}, {}};
  LineChart smoothness{"Effective smoothness", {"step"}, {"largest ||g(x) - g(x')|| / ||x - x'||", true}, {}};
  for (std::size_t i = 0; i < kNorms.size(); ++i) {
    const Table arm = points.where("norm", kNorms[i]);
    const Table first = arm.empty() ? arm : arm.where("seed", arm.rows[0][arm.place("seed")]);
    if (first.empty()) continue;
    const auto colour = static_cast<int>(i);
    losses.series.push_back(curve(arm_name(kNorms[i]), first, "step", "loss", colour));
    losses.series.back().low = first.numbers("loss_low"), losses.series.back().high = first.numbers("loss_high");
    changes.series.push_back(curve(arm_name(kNorms[i]), first, "step", "change_high", colour));
    changes.series.back().low = first.numbers("change_low"), changes.series.back().high = first.numbers("change_high");
    smoothness.series.push_back(banded(arm_name(kNorms[i]), arm, "step", "smoothness", colour));
  }
  page.figure(svg(losses),
              "Line: the loss where training stands. Band: the losses that steps of 0.05 to 0.4 times the gradient "
              "from there lead to, on the same batch. One seed.");
  page.figure(svg(changes),
              "Gradient predictiveness: how much the gradient differs after such a step. Band: smallest to largest "
              "difference among these steps; line: the largest. One seed.");
  page.figure(
      svg(smoothness),
      "The change of the gradient divided by the length of the step that changed it, the largest of all steps: the "
      "smaller, the smoother the loss. Band: the seeds.");
}

void draw_curvature(const Table& hessian, Page& page, std::vector<std::string>& found) {
  LineChart chart{"Largest eigenvalue of the Hessian", {"step"}, {"eigenvalue", true}, {}};
  std::vector<std::vector<std::string>> rows;
  int colour = 0;
  std::string sentence = "At the end the largest curvature is";
  for (const char* name : {"batch", "none", "frozen"}) {
    const Table of_arm = hessian.where("arm", name);
    if (of_arm.empty()) continue;
    chart.series.push_back(banded(arm(name), of_arm, "step", "eigenvalue", colour++));
    for (const Json& step : of_arm.distinct("step")) {
      const Table at = of_arm.where("step", step);
      const Spread value = spread(at.numbers("eigenvalue")), residual = spread(at.numbers("residual"));
      rows.push_back({arm(name), step.dump(), fmt::format("{:.3g} to {:.3g}", value.low, value.high),
                      fmt::format("{:.2g}", residual.high)});
    }
    const Spread last = spread(of_arm.where("step", of_arm.distinct("step").back()).numbers("eigenvalue"));
    sentence += fmt::format("{} {:.3g} with {} (seeds: {:.3g} to {:.3g})", chart.series.size() > 1 ? "," : "",
                            last.mean, arm(name), last.low, last.high);
  }
  page.figure(
      svg(chart),
      "Curvature in the direction where it is largest, over 0.001 of the weights' length. Line: mean of the seeds.");
  page.table({"", "step", "eigenvalue, of the seeds", "largest residual"}, rows);
  page.paragraph(
      "Where the residual |Hv - value v| / |value| is above 1 the number tells little: before training, with batch "
      "norm, the largest curvatures are close together and small. Frozen: the same weights, the mean and variance of "
      "the batch taken for constants. Page 2019 found 128 with batch norm, 2246 frozen and 3486 without, in another "
      "network, trained longer. Gradient descent at a constant rate is stable where no eigenvalue exceeds 2 / rate, "
      "here 20, and drives the largest one up to about there (Cohen et al. 2021, \"Gradient Descent on Neural Networks "
      "Typically Occurs at the Edge of Stability\"), so that at the end both networks may stand at the same curvature, "
      "the one with batch norm at a lower loss. The sound comparison is with the frozen statistics: the same weights, "
      "the same function, only without the gradient through mean and variance. The number with batch norm depends on "
      "the distance over which the gradient's change is taken, because the gradient jumps where ReLUs bend: "
      "docs/lab.md.");
  found.push_back(sentence + ".");
}

std::vector<std::string> report(const Tables& tables, Page& page) {
  std::vector<std::string> found;
  const Table &points = tables.at("points"), &hessian = tables.at("hessian");
  if (points.empty()) return found;
  draw_band(points, page);
  std::string range =
      "The losses that steps along the gradient lead to span, over all checkpoints after the first, on average";
  bool both = false;
  for (const std::string& norm : kNorms) {
    const Table of_arm = points.where("norm", norm);
    const std::vector<double> step = of_arm.numbers("step"), low = of_arm.numbers("loss_low"),
                              high = of_arm.numbers("loss_high"), smoothness = of_arm.numbers("smoothness");
    std::vector<double> widths, smooth;
    for (std::size_t i = 0; i < step.size(); ++i)
      if (step[i] > 0) widths.push_back(high[i] - low[i]), smooth.push_back(smoothness[i]);
    if (widths.empty()) continue;
    range += fmt::format("{} {:.3g} with {} (effective smoothness {:.3g})", both ? ", and" : "", spread(widths).mean,
                         arm(norm), spread(smooth).mean);
    both = true;
  }
  if (both) found.push_back(range + ".");
  if (!hessian.empty()) draw_curvature(hessian, page, found);
  return found;
}

}  // namespace

Experiment landscape() {
  return {"landscape",
          "The landscape of the loss",
          "Why can a network with batch norm take larger steps? Santurkar et al. 2018 say: because its loss is "
          "smoother, so that the gradient still holds a step away. Two networks of eight convolutions, with and "
          "without batch norm, are trained by plain gradient descent at the rate 0.1, on the same batches; on the way "
          "we look along the gradient, and measure the largest curvature. Look at how wide the bands are, and how "
          "much a step changes the gradient.",
          {{"along", {"norm", "seed", "step", "distance", "loss", "gradient_change", "smoothness"}},
           {"points",
            {"norm", "seed", "step", "loss", "loss_low", "loss_high", "gradient_norm", "change_low", "change_high",
             "smoothness"}},
           {"hessian", {"arm", "seed", "step", "loss", "eigenvalue", "residual"}}},
          jobs,
          report};
}

}  // namespace norma::lab
