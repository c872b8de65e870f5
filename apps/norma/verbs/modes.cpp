// norma modes: what train() and eval() do to a network with batch norm, shown on one that it trains first.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "norma/apps/training/progress.h"
#include "norma/apps/training/training.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

/// A network in training with its data, as the experiments need it.
struct Lab {
  const DataSets& datasets;
  Sequential& model;
  const Options& options;

  DataLoader test_loader(Index batch_size, const ImageSet& images) const {
    return DataLoader(images, {.batch_size = batch_size, .normalisation = datasets.normalisation});
  }
};

ImageSet pick(const ImageSet& set, const std::vector<Index>& which) {
  ImageSet part = first_images(set, 0);
  for (Index i : which) {
    part.labels.push_back(set.labels[static_cast<std::size_t>(i)]);
    part.bytes.insert(part.bytes.end(), set.image(i), set.image(i) + set.image_bytes());
  }
  return part;
}

/// Logits of the first image of a batch.
Row first_logits(const Lab& lab, const std::vector<Index>& company, bool training_mode) {
  const NoGrad values_only;
  const KeepBuffers keep(lab.model);
  const EvalMode back_afterwards(lab.model);
  lab.model.train(training_mode);
  const ImageSet images = pick(lab.datasets.test, company);
  DataLoader loader = lab.test_loader(images.size(), images);
  const Tensor logits = lab.model.forward(loader.batch(0).images);
  return logits.rows().row(0);
}

std::vector<Index> range(Index first, Index count, Index leader) {
  std::vector<Index> all{leader};
  for (Index i = 0; i < count; ++i) all.push_back(first + i);
  return all;
}

void show_company(const Lab& lab) {
  const ImageSet& test = lab.datasets.test;
  const std::string truth = test.class_names[static_cast<std::size_t>(test.labels[0])];
  fmt::print(
      "1. The company an image keeps\n\n"
      "Test image 0 ({}) goes through the network in batches with other images. Its own logit for '{}', and the\n"
      "class it is taken for:\n\n",
      truth, truth);
  fmt::print("company                     train()                    eval()\n");
  const std::vector<std::pair<std::string, std::vector<Index>>> companies{{"itself, 7 times", std::vector<Index>(8, 0)},
                                                                          {"images 1 to 7", range(1, 7, 0)},
                                                                          {"images 8 to 14", range(8, 7, 0)},
                                                                          {"images 15 to 21", range(15, 7, 0)},
                                                                          {"images 1 to 63", range(1, 63, 0)},
                                                                          {"none", {0}}};
  Row first_train, first_eval;
  Real train_spread = 0, eval_spread = 0;
  for (const auto& [name, company] : companies) {
    const Row in_train = first_logits(lab, company, true), in_eval = first_logits(lab, company, false);
    if (first_train.size() == 0) {
      first_train = in_train;
      first_eval = in_eval;
    }
    train_spread = std::max(train_spread, (in_train - first_train).abs().maxCoeff());
    eval_spread = std::max(eval_spread, (in_eval - first_eval).abs().maxCoeff());
    const auto told = [&](const Row& logits) {
      Index best = 0;
      logits.maxCoeff(&best);
      return fmt::format("{:8.4f}  {:<15}", logits[test.labels[0]], test.class_names[static_cast<std::size_t>(best)]);
    };
    fmt::print("{:<22}  {}  {}\n", name, told(in_train), told(in_eval));
  }
  fmt::print(
      "\nLargest change of any logit with the company: {:.4f} in train(), {} in eval().\n"
      "In train() every channel is normalised with the mean and variance of this batch, so each image is judged by\n"
      "its neighbours; in eval() with the running averages, the same for all.\n\n",
      train_spread, eval_spread);
}

/// Mean distance of the running means from those saved.
double distance(const Sequential& model, const KeepBuffers& target) {
  double sum = 0, count = 0;
  const NamedTensors buffers = model.named_buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i)
    if (buffers[i].first.ends_with("running_mean")) {
      const Tensor& now = buffers[i].second;
      sum += static_cast<double>((now.rows() - target.saved()[i].rows()).abs().sum());
      count += static_cast<double>(now.size());
    }
  return sum / count;
}

/// On the first 2000 test images. forward() is called and not the model: that would warn of what is done here on purpose.
double accuracy(const Lab& lab, Sequential& model, Index batch_size, bool training_mode) {
  const KeepBuffers keep(model);
  const EvalMode back_afterwards(model);
  model.train(training_mode);
  const ImageSet images = first_images(lab.datasets.test, 2000);
  DataLoader loader = lab.test_loader(batch_size, images);
  return evaluate([&](const Tensor& x) { return model.forward(x); }, loader).accuracy;
}

void show_approach(const Lab& lab) {
  fmt::print(
      "2. Running statistics approach the batches'\n\n"
      "The running averages are reset (mean 0, variance 1) and batches of {} go through in train(), the weights\n"
      "unchanged. After k of them the start still has the weight 0.9^k (momentum is 0.1). Beside it, measured: how\n"
      "far the running means are from those after training, as a fraction of the distance at the start.\n\n",
      lab.options.batch_size);
  fmt::print("batches k    0.9^k        distance   accuracy in eval()\n");
  const NoGrad values_only;
  const KeepBuffers trained(lab.model);
  DataLoader batches(lab.datasets.train, {.batch_size = lab.options.batch_size,
                                          .shuffle = true,
                                          .augment = lab.options.augment == "on",
                                          .seed = 1});
  for (const auto& [name, norm] : batch_norms(lab.model)) norm->reset_running_stats();
  const double at_start = distance(lab.model, trained);
  Index seen = 0;
  for (const Index k : {0, 1, 2, 5, 10, 20, 40, 80}) {
    lab.model.train();
    for (; seen < k && seen < batches.batches(); ++seen) lab.model.forward(batches.batch(seen).images);
    if (seen < k) break;
    fmt::print("{:9}  {:7.4f}  {:14.4f}  {:19.2f}%\n", k, std::pow(0.9, static_cast<double>(k)),
               distance(lab.model, trained) / at_start, 100 * accuracy(lab, lab.model, 500, false));
  }
  const ImageSet images = first_images(lab.datasets.train, 4000);
  DataLoader loader(images, {.batch_size = 500,
                             .augment = lab.options.augment == "on",
                             .normalisation = lab.datasets.normalisation});
  recalibrate(lab.model, loader);
  fmt::print("recalibrate()      {:14.4f}  {:19.2f}%\n", distance(lab.model, trained) / at_start,
             100 * accuracy(lab, lab.model, 500, false));
  fmt::print(
      "\nWhat stays of the distance is the noise of the last few batches; eval() needs averages that have forgotten "
      "their\n"
      "start. recalibrate() puts the exact mean and variance over {} training images in their place.\n\n",
      images.size());
}

void show_forgotten_eval(const Lab& lab) {
  fmt::print("3. Forgetting eval()\n\nAccuracy on {} test images:\n\n",
             std::min<Index>(2000, lab.datasets.test.size()));
  fmt::print("eval(), any batch size    {:6.2f}%\n", 100 * accuracy(lab, lab.model, 500, false));
  for (const Index size : {256, 64, 16, 4, 2, 1})
    fmt::print("train(), batches of {:3}   {:6.2f}%\n", size, 100 * accuracy(lab, lab.model, size, true));
  fmt::print(
      "\nBatches of one are judged by the pixels of a single image. And each of these forward passes would have moved\n"
      "the running statistics, had they not been put back.\n");
}

double seconds_of_forward(Sequential& model, const Tensor& images) {
  const NoGrad values_only;
  const auto start = std::chrono::steady_clock::now();
  model.forward(images);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void show_folding(const Lab& lab) {
  const EvalMode eval(lab.model);
  Sequential folded = fold_batch_norm(lab.model);
  const ImageSet images = first_images(lab.datasets.test, 512);
  const Tensor batch = lab.test_loader(images.size(), images).batch(0).images;
  std::vector<double> ratios;
  for (int i = 0; i < 9; ++i)
    ratios.push_back(seconds_of_forward(lab.model, batch) / seconds_of_forward(folded, batch));
  std::nth_element(ratios.begin(), ratios.begin() + 4, ratios.end());
  const NoGrad values_only;
  const Tensor before = lab.model.forward(batch), after = folded.forward(batch);
  const Real difference = (before.rows() - after.rows()).abs().maxCoeff() / before.rows().abs().maxCoeff();
  fmt::print(
      "\n4. Folding\n\n"
      "In eval() batch norm is a fixed scale and shift of each channel, and fold_batch_norm() moves both into the\n"
      "convolution before it: {} layers become {}. Accuracy {:.2f}%, {:.2f}% folded; largest change of a logit {} 1e-5 "
      "of\n"
      "the largest; {:.2f} times as fast (median of 9 pairs of passes over {} images).\n",
      lab.model.children().size(), folded.children().size(), 100 * accuracy(lab, lab.model, 500, false),
      100 * accuracy(lab, folded, 500, false), difference < 1e-5F ? "below" : "above", ratios[4], images.size());
}

}  // namespace

int modes(const Options& options) {
  check_together(options);
  check(options.model != "linear", "--model: linear has no batch norm; take cnn or small");
  const DataSets datasets = open_datasets(options.data, options.limit, options.image_size);
  check(datasets.test.size() >= 64, "--limit: modes needs 64 test images or more, got ", datasets.test.size());
  Sequential model = make_model(options.model, "batch", datasets.image_shape(), datasets.classes(),
                                static_cast<std::uint64_t>(options.seed));
  set_convolutions(model, options.conv);
  fmt::print("data    {}\ntraining {} for {} epochs ...\n", datasets.description, options.model, options.epochs);
  std::fflush(stdout);
  Training training(model, datasets, options);
  for (Index epoch = 0; epoch < options.epochs; ++epoch) {
    ProgressBar bar(fmt::format("epoch {}", epoch + 1));
    const EpochResult result = training.train_epoch(epoch, [&](const Progress& p) { return bar.show(p); });
    if (result.divergence) return report("modes", *result.divergence);
  }
  const Score test = training.test();
  if (const auto divergence = training.divergence(test, options.epochs - 1)) return report("modes", *divergence);
  fmt::print("done: {:.2f}% of the test images right\n\n", 100 * test.accuracy);
  const Lab lab{datasets, model, options};
  show_company(lab);
  show_approach(lab);
  show_forgotten_eval(lab);
  show_folding(lab);
  return kDone;
}

}  // namespace norma
