#include "norma/apps/norma/run/train_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "norma/apps/norma/run/environment.h"
#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/report/chart.h"
#include "norma/apps/training/training.h"
#include "norma/data/image_folder.h"

namespace norma {
namespace {

constexpr std::size_t kMistakes = 12;
constexpr Index kMostClasses = 40;   // of a heat map: with more of them its cells cannot be told apart
constexpr Index kPictureSide = 128;  // pixels, at most

/// metrics.csv as columns of numbers; NaN where there is none.
struct Metrics {
  std::vector<double> epoch, lr, train_loss, train_acc, test_loss, test_acc;

  explicit Metrics(const std::string& csv) {
    std::istringstream lines(csv);
    std::string line, cell;
    for (std::getline(lines, line); std::getline(lines, line);) {
      std::istringstream cells(line);
      for (std::vector<double>* column : {&epoch, &lr, &train_loss, &train_acc, &test_loss, &test_acc}) {
        const bool there(std::getline(cells, cell, ','));
        column->push_back(there ? std::strtod(cell.c_str(), nullptr) : std::nan(""));
      }
    }
  }
};

std::vector<double> percent(std::vector<double> shares) {
  for (double& share : shares) share *= 100;
  return shares;
}

std::map<Index, double> speeds_in(const std::filesystem::path& log) {
  std::map<Index, double> speeds;
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    if (line.find("\"event\":\"epoch\"") == std::string::npos) continue;
    const Json record = Json::parse(line, nullptr, false);
    if (!record.is_object()) continue;
    const auto epoch = record.find("epoch"), speed = record.find("images_per_s");
    if (epoch == record.end() || speed == record.end() || !epoch->is_number_integer() || !speed->is_number()) continue;
    speeds[epoch->get<Index>()] = speed->get<double>();
  }
  return speeds;
}

std::vector<std::vector<std::string>> rows_of(const Json& object) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : object.items())
    rows.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
  return rows;
}

std::string picture(const ImageSet& set, Index i) {
  const Image image = image_of(set, i);
  return png_bytes(image.width > kPictureSide ? resize(image, kPictureSide, kPictureSide) : image);
}

void add_confusion(Page& page, const Confusion& confusion) {
  HeatMap map{.title = "Confusion matrix", .x_label = "taken for", .y_label = "class", .unit = "%"};
  BarChart bars{.title = "Accuracy of each class", .y = {.label = "test accuracy, %", .from = 0, .to = 100}};
  std::vector<double> accuracies;
  for (Index label = 0; label < confusion.classes(); ++label) {
    const auto images = static_cast<double>(confusion.images(label));
    std::vector<double> shares;
    for (Index answer = 0; answer < confusion.classes(); ++answer)
      shares.push_back(100 * static_cast<double>(confusion.count(label, answer)) / images);
    map.cells.push_back(shares);
    map.x_labels.push_back(confusion.name(label));
    accuracies.push_back(100 * confusion.accuracy(label));
  }
  bars.groups = map.y_labels = map.x_labels;
  bars.sets.push_back({.name = "test accuracy", .values = accuracies});
  page.figure(svg(map),
              "A row for each class: how many percent of its test images the network took for each of the classes. "
              "What is right stands on the diagonal.");
  page.figure(svg(bars), "How many percent of the test images of each class the network got right: that diagonal.");
}

}  // namespace

void TestAnswers::add(const Tensor& logits, std::span<const int> labels) {
  confusion_.add(logits, labels);
  for (std::size_t n = 0; n < labels.size(); ++n, ++images_) {
    const std::vector<double> p = probabilities(logits, static_cast<Index>(n));
    const auto answer = std::max_element(p.begin(), p.end()) - p.begin();
    if (answer == labels[n] || (mistakes_.size() == kMistakes && *(p.begin() + answer) <= mistakes_.back().probability))
      continue;
    const Mistake mistake{images_, labels[n], answer, *(p.begin() + answer)};
    const auto place = std::find_if(mistakes_.begin(), mistakes_.end(),
                                    [&](const Mistake& m) { return m.probability < mistake.probability; });
    mistakes_.insert(place, mistake);
    if (mistakes_.size() > kMistakes) mistakes_.pop_back();
  }
}

TrainReport::TrainReport(const std::filesystem::path& folder, const Json& config, const DataSets& datasets,
                         Index parameters)
    : config_(config),
      command_(begun_with(folder)),
      datasets_(datasets),
      parameters_(parameters),
      speeds_(speeds_in(folder / "log.jsonl")) {}

void TrainReport::add_curves(Page& page, const std::string& metrics) const {
  const Metrics m(metrics);
  const auto best =
      static_cast<std::size_t>(std::max_element(m.test_acc.begin(), m.test_acc.end()) - m.test_acc.begin());
  page.paragraph(
      fmt::format("{} of {} epochs: test loss {}, test accuracy {}. The best test accuracy was {}, after epoch {:.0f}.",
                  m.epoch.size(), config_.at("epochs").dump(), loss_text(m.test_loss.back()),
                  percent_text(m.test_acc.back()), percent_text(m.test_acc[best]), m.epoch[best]));
  const Axis epochs{.label = "epoch"};
  const bool smoothed = config_.at("label_smoothing") > 0, augmented = config_.at("augment") == "on";
  page.figure(svg(LineChart{.title = "Loss",
                            .x = epochs,
                            .y = {.label = "mean cross-entropy"},
                            .series = {{.name = "train", .x = m.epoch, .y = m.train_loss},
                                       {.name = "test", .x = m.epoch, .y = m.test_loss}}}),
              fmt::format("Train: mean over the steps of the epoch{}{}. Test: all test images, after the epoch.",
                          augmented ? ", of images cropped and mirrored at random" : "",
                          smoothed ? ", with label smoothing" : ""));
  page.figure(svg(LineChart{.title = "Accuracy",
                            .x = epochs,
                            .y = {.label = "accuracy, %"},
                            .series = {{.name = "train", .x = m.epoch, .y = percent(m.train_acc)},
                                       {.name = "test", .x = m.epoch, .y = percent(m.test_acc)}}}),
              "Images that the network got right, measured as the loss is.");
  page.figure(svg(LineChart{.title = "Learning rate",
                            .x = epochs,
                            .y = {.label = "learning rate", .from = 0},
                            .series = {{.name = "learning rate", .x = m.epoch, .y = m.lr}}}),
              fmt::format("At the last step of each epoch; schedule {}.", config_.at("schedule").get<std::string>()));
  std::vector<double> speeds;
  for (const double epoch : m.epoch) {
    const auto found = speeds_.find(static_cast<Index>(epoch));
    speeds.push_back(found == speeds_.end() ? std::nan("") : found->second);
  }
  page.figure(svg(LineChart{.title = "Throughput",
                            .x = epochs,
                            .y = {.label = "images/s", .from = 0},
                            .series = {{.name = "throughput", .x = m.epoch, .y = speeds}}}),
              "Training images a second, without the test. Other programs on the machine show here.");
}

void TrainReport::add_answers(Page& page, const TestAnswers& answers) const {
  page.heading("What it takes for what");
  if (answers.confusion().classes() <= kMostClasses)
    add_confusion(page, answers.confusion());
  else
    page.code(answers.confusion().table());
  page.heading("The most confident mistakes");
  std::vector<std::string> pngs, captions;
  for (const Mistake& m : answers.mistakes()) {
    pngs.push_back(picture(datasets_.test, m.image));
    captions.push_back(fmt::format("{}, taken for {} {:.1f}%", answers.confusion().name(m.label),
                                   answers.confusion().name(m.answer), 100 * m.probability));
  }
  if (pngs.empty()) return page.paragraph("None: it got all test images right.");
  page.paragraph("The test images to whose wrong class it gave the highest probability.");
  page.pictures(pngs, captions);
}

std::string TrainReport::html(const std::string& metrics, const TestAnswers& answers) const {
  const auto word = [this](const char* key) { return config_.at(key).get<std::string>(); };
  Page page(fmt::format("Training of {}, norm {}", word("model"), word("norm")));
  page.paragraph(fmt::format("{} parameters, trained on {}: {} training and {} test images, {} classes.", parameters_,
                             datasets_.description, datasets_.train.size(), datasets_.test.size(),
                             datasets_.classes()));
  add_curves(page, metrics);
  add_answers(page, answers);
  page.heading("How to run it again");
  page.code(command_);
  page.paragraph(
      "The same command gives the same weights and metrics.csv, bit for bit, on any number of threads. metrics.csv "
      "holds the numbers of the curves, log.jsonl the throughput.");
  page.heading("Options");
  page.table({"option", "value"}, rows_of(config_));
  page.heading("Machine");
  page.table({"what", "value"}, rows_of(environment()));
  return page.html();
}

}  // namespace norma
