// TrainReport: report.html of a training: its curves, what the network takes for what, the most confident mistakes, and how
// to run it again.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "norma/apps/norma/run/config.h"
#include "norma/apps/report/page.h"
#include "norma/apps/training/confusion.h"

namespace norma {

/// An image of class `label` that was taken for `answer`, with that probability.
struct Mistake {
  Index image = 0, label = 0, answer = 0;
  double probability = 0;
};

/// What a network answers on the test images.
class TestAnswers {
 public:
  explicit TestAnswers(const std::vector<std::string>& class_names) : confusion_(class_names) {}

  /// The next batch: logits (N,K) and N labels, as evaluate() tells them.
  void add(const Tensor& logits, std::span<const int> labels);
  const Confusion& confusion() const { return confusion_; }
  /// The most confident ones, at most 12, the most confident first.
  const std::vector<Mistake>& mistakes() const { return mistakes_; }

 private:
  Confusion confusion_;
  std::vector<Mistake> mistakes_;
  Index images_ = 0;
};

class TrainReport {
 public:
  /// Of the run in `folder`, where a resumed one has left its command line and, in log.jsonl, how fast it was. `config` is
  /// what config.json holds; the datasets must outlive the report.
  TrainReport(const std::filesystem::path& folder, const Json& config, const DataSets& datasets, Index parameters);

  /// How fast an epoch (from 1) was.
  void images_per_second(Index epoch, double speed) { speeds_[epoch] = speed; }
  /// The page, from the text of metrics.csv and the last test.
  std::string html(const std::string& metrics, const TestAnswers& answers) const;

 private:
  Json config_;
  std::string command_;
  const DataSets& datasets_;
  Index parameters_;
  std::map<Index, double> speeds_;

  void add_curves(Page& page, const std::string& metrics) const;
  void add_answers(Page& page, const TestAnswers& answers) const;
};

}  // namespace norma
