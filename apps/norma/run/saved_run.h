// SavedRun: what norma train leaves in its run folder, and how it finds back into it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "norma/apps/norma/run/resumed_run.h"
#include "norma/apps/norma/run/run_folder.h"
#include "norma/apps/norma/run/train_options.h"
#include "norma/apps/norma/run/train_report.h"
#include "norma/apps/training/checkpoint.h"
#include "norma/apps/training/training.h"

namespace norma {

/// The files of one training, kept in step with it. Where they cannot be written the training goes on, with one warning;
/// only at its end that is an error.
class SavedRun {
 public:
  /// A new run folder; or that of `before`, whose newest checkpoint is loaded into model and trainer.
  SavedRun(const TrainOptions& options, const Options& declared, const std::optional<ResumedRun>& before,
           const DataSets& datasets, Module& model, Trainer& trainer);

  std::string path() const { return path_.string(); }
  const Position& position() const { return position_; }
  /// For people: where a resumed run goes on.
  const std::string& remark() const { return remark_; }

  /// Saves if it is time to.
  void step_done(const Progress& progress);
  /// Adds a row to metrics.csv, writes report.html and saves. `result`, `test` and `answers` are those of the epoch, `seconds`
  /// what it took.
  void epoch_done(const EpochResult& result, const Score& test, const TestAnswers& answers, double seconds);
  /// The report, "" where it could not be written.
  std::string report() const { return report_trouble_.empty() ? (path_ / "report.html").string() : ""; }
  /// Saves, says how to go on, and returns the exit code of a program that `signal` stopped. Throws FileError.
  int stopped(int signal);
  /// Says so, and returns the exit code.
  int diverged(const Divergence& divergence);
  /// Throws FileError if the last checkpoint could not be saved.
  void finished();

 private:
  const TrainOptions& options_;
  Module& model_;
  Trainer& trainer_;
  std::filesystem::path path_;
  std::optional<RunLog> log_;
  std::optional<Checkpoints> checkpoints_;
  std::optional<TrainReport> report_;
  Position position_, saved_;  // now, and at the last checkpoint
  std::string remark_, trouble_, report_trouble_;
  bool warned_ = false;

  void resume(const ResumedRun& before, const Json& config, const std::string& command);
  void save();
  void write_report(const TestAnswers& answers);
  void warn(const std::string& trouble);
  void check_saved() const;
};

}  // namespace norma
