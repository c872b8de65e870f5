// The figures of norma lab inside.
#include "norma/apps/norma/lab/experiments/inside_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/training.h"

namespace norma::lab {
namespace {

/// Layers from left to right, values from low to high: the darker, the more numbers.
void draw_histograms(const Table& histograms, const std::string& arm, const Json& step, Page& page) {
  const Table of_step = histograms.where("arm", arm).where("step", step);
  if (of_step.empty()) return;
  HeatMap map{fmt::format("{}, step {}", arm, step.dump()),
              "convolution",
              "what enters its ReLU",
              "% of the numbers",
              {},
              {},
              {}};
  std::vector<double> bins = of_step.where("layer", of_step.distinct("layer")[0]).numbers("from");
  std::reverse(bins.begin(), bins.end());
  for (const Json& layer : of_step.distinct("layer")) map.x_labels.push_back(layer.dump());
  for (const double from : bins) {
    const Table of_bin = of_step.where("from", from);
    std::vector<double> shares = of_bin.numbers("share");
    for (double& share : shares) share *= 100;
    map.cells.push_back(shares);
    map.y_labels.push_back(fmt::format("{:.1f}", (from + of_bin.numbers("to")[0]) / 2));
  }
  page.figure(svg(map),
              "Histograms, one a convolution, of 256 training images. What lies beyond 4 is in the outermost rows.");
}

/// A line with its band for each arm.
void draw_arms(const Table& part, const std::string& x, LineChart chart, const std::string& column, double factor,
               const std::string& caption, Page& page) {
  int colour = 0;
  for (const Json& arm : part.distinct("arm"))
    chart.series.push_back(banded(arm.get<std::string>(), part.where("arm", arm), x, column, colour++, factor));
  page.figure(svg(chart), caption);
}

/// How a column changes from the first convolution to the last, for every arm: "batch norm 1.2 to 0.9".
std::string with_depth(const Table& layers, const Json& step, const std::string& column) {
  std::string text;
  for (const Json& arm : layers.distinct("arm")) {
    const Table of_arm = layers.where("arm", arm).where("step", step);
    if (of_arm.empty()) continue;
    const double first = spread(of_arm.where("layer", of_arm.distinct("layer").front()).numbers(column)).mean;
    const double last = spread(of_arm.where("layer", of_arm.distinct("layer").back()).numbers(column)).mean;
    text += fmt::format("{}{} {:.2g} to {:.2g}", text.empty() ? "" : "; ", arm.get<std::string>(), first, last);
  }
  return text;
}

}  // namespace

std::vector<std::string> report_inside(const Tables& tables, Page& page) {
  const Table &layers = tables.at("layers"), &training = tables.at("training");
  if (layers.empty()) return {};
  const std::vector<Json> steps = layers.distinct("step");
  const Json &start = steps.front(), &end = steps.back();
  const Table at_start = layers.where("step", start), at_end = layers.where("step", end);
  LineChart loss{"Training loss", {"step"}, {"loss, mean of a batch", false, 0.0}, {}};
  int colour = 0;
  for (const Json& arm : training.distinct("arm"))
    loss.series.push_back(banded(arm.get<std::string>(), training.where("arm", arm), "step", "train_loss", colour++));
  for (Series& series : loss.series)
    for (auto* values : {&series.y, &series.low, &series.high}) *values = smoothed(*values, 10);
  page.figure(svg(loss), "Mean over ten steps. Band: the seeds.");
  page.heading("Before the first step");
  draw_arms(at_start, "layer", {"Signal before training", {"convolution"}, {"standard deviation", true}, {}},
            "deviation", 1, "Standard deviation of what enters the ReLU after each convolution.", page);
  draw_arms(at_start, "layer",
            {"Gradient before training", {"convolution"}, {"norm of the weights' gradient", true}, {}}, "gradient_norm",
            1, "Of the first batch. Too small on the left: the first layers hardly learn.", page);
  page.heading("On the way");
  const Table of_first = layers.where("layer", layers.distinct("layer").front()),
              of_last = layers.where("layer", layers.distinct("layer").back());
  draw_arms(of_last, "step", {"Signal of the last convolution", {"step"}, {"standard deviation", true}, {}},
            "deviation", 1, "Standard deviation of what enters the last ReLU. Band: the seeds.", page);
  draw_arms(of_last, "step", {"Dead ReLUs of the last convolution", {"step"}, {"dead, % of the units", false, 0.0}, {}},
            "dead_units", 100, "Units that are positive for none of 256 images.", page);
  draw_arms(of_first, "step",
            {"Gradient of the first convolution", {"step"}, {"norm of the weights' gradient", true}, {}},
            "gradient_norm", 1, "Of one batch each.", page);
  page.heading("At the end");
  draw_arms(at_end, "layer", {"Signal at the end", {"convolution"}, {"standard deviation", true}, {}}, "deviation", 1,
            fmt::format("After {} steps.", end.dump()), page);
  draw_arms(at_end, "layer", {"Dead ReLUs at the end", {"convolution"}, {"dead, % of the units", false, 0.0}, {}},
            "dead_units", 100,
            "Units (a channel at one place) that are positive for none of 256 images: they learn nothing from these.",
            page);
  draw_arms(at_end, "layer", {"Gradient at the end", {"convolution"}, {"norm of the weights' gradient", true}, {}},
            "gradient_norm", 1, "Of one batch.", page);
  draw_arms(at_end, "layer", {"Updates at the end", {"convolution"}, {"||change|| / ||weights||", true}, {}},
            "update_ratio", 1, "Change of the weights in one step. A rule of thumb (Karpathy) wants about 0.001.",
            page);
  page.heading("Histograms");
  for (const Json& arm : tables.at("histograms").distinct("arm"))
    for (const Json& step : {start, end}) draw_histograms(tables.at("histograms"), arm, step, page);
  return {fmt::format(
              "Before training the standard deviation of the signal goes from the first to the last convolution: {}.",
              with_depth(layers, start, "deviation")),
          fmt::format("The gradient of the weights, before training, from the first to the last: {}.",
                      with_depth(layers, start, "gradient_norm")),
          fmt::format("Share of units that are dead after {} steps, from the first to the last: {}.", end.dump(),
                      with_depth(layers, end, "dead_units"))};
}

}  // namespace norma::lab
