// What the verbs are told: a struct of options for each kind of verb, and the verbs.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "norma/apps/training/settings.h"
#include "norma/core/types.h"

namespace norma {

/// Exit codes of the program, as the README lists them; kSignal + the number of the signal that stopped a training.
enum ExitCode { kDone = 0, kUsage = 2, kData = 3, kFiles = 4, kDiverged = 5, kSignal = 128 };

struct Options {
  std::string data, model = "cnn", norm = "batch", conv = "automatic", schedule = "one-cycle", augment = "on", out;
  Index epochs = 10, batch_size = 128, limit = 0, image_size = 32, seed = 0, freeze_after = 0;
  bool freeze = false;
  int threads = 0;  // 0: as many as there are processors
  double lr = 0.2, momentum = 0.9, weight_decay = 5e-4, label_smoothing = 0.05;
  std::optional<double> warmup;
  // norma train alone
  std::string resume;              // the run folder to go on with
  bool override_ = false;          // whether other options than the run's are taken
  Index save_every = 0, keep = 1;  // steps; previous checkpoints
  std::set<std::string> given;     // names of the options that stand on the command line, without dashes
  std::string command;             // the command line

  /// Epochs of warm-up: as given, else 0.3 of all for one-cycle, 0 for the others.
  double warmup_epochs() const;
  TrainingSettings training() const;
};

/// Options of the verbs that use a trained network. What its file tells (model, norm, classes, mean, deviation) is given
/// only for a file that does not tell it: "", 0 and {} mean not given.
struct UseOptions : Options {
  std::string weights;  // a run folder or a file
  Index classes = 0, top = 3;
  std::vector<double> mean, deviation;
  std::vector<std::string> images;
  bool mirror = false, json = false;

  UseOptions() { model.clear(), norm.clear(); }
};

struct BenchOptions : Options {
  Index steps = 20;
  bool json = false;
};

struct LrFindOptions : Options {
  double from = 1e-5, to = 10;  // learning rates
  Index steps = 150;
};

struct LabOptions : Options {
  std::string name;
  double scale = 1;  // of the lengths of trainings
};

/// Throws Error where options that are right by themselves do not fit together.
void check_together(const Options& options);

// The verbs. Each returns an exit code.
int train(const Options& options);
int compare(const Options& options, const std::vector<double>& learning_rates, const std::vector<std::string>& norms);
int lr_find(const LrFindOptions& options);
int summary(const Options& options);
int eval(const UseOptions& options);
int predict(const UseOptions& options);
int explain(const std::string& topic);
int inspect(const std::string& file, bool json);
int bench(const BenchOptions& options);
int run_lab(const LabOptions& options);

}  // namespace norma
