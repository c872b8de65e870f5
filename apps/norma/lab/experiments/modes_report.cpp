// The figures of norma lab modes.
#include "norma/apps/norma/lab/experiments/modes_report.h"

#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/training.h"

namespace norma::lab {
namespace {

void draw_accuracy(const Table& accuracy, Page& page, std::vector<std::string>& found) {
  if (accuracy.empty()) return;
  LineChart chart{"Accuracy in both modes while training", {"step"}, {"right, % of test images", false, 0.0}, {}};
  chart.series = {banded("eval()", accuracy, "step", "eval_acc", 0, 100),
                  banded("train()", accuracy, "step", "train_mode_acc", 1, 100)};
  page.figure(svg(chart),
              "Batches of 64 in train(). Line: mean of the seeds, band: lowest to highest. eval() lags and jumps while "
              "the weights move fast: its averages come from weights that have changed since.");
  const std::vector<double> eval = accuracy.numbers("eval_acc"), train = accuracy.numbers("train_mode_acc");
  double largest = 0, step = 0;
  for (std::size_t i = 0; i < eval.size(); ++i)
    if (train[i] - eval[i] > largest) largest = train[i] - eval[i], step = accuracy.numbers("step")[i];
  found.push_back(
      fmt::format("While training, eval() was at most {:.1f} percentage points behind train(), at step {:.0f}.",
                  100 * largest, step));
}

void draw_layers(const Table& layers, Page& page) {
  if (layers.empty()) return;
  LineChart means{"Running against batch mean, while training",
                  {"step", true},
                  {"distance, standard deviations", true},
                  {}};
  LineChart variances{"Running against batch variance, while training",
                      {"step", true},
                      {"|running / batch - 1|", true},
                      {}};
  int colour = 0;
  Series theory{.name = "0.9^k", .x = {}, .y = {}, .colour = 7, .stroke = Stroke::dashed};
  for (const Json& layer : layers.distinct("layer")) {
    const Table of_layer = layers.where("layer", layer);
    means.series.push_back(curve("layer " + layer.get<std::string>(), of_layer, "step", "mean_gap", colour));
    variances.series.push_back(curve("layer " + layer.get<std::string>(), of_layer, "step", "variance_gap", colour++));
    if (!theory.x.empty()) continue;
    const double start = of_layer.numbers("mean_gap").front();
    for (const double k : of_layer.numbers("step"))
      if (k <= 60) theory.x.push_back(k), theory.y.push_back(start * std::pow(0.9, k));
  }
  means.series.push_back(theory);
  page.figure(svg(means),
              "Distance of the running mean from that of 1024 training images. Dashed: the first layer's distance at "
              "the start times (1 - momentum)^k.");
  page.figure(svg(variances), "The same for the variance: 0.1 is a tenth too much or too little.");
}

void draw_approach(const Table& approach, Page& page, std::vector<std::string>& found) {
  if (approach.empty()) return;
  LineChart chart{"After a reset, the weights unchanged",
                  {"batches seen, k"},
                  {"distance, as a part of that at the start", true, 1e-3, 1.0},
                  {}};
  int colour = 0;
  for (const Json& layer : approach.distinct("layer"))
    chart.series.push_back(
        curve("layer " + layer.get<std::string>(), approach.where("layer", layer), "k", "distance", colour++));
  chart.series.push_back(curve("0.9^k", approach.where("layer", approach.distinct("layer")[0]), "k", "theory", 7));
  chart.series.back().stroke = Stroke::dashed;
  page.figure(svg(chart),
              "The start is forgotten as (1 - momentum)^k. Where the curves leave the dashed line, what is left is the "
              "noise of the last few batches.");
  const Table after10 = approach.where("k", 10), after64 = approach.where("k", 64);
  if (after64.empty()) return;
  const Spread ten = spread(after10.numbers("distance")), last = spread(after64.numbers("distance"));
  found.push_back(
      fmt::format("After 10 batches {:.1f} to {:.1f}% of the start's distance was left in the layers' running means "
                  "and variances (0.9^10 is {:.1f}%), after 64 {:.1f} to {:.1f}%.",
                  100 * ten.low, 100 * ten.high, 100 * std::pow(0.9, 10), 100 * last.low, 100 * last.high));
}

void draw_company(const Table& company, Page& page, std::vector<std::string>& found) {
  if (company.empty()) return;
  for (const Json& size : company.distinct("batch_size")) {
    const Table of_size = company.where("batch_size", size), train = of_size.where("mode", "train");
    const Table eval = of_size.where("mode", "eval");
    LineChart chart{fmt::format("One image in {} companies: batches of {}", company.distinct("company").size(),
                                size.dump()),
                    {"company"},
                    {"logit of its class"},
                    {}};
    chart.series.push_back(curve("train()", train.where("image", 0), "company", "logit", 1));
    chart.series.back().stroke = Stroke::dots;
    chart.series.push_back(curve("eval()", eval.where("image", 0), "company", "logit", 0));
    page.figure(svg(chart), fmt::format("Test image 0 with {} others, chosen at random {} times.", size.get<int>() - 1,
                                        company.distinct("company").size()));
    double changing = 0;
    const std::vector<Json> images = train.distinct("image");
    for (const Json& image : images) {
      const Spread right = spread(train.where("image", image).numbers("right"));
      changing += right.low != right.high;
    }
    const Spread logit = spread(train.where("image", 0).numbers("logit")),
                 still = spread(eval.where("image", 0).numbers("logit"));
    found.push_back(fmt::format(
        "In train() with batches of {} the company, the other images of the batch, decides whether {:.0f} of {} "
        "images are taken for what they are; the logit of the first moved between {:.2f} and {:.2f}, in eval() by "
        "{:g}.",
        size.dump(), changing, images.size(), logit.low, logit.high, still.high - still.low));
  }
}

void draw_forgotten(const Table& forgotten, Page& page, std::vector<std::string>& found) {
  if (forgotten.empty()) return;
  LineChart chart{"What a forgotten eval() costs", {"batch size", true}, {"right, % of test images", false, 0.0}, {}};
  chart.series.push_back(curve("train()", forgotten, "batch_size", "train_mode_acc", 1, 100));
  chart.series.push_back(curve("eval()", forgotten, "batch_size", "eval_acc", 0, 100));
  page.figure(svg(chart),
              "The trained network, tested in train() with batches of 1 to 256, as one does who forgets eval().");
  const std::vector<double> sizes = forgotten.numbers("batch_size"), accuracy = forgotten.numbers("train_mode_acc");
  found.push_back(
      fmt::format("A forgotten eval() costs {:.1f} percentage points with batches of {:.0f}, {:.1f} with {:.0f} and "
                  "{:.1f} with {:.0f}; eval() has {}.",
                  100 * (forgotten.numbers("eval_acc")[0] - accuracy[0]), sizes[0],
                  100 * (forgotten.numbers("eval_acc")[0] - accuracy[3]), sizes[3],
                  100 * (forgotten.numbers("eval_acc")[0] - accuracy.back()), sizes.back(),
                  percent(forgotten.numbers("eval_acc")[0])));
}

/// What lies in tables and not in figures: an old lab does not have it.
void list_neighbours(const Table& neighbours, Page& page, std::vector<std::string>& found) {
  if (neighbours.empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const Json& company : neighbours.distinct("company")) {
    const Table of = neighbours.where("company", company);
    const std::vector<std::string> taken_for = of.words("taken_for");
    rows.push_back({company, taken_for[0], fmt::format("{:.4f}", of.numbers("logit")[0]), taken_for[1],
                    fmt::format("{:.4f}", of.numbers("logit")[1])});
  }
  page.table({"test image 0 among", "in eval()", "logit of its class", "in train()", "logit of its class"}, rows);
  const auto answers = [&](const char* mode) {
    const Table of_mode = neighbours.where("mode", mode);
    std::vector<std::string> names;
    for (const Json& name : of_mode.distinct("taken_for")) names.push_back(name);
    return fmt::format("{}", fmt::join(names, " or "));
  };
  found.push_back(
      fmt::format("Test image 0, in {} batches with different neighbours, is taken for {} in train() and for "
                  "{} in eval().",
                  rows.size(), answers("train"), answers("eval")));
}

void list_reset(const Table& reset, Page& page, std::vector<std::string>& found) {
  if (reset.empty()) return;
  std::vector<std::vector<std::string>> rows;
  const std::vector<std::string> batches = reset.words("batches");
  const std::vector<double> distance = reset.numbers("distance"), accuracy = reset.numbers("eval_acc");
  for (std::size_t i = 0; i < batches.size(); ++i)
    rows.push_back({batches[i], fmt::format("{:.4f}", distance[i]), percent(accuracy[i])});
  page.table({"batches since the reset", "distance, mean of the layers", "test accuracy in eval()"}, rows);
  found.push_back(
      fmt::format("After the reset eval() gets {} of the test images right, {} after 8 batches, {} after 64, "
                  "and {} with the exact statistics of recalibrate().",
                  percent(accuracy[0]), percent(accuracy[4]), percent(accuracy[7]), percent(accuracy[8])));
}

void tell_folding(const Table& folding, std::vector<std::string>& found) {
  if (folding.empty()) return;
  const auto number = [&](const char* column) { return folding.numbers(column)[0]; };
  found.push_back(
      fmt::format("In eval() batch norm is a scale and a shift, and fold_batch_norm() moves both into the convolution "
                  "before it: {:.0f} layers become {:.0f}, the accuracy {} is {} folded, and no logit changes by more "
                  "than {:.1g} of the largest.",
                  number("layers"), number("folded_layers"), percent(number("eval_acc")), percent(number("folded_acc")),
                  number("largest_change")));
}

}  // namespace

std::vector<std::string> report_modes(const Tables& tables, Page& page) {
  std::vector<std::string> found;
  draw_accuracy(tables.at("accuracy"), page, found);
  draw_layers(tables.at("layers"), page);
  draw_approach(tables.at("approach"), page, found);
  list_reset(tables.at("reset"), page, found);
  draw_company(tables.at("company"), page, found);
  list_neighbours(tables.at("neighbours"), page, found);
  draw_forgotten(tables.at("forgotten"), page, found);
  tell_folding(tables.at("folding"), found);
  return found;
}

}  // namespace norma::lab
