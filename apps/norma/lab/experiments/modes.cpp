// norma lab modes: what train() and eval() make of the same network, while it is trained and after.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/lab/experiments/modes_report.h"
#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"
#include "norma/layers/models/batch_norm_tools.h"

namespace norma::lab {
namespace {

constexpr Index kSteps = 600, kEpochs = 12, kBatch = 64, kCompanies = 24, kImages = 12;
constexpr std::uint64_t kSeeds = 3;
const std::vector<Index> kSizes{1, 2, 4, 8, 16, 32, 64, 128, 256};

struct Gap {
  std::string layer;
  double mean, variance;
};

/// For each batch norm: how far its running statistics are from those of 1024 training images, taken as one batch. Of the
/// means in standard deviations of the batch, of the variances as |running/batch - 1|; averages over channels.
std::vector<Gap> gaps(Sequential& model, const DataSets& data) {
  const ImageSet images = first_images(data.train, 1024);
  DataLoader loader(images, {.batch_size = 1024, .normalisation = data.normalisation});
  const std::vector<Moments> seen = seen_by_norms(model, loader, true);
  const auto norms = batch_norms(model);
  std::vector<Gap> all;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const ChannelStats running = norms[i].second->running_stats();
    const DoubleRow variance = seen[i].squares / seen[i].count;
    all.push_back({norms[i].first, ((running.mean - seen[i].mean).abs() * inverse_std(variance, 1e-12)).mean(),
                   (running.variance / (variance + 1e-12) - 1).abs().mean()});
  }
  return all;
}

/// A network with batch norm in training, the same in every job with this seed.
struct Subject {
  Sequential model;
  Trainer trainer;

  Subject(const Setup& setup, std::uint64_t seed)
      : model(make_model("small", "batch", setup.datasets.image_shape(), setup.datasets.classes(), seed)),
        trainer(model, setup.datasets, {.lr = 0.1, .batch_size = kBatch, .seed = seed}) {}
};

void while_training(const Setup& setup, std::uint64_t seed, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kSteps, kEpochs);
  const ImageSet test = setup.test_images(1000);
  Subject subject(setup, seed);
  Index next_gap = 0;
  for (Index i = 0; i <= steps; ++i) {
    record.progress(static_cast<double>(i) / static_cast<double>(steps));
    if (i == next_gap && seed == setup.seed) {
      for (const Gap& gap : gaps(subject.model, data)) record.row("layers", {i, gap.layer, gap.mean, gap.variance});
      next_gap = std::max(i + 1, i * 4 / 3);
    }
    if (i > 0 && i * kEpochs / steps != (i - 1) * kEpochs / steps)
      record.row("accuracy", {seed, i, score(subject.model, test, data.normalisation).accuracy,
                              score(subject.model, test, data.normalisation, kBatch, true).accuracy});
    if (i < steps) subject.trainer.step();
  }
}

/// Of image `image` in a batch with `company` others, in either mode: the logit of its class, and whether that is the largest.
void company_of(const Setup& setup, Sequential& model, Index image, Index size, Recorder& record) {
  record.progress(0.4 + 0.1 * static_cast<double>(image) / kImages);
  const DataSets& data = setup.datasets;
  const NoGrad values_only;
  const auto place = static_cast<std::size_t>(image);
  for (Index c = 0; c < kCompanies; ++c) {
    Random random({setup.seed, static_cast<std::uint64_t>(image), static_cast<std::uint64_t>(c)});
    ImageSet batch = first_images(data.test, 0);
    for (Index i = 0; i < size; ++i) {
      const Index which = i == 0 ? image : random.below(data.test.size());
      batch.labels.push_back(data.test.labels[static_cast<std::size_t>(which)]);
      batch.bytes.insert(batch.bytes.end(), data.test.image(which), data.test.image(which) + data.test.image_bytes());
    }
    DataLoader loader(batch, {.batch_size = size, .normalisation = data.normalisation});
    const Tensor x = loader.batch(0).images;
    for (const bool training : {false, true}) {
      const KeepBuffers keep(model);
      const EvalMode back_afterwards(model);
      model.train(training);
      const Row logits = model.forward(x).rows().row(0);
      const int label = data.test.labels[place];
      record.row("company", {image, size, c + 1, training ? "train" : "eval", static_cast<double>(logits[label]),
                             logits[label] == logits.maxCoeff() ? 1 : 0});
    }
  }
}

/// The running statistics are reset and meet batches again, the weights unchanged.
void approach(const Setup& setup, Sequential& model, Recorder& record) {
  const DataSets& data = setup.datasets;
  const NoGrad values_only;
  const KeepBuffers keep(model);
  DataLoader batches(data.train,
                     {.batch_size = kBatch, .shuffle = true, .seed = 1, .normalisation = data.normalisation});
  for (const auto& [name, norm] : batch_norms(model)) norm->reset_running_stats();
  const std::vector<Gap> start = gaps(model, data);
  for (Index k = 0; k <= 64; ++k) {
    const bool measured = k <= 12 || k % 4 == 0;
    record.progress(0.7 + 0.3 * static_cast<double>(k) / 64);
    const std::vector<Gap> now = measured ? gaps(model, data) : std::vector<Gap>{};
    for (std::size_t i = 0; i < now.size(); ++i)
      record.row("approach", {k, now[i].layer, (now[i].mean + now[i].variance) / (start[i].mean + start[i].variance),
                              std::pow(0.9, static_cast<double>(k))});
    model.train();
    model.forward(batches.batch(k % batches.batches()).images);
  }
}

void after_training(const Setup& setup, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kSteps, kEpochs);
  Subject subject(setup, setup.seed);
  for (Index i = 0; i < steps; ++i) {
    record.progress(0.4 * static_cast<double>(i) / static_cast<double>(steps));
    subject.trainer.step();
  }
  for (const Index size : {8, 64})
    for (Index image = 0; image < kImages; ++image) company_of(setup, subject.model, image, size, record);
  const ImageSet test = setup.test_images(1000);
  const double right = score(subject.model, test, data.normalisation).accuracy;
  for (const Index size : kSizes) {
    record.progress(0.5 + 0.02 * static_cast<double>(size) / 256);
    record.row("forgotten", {size, score(subject.model, test, data.normalisation, size, true).accuracy, right});
  }
  approach(setup, subject.model, record);
}

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (std::uint64_t seed = setup.seed; seed < setup.seed + kSeeds; ++seed)
    all.push_back({fmt::format("while training, seed {}", seed), seed == setup.seed ? 17.0 : 13.0,
                   [=, &setup](Recorder& record) { while_training(setup, seed, record); }});
  all.push_back({"after training", 27, [&setup](Recorder& record) { after_training(setup, record); }});
  return all;
}

}  // namespace

Experiment modes() {
  return {
      "modes",
      "train() and eval()",
      "A network with batch norm is two networks: in train() every channel is normalised with the mean and variance of "
      "this batch, in eval() with averages that ran along while it was trained, running = 0.9 running + 0.1 batch. How "
      "far are the two apart, when, and what happens to those who use the wrong one? The network 'small' is trained "
      "with batches of 64 at the learning rate 0.1; everything else is measured on it without moving its state.",
      {{"accuracy", {"seed", "step", "eval_acc", "train_mode_acc"}},
       {"layers", {"step", "layer", "mean_gap", "variance_gap"}},
       {"approach", {"k", "layer", "distance", "theory"}},
       {"company", {"image", "batch_size", "company", "mode", "logit", "right"}},
       {"forgotten", {"batch_size", "train_mode_acc", "eval_acc"}}},
      jobs,
      report_modes};
}

}  // namespace norma::lab
