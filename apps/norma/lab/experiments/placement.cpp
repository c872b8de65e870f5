// norma lab placement: batch norm before or after the ReLU; and with Dropout at several places.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/lab/drawing.h"
#include "norma/apps/norma/lab/lab.h"
#include "norma/apps/norma/lab/training.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/optim/schedule.h"

namespace norma::lab {
namespace {

constexpr Index kSteps = 250, kBatch = 64, kTests = 5, kStatistics = 2048;  // of kStatistics images variances are taken
constexpr double kRate = 0.1, kP = 0.5;
constexpr std::uint64_t kSeeds = 3;

struct Arm {
  std::string name;
  Blocks blocks;
  double seconds;
};

const std::vector<Index> kWidths{16, kPool, 32, kPool, 64, kPool, 64};
const std::vector<Arm> kArms{
    {"conv-BN-ReLU", {kWidths, "batch"}, 7},
    {"conv-ReLU-BN", {kWidths, "batch", true}, 7},
    {"no BN", {kWidths, "none"}, 5.5},
    {"before each BN", {kWidths, "batch", false, Blocks::Dropout::before_norm, kP}, 10},
    {"behind each block", {kWidths, "batch", false, Blocks::Dropout::behind_block, kP}, 10},
    {"behind the last block", {kWidths, "batch", false, Blocks::Dropout::behind_last_block, kP}, 7.5},
};

/// Mean over the channels that are alive of max(a/b, b/a).
double shift_ratio(const DoubleRow& a, const DoubleRow& b) {
  double sum = 0, count = 0;
  for (Index c = 0; c < a.size(); ++c)
    if (std::min(a[c], b[c]) > 1e-12) sum += std::max(a[c] / b[c], b[c] / a[c]), count += 1;
  return count > 0 ? sum / count : std::nan("");
}

void measure_shift(Module& model, DataLoader& loader, const std::string& arm, std::uint64_t seed, Recorder& record) {
  const auto on_batch = [&record] { record.progress(1); };
  const std::vector<Moments> train = seen_by_norms(model, loader, true, on_batch);
  const std::vector<Moments> eval = seen_by_norms(model, loader, false, on_batch);
  const auto norms = batch_norms(model);
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const DoubleRow v_train = train[i].squares / train[i].count, v_eval = eval[i].squares / eval[i].count;
    record.row("shift", {arm, seed, i + 1, norms[i].first, v_train.mean(), v_eval.mean(),
                         norms[i].second->running_stats().variance.mean(), shift_ratio(v_train, v_eval)});
  }
}

/// The network that was trained: its score, the shift, and its score after recalibrate().
void measure(const Setup& setup, Module& model, const std::string& arm, std::uint64_t seed, bool diverged,
             Recorder& record) {
  const DataSets& data = setup.datasets;
  const ImageSet test = setup.test_images(), images = first_images(data.train, setup.images(kStatistics, 256));
  DataLoader loader(images, {.batch_size = 256, .normalisation = data.normalisation});
  const Score before = diverged ? Score{} : evaluate(model, test, data.normalisation);
  Score after;
  if (!diverged && !batch_norms(model).empty()) try {
      measure_shift(model, loader, arm, seed, record);
      recalibrate(model, loader.batches(), [&](Index i) {
        record.progress(1);
        return loader.batch(i).images;
      });
      after = evaluate(model, test, data.normalisation);
    } catch (const NonFiniteError&) {  // the weights are finite, the activations are not: nothing more to measure
    }
  record.row("accuracy", {arm, seed, before.loss, before.accuracy, after.loss, after.accuracy});
}

void train(const Setup& setup, const Arm& arm, std::uint64_t seed, Recorder& record) {
  const DataSets& data = setup.datasets;
  const Index steps = setup.steps(kSteps, kTests);
  Sequential model = make_blocks(arm.blocks, data.image_shape(), data.classes(), seed);
  Trainer trainer(model, data, {.batch_size = kBatch, .label_smoothing = 0, .augment = false, .seed = seed});
  const Schedule schedule({.name = "cosine", .peak = kRate, .steps = steps});
  const auto rate = [&](Index i) { return schedule.at(i); };
  const auto tested = [&](Index step, const Score& train, const Score& test) {
    record.row("curves", {arm.name, seed, step, step * kBatch, train.loss, test.loss, test.accuracy});
  };
  const bool finite = lab::train(model, trainer, data, {steps, kTests, rate, setup.test_images(), tested}, record);
  measure(setup, model, arm.name, seed, !finite, record);
}

std::vector<Job> jobs(const Setup& setup) {
  std::vector<Job> all;
  for (std::uint64_t seed = setup.seed; seed < setup.seed + kSeeds; ++seed)
    for (const Arm& arm : kArms)
      all.push_back({fmt::format("{}, seed {}", arm.name, seed), arm.seconds,
                     [&arm, seed, &setup](Recorder& record) { train(setup, arm, seed, record); }});
  return all;
}

const std::vector<std::string> kOrders{"conv-BN-ReLU", "conv-ReLU-BN", "no BN"};
/// The first is the network without dropout.
const std::vector<std::string> kPlaces{"conv-BN-ReLU", "before each BN", "behind each block", "behind the last block"};

std::string place_name(const std::string& arm) { return arm == kPlaces[0] ? "no dropout" : arm; }

Spread of_arm(const Table& rows, const std::string& arm, const std::string& column) {
  return spread(rows.where("arm", arm).numbers(column));
}

/// The mean over seeds, with their spread, of a column against another, an arm a line.
std::string curves_chart(LineChart chart, const Table& rows, const std::vector<std::string>& arms,
                         const std::string& along, const std::string& column, double factor) {
  for (std::size_t i = 0; i < arms.size(); ++i) {
    const Table part = rows.where("arm", arms[i]);
    if (part.empty()) continue;
    chart.series.push_back(
        banded(&arms == &kPlaces ? place_name(arms[i]) : arms[i], part, along, column, static_cast<int>(i), factor));
  }
  return svg(chart);
}

Bars bars(const Table& accuracy, const std::vector<std::string>& arms, const std::string& column,
          const std::string& name) {
  Bars set{name, {}};
  for (const std::string& arm : arms) {
    const Spread s = of_arm(accuracy, arm, column);
    set.values.push_back(100 * s.mean), set.low.push_back(100 * s.low), set.high.push_back(100 * s.high);
  }
  return set;
}

void report_order(const Tables& tables, Page& page, std::vector<std::string>& found) {
  const Table& accuracy = tables.at("accuracy");
  page.heading("Before or after the ReLU");
  page.figure(curves_chart({"Test accuracy by order", {"images seen"}, {"test accuracy, %"}, {}}, tables.at("curves"),
                           kOrders, "images", "test_acc", 100),
              "In eval(); lines are means over the seeds, bands reach from the worst to the best.");
  page.figure(svg(BarChart{"At the end, by order",
                           kOrders,
                           {"test accuracy, %", false, 0},
                           {bars(accuracy, kOrders, "test_acc", "test accuracy")}}),
              "Bars are means over the seeds, whiskers reach from the worst to the best.");
  const Spread usual = of_arm(accuracy, kOrders[0], "test_acc"), other = of_arm(accuracy, kOrders[1], "test_acc"),
               none = of_arm(accuracy, kOrders[2], "test_acc");
  page.paragraph(
      "Ioffe and Szegedy 2015, section 3.2, put batch norm before the nonlinearity, where numbers are more "
      "symmetric and closer to Gaussian. Others measured later that the other order does as well or better; "
      "compare the ranges here. Whatever the accuracy, the usual order is the cheaper one: after training, batch "
      "norm folds into the convolution before it (fold_batch_norm), and in training it shares its passes over "
      "memory with the ReLU after it.");
  if (!std::isnan(usual.mean + other.mean))
    found.push_back(
        fmt::format("conv-BN-ReLU gets {}, conv-ReLU-BN {} of the test images right, mean and range of the seeds: "
                    "the usual order is {:.1f} points {}, and the ranges {}.",
                    percent(usual), percent(other), 100 * std::abs(usual.mean - other.mean),
                    usual.mean < other.mean ? "worse" : "better",
                    std::max(usual.low, other.low) <= std::min(usual.high, other.high) ? "overlap" : "do not overlap"));
  if (!std::isnan(none.mean)) found.push_back("Without batch norm: " + percent(none) + ".");
}

void report_shift(const Tables& tables, Page& page, std::vector<std::string>& found) {
  const Table &accuracy = tables.at("accuracy"), &shift = tables.at("shift");
  const std::vector<Json> depths = shift.distinct("depth");
  std::vector<std::string> head{"shift ratio"};
  for (const Json& depth : depths) head.push_back("BN " + depth.dump());
  std::vector<std::vector<std::string>> lines;
  for (const std::string& arm : kPlaces) {
    const Spread trained = of_arm(accuracy, arm, "test_acc"), mended = of_arm(accuracy, arm, "recalibrated_acc");
    if (std::isnan(trained.mean) || std::isnan(mended.mean)) continue;
    std::vector<std::string> line{place_name(arm)};
    for (const Json& depth : depths)
      line.push_back(fmt::format("{:.2f}", of_arm(shift.where("depth", depth), arm, "ratio").mean));
    found.push_back(fmt::format("{}: {}, recalibrated {}; shift ratio {} at the first and {} at the last BN.",
                                arm == kPlaces[0] ? "Without dropout" : "Dropout " + arm, percent(trained),
                                percent(mended), line[1], line.back()));
    lines.push_back(line);
  }
  if (!lines.empty()) page.table(head, lines);
}

void report_dropout(const Tables& tables, Page& page, std::vector<std::string>& found) {
  const Table &accuracy = tables.at("accuracy"), &shift = tables.at("shift");
  page.heading("With dropout");
  page.paragraph(fmt::format(
      "The network with conv-BN-ReLU, and Dropout(p = {:g}) at three places. In train() dropout sets numbers to 0 "
      "and multiplies the others by 1/(1-p): the mean stays, the variance grows. A number of mean c and variance v "
      "gets the variance (v + c^2)/(1-p) - c^2, at least v/(1-p). The running variance of a batch norm after it "
      "learns that; in eval() dropout is off, the variance is smaller, and batch norm divides by a deviation that "
      "is too large (Li, Chen, Hu, Yang 2018, \"Understanding the Disharmony between Dropout and Batch "
      "Normalization by Variance Shift\", section 3).",
      kP));
  page.figure(curves_chart({"Test accuracy by place of dropout", {"images seen"}, {"test accuracy, %"}, {}},
                           tables.at("curves"), kPlaces, "images", "test_acc", 100),
              "In eval(), with the running statistics as they are.");
  std::vector<std::string> groups;
  for (const std::string& arm : kPlaces) groups.push_back(place_name(arm));
  page.figure(svg(BarChart{"At the end, before and after recalibrate()",
                           groups,
                           {"test accuracy, %", false, 0},
                           {bars(accuracy, kPlaces, "test_acc", "as trained"),
                            bars(accuracy, kPlaces, "recalibrated_acc", "recalibrated")}}),
              "The same weights twice: recalibrate() only replaces running means and variances by those of eval().");
  if (shift.empty()) return;
  page.figure(
      curves_chart({"Shift of the variance, layer by layer",
                    {"batch norm, counted from the image", false, 0, 5},
                    {"max(v_train/v_eval, v_eval/v_train)", true},
                    {}},
                   shift, kPlaces, "depth", "ratio", 1),
      "Variance of a batch norm's input in train(), dropout active, against eval(), on the same training images "
      "with the same weights; mean over the channels. 1: no shift; 1/(1-p) = 2 is the theory's least for the first "
      "batch norm, where dropout is directly before it. Li et al. draw this ratio in their figure 4.");
  page.paragraph(
      "Why a ratio can grow with depth: a batch norm that divides by too much hands on numbers that are too small, "
      "where the next one expects large ones. Without dropout the ratio is 1 but for the lag of the running "
      "averages. Dropout after the last block has no batch norm after it. What recalibrate() gives back is the "
      "part of the damage that the shift did; what is then missing against the network without dropout is the "
      "price of learning with noise, high in a training as short as this.");
  report_shift(tables, page, found);
}

std::vector<std::string> report(const Tables& tables, Page& page) {
  std::vector<std::string> found;
  if (tables.at("curves").empty()) return found;
  const Table& accuracy = tables.at("accuracy");
  if (const std::size_t gone = accuracy.where("test_loss", nullptr).rows.size(); gone > 0)
    found.push_back(fmt::format("{} of {} trainings diverged.", gone, accuracy.rows.size()));
  report_order(tables, page, found);
  report_dropout(tables, page, found);
  return found;
}

}  // namespace

Experiment placement() {
  return {"placement",
          "Where batch norm stands, and where dropout must not",
          "Does it matter whether batch norm stands before or after the ReLU? Look whether the orders differ by "
          "more than their three seeds do. And why is it seldom used with dropout? Look which places of dropout "
          "ruin the network in eval(), how the shift of the variance goes from layer to layer, and how much comes "
          "back with exact statistics.",
          {{"curves", {"arm", "seed", "step", "images", "train_loss", "test_loss", "test_acc"}},
           {"accuracy", {"arm", "seed", "test_loss", "test_acc", "recalibrated_loss", "recalibrated_acc"}},
           {"shift", {"arm", "seed", "depth", "layer", "v_train", "v_eval", "running_var", "ratio"}}},
          jobs,
          report};
}

}  // namespace norma::lab
