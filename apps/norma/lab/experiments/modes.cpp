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
constexpr double kRate = 0.1;
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
      : model(make_network("small", "batch", setup.datasets.image_shape(), setup.datasets.classes(), seed)),
        trainer(model, setup.datasets, {.batch_size = kBatch, .label_smoothing = 0, .augment = false, .seed = seed}) {}
};

double accuracy_in_train(Sequential& model, const ImageSet& test, const DataSets& data, Index batch_size) {
  return evaluate(model, test, data.normalisation, {.batch_size = batch_size, .training_mode = true}).accuracy;
}

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
    if (i > 0 && due(i, steps, kEpochs))
      record.row("accuracy", {seed, i, evaluate(subject.model, test, data.normalisation).accuracy,
                              accuracy_in_train(subject.model, test, data, kBatch)});
    if (i < steps) subject.trainer.step(kRate);
  }
}

/// The logits of the first of these test images, alone of all that is in the batch.
Row first_logits(Sequential& model, const DataSets& data, const std::vector<Index>& batch, bool training) {
  const NoGrad values_only;
  const KeepBuffers keep(model);
  const EvalMode back_afterwards(model);
  model.train(training);
  ImageSet images = first_images(data.test, 0);
  for (const Index i : batch) {
    images.labels.push_back(data.test.labels[static_cast<std::size_t>(i)]);
    images.bytes.insert(images.bytes.end(), data.test.image(i), data.test.image(i) + data.test.image_bytes());
  }
  DataLoader loader(images, {.batch_size = images.size(), .normalisation = data.normalisation});
  return model.forward(loader.batch(0).images).rows().row(0);
}

/// Of image `image` in a batch with random company, in either mode: the logit of its class, and whether that is the largest.
void company_of(const Setup& setup, Sequential& model, Index image, Index size, Recorder& record) {
  record.progress(0.4 + 0.1 * static_cast<double>(image) / kImages);
  const DataSets& data = setup.datasets;
  const int label = data.test.labels[static_cast<std::size_t>(image)];
  for (Index c = 0; c < kCompanies; ++c) {
    Random random({setup.seed, static_cast<std::uint64_t>(image), static_cast<std::uint64_t>(c)});
    std::vector<Index> batch{image};
    while (static_cast<Index>(batch.size()) < size) batch.push_back(random.below(data.test.size()));
    for (const bool training : {false, true}) {
      const Row logits = first_logits(model, data, batch, training);
      record.row("company", {image, size, c + 1, training ? "train" : "eval", static_cast<double>(logits[label]),
                             logits[label] == logits.maxCoeff() ? 1 : 0});
    }
  }
}

/// Test image 0 with chosen neighbours in the batch: what the network takes it for.
void neighbours(const Setup& setup, Sequential& model, Recorder& record) {
  const DataSets& data = setup.datasets;
  const auto with = [](Index first, Index last) {
    std::vector<Index> batch{0};
    for (Index i = first; i <= last; ++i) batch.push_back(i);
    return batch;
  };
  const std::vector<std::pair<std::string, std::vector<Index>>> batches{{"none", {0}},
                                                                        {"itself, 7 times", std::vector<Index>(8, 0)},
                                                                        {"images 1 to 7", with(1, 7)},
                                                                        {"images 8 to 14", with(8, 14)},
                                                                        {"images 15 to 21", with(15, 21)},
                                                                        {"images 1 to 63", with(1, 63)}};
  for (const auto& [name, batch] : batches)
    for (const bool training : {false, true}) {
      const Row logits = first_logits(model, data, batch, training);
      Index best = 0;
      logits.maxCoeff(&best);
      record.row("neighbours", {name, training ? "train" : "eval", static_cast<double>(logits[data.test.labels[0]]),
                                data.test.class_names[static_cast<std::size_t>(best)]});
    }
}

/// The running statistics are reset and meet batches again, the weights unchanged; at the end recalibrate() sets them.
void approach(const Setup& setup, Sequential& model, const ImageSet& test, Recorder& record) {
  const DataSets& data = setup.datasets;
  const NoGrad values_only;
  const KeepBuffers keep(model);
  DataLoader batches(data.train,
                     {.batch_size = kBatch, .shuffle = true, .seed = 1, .normalisation = data.normalisation});
  for (const auto& [name, norm] : batch_norms(model)) norm->reset_running_stats();
  const std::vector<Gap> start = gaps(model, data);
  const auto measure = [&](const Json& k,
                           bool tested) {  // returns the distances, layer by layer, from those at the start
    const std::vector<Gap> now = gaps(model, data);
    DoubleRow distances(static_cast<Index>(now.size()));
    for (std::size_t i = 0; i < now.size(); ++i)
      distances[static_cast<Index>(i)] = (now[i].mean + now[i].variance) / (start[i].mean + start[i].variance);
    if (tested) record.row("reset", {k, distances.mean(), evaluate(model, test, data.normalisation).accuracy});
    return distances;
  };
  for (Index k = 0; k <= 64; ++k) {
    record.progress(0.7 + 0.3 * static_cast<double>(k) / 64);
    if (k <= 12 || k % 4 == 0) {
      const DoubleRow distances = measure(k, (k & (k - 1)) == 0);  // 0 and the powers of 2
      for (std::size_t i = 0; i < start.size(); ++i)
        record.row("approach",
                   {k, start[i].layer, distances[static_cast<Index>(i)], std::pow(0.9, static_cast<double>(k))});
    }
    model.train();
    model.forward(batches.batch(k % batches.batches()).images);
  }
  const ImageSet images = first_images(data.train, setup.images(4096, 256));
  DataLoader loader(images, {.batch_size = 512, .normalisation = data.normalisation});
  recalibrate(model, loader);
  measure("recalibrate()", true);
}

/// In eval() batch norm is a fixed scale and shift, which the convolution before it can do.
void folding(Sequential& model, const DataSets& data, const ImageSet& test, Recorder& record) {
  const EvalMode eval(model);
  Sequential folded = fold_batch_norm(model);
  DataLoader loader(test, {.batch_size = 100, .normalisation = data.normalisation});
  const Tensor images = loader.batch(0).images;
  const NoGrad values_only;
  const Tensor before = model.forward(images), after = folded.forward(images);
  const Real change = (before.rows() - after.rows()).abs().maxCoeff() / before.rows().abs().maxCoeff();
  record.row("folding",
             {model.children().size(), folded.children().size(), evaluate(model, test, data.normalisation).accuracy,
              evaluate(folded, test, data.normalisation).accuracy, static_cast<double>(change)});
}

void after_training(const Setup& setup, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kSteps, kEpochs);
  Subject subject(setup, setup.seed);
  for (Index i = 0; i < steps; ++i) {
    record.progress(0.4 * static_cast<double>(i) / static_cast<double>(steps));
    subject.trainer.step(kRate);
  }
  for (const Index size : {8, 64})
    for (Index image = 0; image < kImages; ++image) company_of(setup, subject.model, image, size, record);
  neighbours(setup, subject.model, record);
  const ImageSet test = setup.test_images(1000);
  const double right = evaluate(subject.model, test, data.normalisation).accuracy;
  for (const Index size : kSizes) {
    record.progress(0.5 + 0.2 * static_cast<double>(size) / 256);
    record.row("forgotten", {size, accuracy_in_train(subject.model, test, data, size), right});
  }
  folding(subject.model, data, test, record);
  approach(setup, subject.model, test, record);
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
       {"forgotten", {"batch_size", "train_mode_acc", "eval_acc"}},
       {"neighbours", {"company", "mode", "logit", "taken_for"}},
       {"reset", {"batches", "distance", "eval_acc"}},
       {"folding", {"layers", "folded_layers", "eval_acc", "folded_acc", "largest_change"}}},
      jobs,
      report_modes};
}

}  // namespace norma::lab
