// norma lab batch-size: batch norm, group norm and no norm with 2 to 256 images in a batch; and how noisy the
// statistics of batches of each size are.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/experiments/batch_noise.h"
#include "norma/apps/norma/lab/training.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/optim/schedule.h"

namespace norma::lab {
namespace {

constexpr Index kSmallest = 2, kLargest = 256;
constexpr Index kSteps = 64;       // at the largest batch
constexpr double kRate = 0.1;      // at the largest batch; three times that is too much for the network without norm
constexpr Index kMeasured = 64;    // batch size of the network whose statistics are looked at
constexpr Index kPoolSize = 2048;  // images that recalibrate() sees and the random batches come from

const std::vector<std::string> kNorms{"batch", "group", "none"};

/// The steps done, each in its time; the mean loss of the last quarter, NaN if it diverged.
double train(const Setup& setup, Trainer& trainer, Index n, double peak, Recorder& record) {
  const Index steps = setup.steps(kSteps) * (kLargest / n);
  const Schedule schedule({.name = "cosine", .peak = peak, .steps = steps});
  const Index quarter = std::max<Index>(1, steps / 4);
  double loss = 0;
  for (Index i = 0; i < steps; ++i) {
    record.progress(static_cast<double>(i) / static_cast<double>(steps));
    const Score s = trainer.step(schedule.at(i));
    if (std::isnan(s.loss)) return s.loss;
    if (i >= steps - quarter) loss += s.loss;
  }
  return loss / static_cast<double>(quarter);
}

void job(const Setup& setup, const std::string& norm, Index n, Recorder& record) {
  const DataSets& data = setup.datasets;
  const double peak = kRate * static_cast<double>(n) / static_cast<double>(kLargest);
  Sequential model = make_network("small", norm, data.image_shape(), data.classes(), setup.seed);
  Trainer trainer(model, data, {.batch_size = n, .label_smoothing = 0, .augment = false, .seed = setup.seed});
  const double loss = train(setup, trainer, n, peak, record);
  const ImageSet test = setup.test_images();
  const ImageSet pool = first_images(data.train, setup.images(kPoolSize, kLargest));
  DataLoader loader(pool, {.batch_size = kLargest, .normalisation = data.normalisation});
  const bool finite = !std::isnan(loss);
  const Score tested = finite ? evaluate(model, test, data.normalisation) : Score{};
  Score mended;
  try {
    if (finite && norm == "batch" && n == kMeasured) measure_noise(model, loader, setup.seed, record);
    if (finite && norm == "batch") {
      recalibrate(model, loader.batches(), [&](Index i) {
        record.progress(1);
        return loader.batch(i).images;
      });
      mended = evaluate(model, test, data.normalisation);
    }
  } catch (const NonFiniteError&) {  // the weights are finite, the activations are not: nothing more to measure
  }
  record.row("accuracy", {norm, n, peak, trainer.steps_done(), trainer.steps_done() * n, loss, tested.loss,
                          tested.accuracy, mended.accuracy, !finite});
}

/// Seconds: small batches cost more an image.
double seconds(const std::string& norm, Index n) {
  return (norm == "none" ? 2.8 : 3.7) * (1 + 4.5 / static_cast<double>(n));
}

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (Index n = kSmallest; n <= kLargest; n *= 2)
    for (const std::string& norm : kNorms)
      all.push_back({fmt::format("{}, batches of {}", arm_name(norm), n), seconds(norm, n),
                     [=, &setup](Recorder& record) { job(setup, norm, n, record); }});
  return all;
}

// The report, from the tables alone.

/// The first of them without its sign, for a column headed by it.
std::string points(const std::vector<double>& share) {
  return share.empty() || std::isnan(share[0]) ? "-" : fmt::format("{:.1f}", 100 * share[0]);
}

void report_accuracy(const Table& rows, Page& page, std::vector<std::string>& found) {
  if (rows.empty()) return;
  LineChart chart{"Test accuracy by batch size", {"images in a batch", true}, {"test accuracy, %"}, {}};
  int colour = 0;
  for (const std::string& norm : kNorms)
    if (const Table part = rows.where("norm", norm); !part.empty())
      chart.series.push_back(curve(arm_name(norm), part, "batch_size", "test_acc", colour++, 100));
  chart.series.push_back(curve("recalibrated", rows.where("norm", "batch"), "batch_size", "recalibrated_acc", 0, 100));
  chart.series.back().stroke = Stroke::dashed;
  page.figure(
      svg(chart),
      "Each point is one training with one seed, tested in eval(), so differences of 3 points mean little. Dashed: "
      "the same batch norm networks after recalibrate(), with exact statistics in place of the running ones.");
  const std::vector<double> images = rows.numbers("images");  // fewer where a training diverged
  page.paragraph(
      fmt::format("All see the same {:g} images in the same order, from the same weights: half the batch size is "
                  "twice the steps. The learning rate is proportional to the batch size, {:g} at {}, and falls "
                  "along half a cosine (the linear scaling rule, Goyal et al. 2017, section 2.1). Towards the "
                  "right there are few steps, so there one sees who learns fastest; what the statistics do is seen "
                  "towards the left. In Wu and He's figure 1, on ImageNet, only batch norm gets worse with smaller "
                  "batches; there a step has 8 such batches, one on each GPU, here it has one.",
                  *std::max_element(images.begin(), images.end()), kRate, kLargest));
  std::vector<std::vector<std::string>> lines;
  for (const Json& n : rows.distinct("batch_size")) {
    const Table at_n = rows.where("batch_size", n), batch = at_n.where("norm", "batch");
    lines.push_back({n.dump(), points(batch.numbers("test_acc")), points(batch.numbers("recalibrated_acc")),
                     points(at_n.where("norm", "group").numbers("test_acc")),
                     points(at_n.where("norm", "none").numbers("test_acc"))});
  }
  page.table({"batch", "BN, %", "recalibrated, %", "GN, %", "none, %"}, lines);
  for (const std::string& norm : kNorms) {
    const Table part = rows.where("norm", norm);
    const std::vector<double> n = part.numbers("batch_size"), share = part.numbers("test_acc");
    if (n.size() < 2 || std::isnan(share.front()) || std::isnan(share.back())) continue;
    const auto best = static_cast<std::size_t>(
        std::max_element(share.begin(), share.end(), [](double a, double b) { return std::isnan(a) || a < b; }) -
        share.begin());
    found.push_back(fmt::format(
        "With {}: {:.1f}% of the test images right with batches of {:g}, {:.1f}% with batches of {:g}, at best "
        "{:.1f}% with {:g}: {:.1f} points lost at the small end, {:.1f} at the large one.",
        arm_name(norm), 100 * share.front(), n.front(), 100 * share.back(), n.back(), 100 * share[best], n[best],
        100 * (share[best] - share.front()), 100 * (share[best] - share.back())));
  }
  if (const std::size_t gone = rows.where("diverged", true).rows.size(); gone > 0)
    found.push_back(fmt::format("{} of {} trainings diverged and have no accuracy.", gone, rows.rows.size()));
  const Table smallest = rows.where("norm", "batch").where("batch_size", kSmallest);
  if (smallest.empty()) return;
  const double running = smallest.numbers("test_acc")[0], exact = smallest.numbers("recalibrated_acc")[0];
  if (!std::isnan(exact))
    found.push_back(fmt::format(
        "Batch norm trained with batches of {}: {:.1f}% with its running statistics, {:.1f}% with exact ones. "
        "These {:.1f} points are the running averages' part; everything else happened in training.",
        kSmallest, 100 * running, 100 * exact, 100 * (exact - running)));
}

std::vector<std::string> report(const Tables& tables, Page& page) {
  std::vector<std::string> found;
  report_accuracy(tables.at("accuracy"), page, found);
  report_noise(tables.at("noise"), page, found);
  return found;
}

}  // namespace

Experiment batch_size() {
  return {"batch-size",
          "How large a batch does batch norm need?",
          "Batch norm takes mean and variance from the batch; group norm (8 groups of channels, each image by "
          "itself) and a network without norm do not care who else is in it. How small may a batch become? Look at "
          "the left end of the first figure, after Wu and He 2018, \"Group Normalization\", figure 1: which line "
          "falls? The figures after it show how noisy the statistics of a batch are, against the theory for "
          "independent numbers, 1/sqrt(m).",
          {{"accuracy",
            {"norm", "batch_size", "lr", "steps", "images", "train_loss", "test_loss", "test_acc", "recalibrated_acc",
             "diverged"}},
           {"noise", noise_columns()}},
          jobs,
          report};
}

}  // namespace norma::lab
