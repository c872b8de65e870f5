// norma lab inside: what goes on in each layer of a deeper network, with and without batch norm: the signal that enters each
// ReLU, the gradient of each weight, the steps that the weights take.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/lab/experiments/inside_report.h"
#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"
#include "norma/layers/channel_stats.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/relu.h"

namespace norma::lab {
namespace {

constexpr std::uint64_t kSeeds = 3;
constexpr Index kSteps = 150, kBatch = 64, kCheckpoints = 6, kProbe = 256;
constexpr double kRate = 0.02;
const std::vector<Index> kWidths{16, kPool, 16, 16, 32, kPool, 32, 32, 32, 32, 32, 32};
constexpr int kBins = 33;  // of a histogram over -kReach ... kReach; what is beyond falls into the outermost
constexpr double kReach = 4;

struct Arm {
  std::string name, norm;
  double scale;  // of the weights of the convolutions, beside Kaiming's
};
const std::vector<Arm> kArms{{"batch norm", "batch", 1},
                             {"no norm", "none", 1},
                             {"batch norm, small weights", "batch", 0.5},
                             {"no norm, small weights", "none", 0.5}};

/// The weights of the convolutions, first to last.
std::vector<Tensor> convolution_weights(const Sequential& net) {
  std::vector<Tensor> weights;
  for (const auto& [name, layer] : net.children())
    if (dynamic_cast<const Conv2d*>(layer.get())) weights.push_back(layer->parameters()[0]);
  return weights;
}

/// What enters each ReLU.
struct ReluInputs : Observer {
  std::vector<Tensor> inputs;
  void before(Module& module, const Tensor& x) override {
    if (dynamic_cast<ReLU*>(&module)) inputs.push_back(x);
  }
};

std::vector<Tensor> relu_inputs(Sequential& net, const Tensor& images) {
  const NoGrad values_only;
  const KeepBuffers keep(net);
  net.train();
  ReluInputs seen;
  net(images);
  return seen.inputs;
}

struct Signal {
  double deviation;      // of all numbers
  double within;         // share of their variance that is within the channels: 0 where each channel is constant
  double dead_channels;  // share that is positive at no place of any image
  double dead_units;     // the same for units: a channel at one place
};

Signal signal(const Tensor& x) {
  const ChannelStats of = channel_stats(x);
  const double within = of.variance.mean(), between = (of.mean - of.mean.mean()).square().mean();
  const auto dead = [](const ConstArrayView& columns) {
    return (columns.colwise().maxCoeff() <= 0).template cast<double>().mean();
  };
  return {std::sqrt(within + between), within / (within + between), dead(x.pixels()), dead(x.rows())};
}

std::vector<double> histogram(const Tensor& x) {
  std::vector<double> shares(kBins);
  const ConstArrayView values = x.rows();
  const double one = 1 / static_cast<double>(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    const double place = std::floor((static_cast<double>(values.data()[i]) + kReach) / (2 * kReach) * kBins);
    if (!std::isnan(place)) shares[static_cast<std::size_t>(std::clamp(place, 0.0, kBins - 1.0))] += one;
  }
  return shares;
}

double norm_of(const Tensor& x) { return x.rows().cast<double>().matrix().norm(); }

void train(const Setup& setup, const Arm& arm, std::uint64_t seed, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kSteps);
  Sequential net = make_blocks({.widths = kWidths, .norm = arm.norm}, data.image_shape(), data.classes(), seed);
  const std::vector<Tensor> weights = convolution_weights(net);
  for (Tensor w : weights) w.rows() *= static_cast<Real>(arm.scale);
  Trainer trainer(net, data,
                  {.batch_size = kBatch, .weight_decay = 0, .label_smoothing = 0, .augment = false, .seed = seed});
  DataLoader probe(data.train, {.batch_size = kProbe, .normalisation = data.normalisation});
  const Tensor images = probe.batch(0).images;
  for (Index i = 0; i <= steps; ++i) {
    record.progress(static_cast<double>(i) / static_cast<double>(steps + 1));
    const bool measured = i == 0 || due(i, steps, kCheckpoints - 1);
    std::vector<Tensor> inputs, before;
    if (measured) {
      inputs = relu_inputs(net, images);
      for (const Tensor& w : weights) before.push_back(w.clone());
    }
    const Score s = trainer.step(kRate);
    record.row("training", {arm.name, seed, i, s.loss, s.accuracy});
    if (std::isnan(s.loss)) return;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const Signal x = signal(inputs[k]);
      const double size = norm_of(before[k]);
      const double change = (weights[k].rows() - before[k].rows()).cast<double>().matrix().norm();
      record.row("layers", {arm.name, seed, i, k + 1, x.deviation, x.within, x.dead_channels, x.dead_units,
                            norm_of(weights[k].grad()), size, change / size});
      if (seed != setup.seed) continue;
      const std::vector<double> shares = histogram(inputs[k]);
      for (int bin = 0; bin < kBins; ++bin)
        record.row("histograms", {arm.name, i, k + 1, kReach * (2.0 * bin / kBins - 1),
                                  kReach * (2.0 * (bin + 1) / kBins - 1), shares[static_cast<std::size_t>(bin)]});
    }
  }
}

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (std::uint64_t seed = setup.seed; seed < setup.seed + kSeeds; ++seed)
    for (const Arm& arm : kArms)
      all.push_back({fmt::format("{}, seed {}", arm.name, seed), arm.norm == "batch" ? 4.3 : 3.7,
                     [=, &setup](Recorder& record) { train(setup, arm, seed, record); }});
  return all;
}

}  // namespace

Experiment inside() {
  return {"inside",
          "Inside the layers: signal and gradient with depth",
          "Ten convolutions, one after the other: does what goes forward, and the gradient that comes back, keep its "
          "size? With weights drawn after He et al. 2015 it should at the start, even without batch norm; with weights "
          "half as large every layer halves the signal. Four networks, with batch norm and without, with He's weights "
          "and with half of them, are trained on the same batches; six times on the way every layer is looked at. Look "
          "from left to right in the figures: that is the way through the network.",
          {{"training", {"arm", "seed", "step", "train_loss", "train_acc"}},
           {"layers",
            {"arm", "seed", "step", "layer", "deviation", "within", "dead_channels", "dead_units", "gradient_norm",
             "weight_norm", "update_ratio"}},
           {"histograms", {"arm", "step", "layer", "from", "to", "share"}}},
          jobs,
          report_inside};
}

}  // namespace norma::lab
