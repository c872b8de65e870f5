// Note [Pixels are not independent]
//   A batch statistic is an average over m = N*H*W numbers. Were they independent with standard deviation s, their
//   mean would be off by s/sqrt(m). But pixels of one image resemble each other: let rho be the mean correlation of two
//   of them. Then
//     variance of the mean over an image = s^2 (1 + (HW - 1) rho) / HW = s^2/k    k = HW/(1 + (HW - 1) rho)
//   so an image counts for k independent numbers, not for HW, and a batch of N images is off by s/sqrt(N k): parallel
//   to the theory on logarithmic axes, and above it. Source: Kish 1965, "Survey Sampling", on the design effect.
#include "norma/apps/norma/lab/experiments/batch_noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "norma/apps/report/chart.h"
#include "norma/layers/models/batch_norm_tools.h"

namespace norma::lab {
namespace {

constexpr Index kSmallest = 2, kLargest = 256, kBatches = 100;  // of each size

/// What reaches a batch norm: mean and mean square of every channel over the pixels of each image by itself.
struct Input {
  std::string layer;
  Index height = 0, width = 0;
  std::vector<DoubleRow> means, squares;
};

/// Looks at what reaches each batch norm.
struct NormInputs : Observer {
  std::vector<std::pair<std::string, BatchNorm*>> norms;
  std::vector<Input> inputs;

  explicit NormInputs(Module& model) : norms(batch_norms(model)), inputs(norms.size()) {}
  void before(Module& module, const Tensor& x) override {
    for (std::size_t k = 0; k < norms.size(); ++k) {
      if (norms[k].second != &module) continue;
      Input& input = inputs[k];
      input.layer = norms[k].first, input.height = x.dim(2), input.width = x.dim(3);
      const Index pixels = input.height * input.width;
      for (Index i = 0; i < x.dim(0); ++i) {
        const auto image = x.pixels().middleRows(i * pixels, pixels).cast<double>();
        input.means.push_back(image.colwise().mean());
        input.squares.push_back(image.square().colwise().mean());
      }
    }
  }
};

std::vector<Input> inputs_of_norms(Sequential& model, DataLoader& loader, Recorder& record) {
  const NoGrad values_only;
  NormInputs seen(model);
  for (Index b = 0; b < loader.batches(); ++b) {
    record.progress(1);
    model(loader.batch(b).images);
  }
  return seen.inputs;
}

/// Mean and variance of the channels over these images.
ChannelStats stats_of(const Input& input, const std::vector<Index>& images) {
  DoubleRow mean = DoubleRow::Zero(input.means[0].size()), square = mean;
  for (const Index i : images) {
    mean += input.means[static_cast<std::size_t>(i)];
    square += input.squares[static_cast<std::size_t>(i)];
  }
  const double n = static_cast<double>(images.size());
  mean /= n;
  return {mean, square / n - mean.square()};
}

void measure(const Input& input, std::uint64_t seed, std::uint64_t depth, Recorder& record) {
  const Index pool = static_cast<Index>(input.means.size()), channels = input.means[0].size();
  std::vector<Index> all(static_cast<std::size_t>(pool));
  std::iota(all.begin(), all.end(), Index{0});
  const ChannelStats truth = stats_of(input, all);
  for (Index n = kSmallest; n <= kLargest; n *= 2) {
    record.progress(1);
    DoubleRow mean_error = DoubleRow::Zero(channels), variance_error = mean_error, variance = mean_error;
    for (Index b = 0; b < kBatches; ++b) {
      Random random{seed, depth, static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(b)};
      std::vector<Index> batch(static_cast<std::size_t>(n));
      for (Index& i : batch) i = random.below(pool);
      const ChannelStats seen = stats_of(input, batch);
      mean_error += (seen.mean - truth.mean).square();
      variance_error += (seen.variance - truth.variance).square();
      variance += seen.variance;
    }
    const double count = static_cast<double>(kBatches);
    const DoubleRow v = truth.variance.max(1e-12);  // a dead channel has 0
    record.row("noise", {input.layer, depth, input.height, input.width, channels, n, n * input.height * input.width,
                         (mean_error / count / v).sqrt().mean(), ((variance_error / count).sqrt() / v).mean(),
                         (variance / count / v).mean()});
  }
}

/// The rows of a layer, and for how many independent numbers an image counts in it.
struct Noise {
  Table rows;
  double pixels, independent;
  std::string name;
};

Noise noise_of(const Table& rows, const Json& depth) {
  Noise noise{rows.where("depth", depth), 0, 0, "BN " + depth.dump()};
  const std::vector<double> n = noise.rows.numbers("batch_size"), deviation = noise.rows.numbers("mean_noise");
  double log_sum = 0;  // deviation = 1 / sqrt(n k) at every n: the geometric mean of all k
  for (std::size_t i = 0; i < n.size(); ++i) log_sum -= std::log(n[i] * deviation[i] * deviation[i]);
  noise.pixels = noise.rows.numbers("m")[0] / n[0];
  noise.independent = std::exp(log_sum / static_cast<double>(n.size()));
  return noise;
}

/// Measured lines and, dashed in the same colour, sqrt(numerator / m).
std::string noise_chart(const std::vector<Noise>& layers, const std::string& title, const std::string& column,
                        double numerator, const std::string& unit) {
  LineChart chart{title, {"images in a batch", true}, {unit, true}, {}};
  int colour = 0;
  for (const Noise& layer : layers) {
    Series measured{layer.name, layer.rows.numbers("batch_size"), layer.rows.numbers(column), {}, {}, colour};
    Series theory{layer.name + ", theory", measured.x, {}, {}, {}, colour++, Stroke::dashed};
    for (const double m : layer.rows.numbers("m")) theory.y.push_back(std::sqrt(numerator / m));
    chart.series.push_back(std::move(measured)), chart.series.push_back(std::move(theory));
  }
  return svg(chart);
}

}  // namespace

const std::vector<std::string>& noise_columns() {
  static const std::vector<std::string> columns{"layer",      "depth", "height",     "width",          "channels",
                                                "batch_size", "m",     "mean_noise", "variance_noise", "variance_seen"};
  return columns;
}

void measure_noise(Sequential& model, DataLoader& loader, std::uint64_t seed, Recorder& record) {
  const EvalMode evaluating(model);
  std::uint64_t depth = 0;
  for (const Input& input : inputs_of_norms(model, loader, record)) measure(input, seed, ++depth, record);
}

void report_noise(const Table& rows, Page& page, std::vector<std::string>& found) {
  if (rows.empty()) return;
  std::vector<Noise> all;
  for (const Json& depth : rows.distinct("depth")) all.push_back(noise_of(rows, depth));
  const std::vector<Noise> shown{all.front(), all[all.size() / 2], all.back()};
  page.heading("How noisy the statistics of a batch are");
  page.paragraph(fmt::format(
      "Batch norm subtracts the mean of the batch and divides by its deviation; both differ from batch to batch. "
      "On the network trained with batches of 64, in eval(), {} random batches of each size were drawn, and mean "
      "and variance of each channel compared with those of all images they were drawn from. If the m = N H W "
      "numbers of a mean were independent, it would be off by 1/sqrt(m) of the channel's deviation, and the "
      "variance of Gaussian numbers by sqrt(2/m) of itself: the dashed lines.",
      kBatches));
  page.figure(noise_chart(shown, "Noise of the batch mean", "mean_noise", 1, "error / deviation of the channel"),
              "Root mean square over the batches, mean over the channels; the first, a middle and the last batch "
              "norm, dashed what independent numbers would give. Parallel lines: four times the images, half the "
              "noise. How far above?");
  page.figure(noise_chart(shown, "Noise of the batch variance", "variance_noise", 2, "error / variance of the channel"),
              "The same for the variance. The theory is that of Gaussian numbers; tails heavier than Gaussian lift "
              "the line as well.");
  page.paragraph(
      "Why a line lies above its theory: pixels of one image resemble each other, so the H W pixels of an image "
      "are worth only k independent ones. k in the table is fitted to the first figure (noise = 1/sqrt(N k)). What "
      "makes statistics quiet is more images, not more pixels of the same few. And a batch's variance is taken "
      "around the batch's own mean, which makes it too small by about 1/(N k) (last column: the batch's variance "
      "as a part of the true one); the factor m/(m-1) that the running variance gets would mend that for "
      "independent numbers only. Noise, theory and variance in the table are for N = 2.");
  std::vector<std::vector<std::string>> lines;
  for (const Noise& noise : all) {
    const double of_mean = noise.rows.numbers("mean_noise")[0], seen = noise.rows.numbers("variance_seen")[0];
    lines.push_back({noise.name, fmt::format("{:.0f}", noise.pixels), fmt::format("{:.1f}", noise.independent),
                     fmt::format("{:.3f}", of_mean), fmt::format("{:.3f}", 1 / std::sqrt(2 * noise.pixels)),
                     fmt::format("{:.2f}", seen)});
  }
  page.table({"layer", "H W", "k", "noise", "theory", "variance"}, lines);
  for (const Noise& n : {all.front(), all.back()})
    found.push_back(fmt::format(
        "{}: the {:.0f} pixels of an image are worth {:.1f} independent ones; the mean of 2 images is off by "
        "{:.2f} deviations of the channel (by {:.3f}, were pixels independent), and their variance is on average "
        "{:.2f} of the true one.",
        n.name, n.pixels, n.independent, n.rows.numbers("mean_noise")[0], 1 / std::sqrt(2 * n.pixels),
        n.rows.numbers("variance_seen")[0]));
}

}  // namespace norma::lab
