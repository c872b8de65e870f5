#include "norma/apps/norma/run/saved_run.h"

#include <fmt/format.h>

#include <csignal>

#include "norma/apps/norma/options/verb.h"
#include "norma/data/files/atomic_file.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

constexpr const char* kColumns = "epoch,lr,train_loss,train_acc,test_loss,test_acc\n";

WeightsInfo info_of(const TrainOptions& options, const DataSets& datasets) {
  return {.model = options.model,
          .norm = options.norm,
          .image = datasets.image_shape(),
          .class_names = datasets.train.class_names,
          .normalisation = datasets.normalisation,
          .seed = options.training.seed};
}

/// "step 17 of epoch 2", "the end of epoch 1", "the beginning".
std::string place(const Position& p) {
  if (p.so_far.steps > 0) return fmt::format("step {} of epoch {}", p.so_far.steps, p.epoch + 1);
  return p.epoch > 0 ? fmt::format("the end of epoch {}", p.epoch) : "the beginning";
}

Json record(const Position& p) { return {{"epochs_done", p.epoch}, {"step_in_epoch", p.so_far.steps}}; }

std::string name_of(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

bool same_place(const Position& a, const Position& b) { return a.epoch == b.epoch && a.so_far.steps == b.so_far.steps; }

}  // namespace

SavedRun::SavedRun(const TrainOptions& options, const Options& declared, const std::optional<ResumedRun>& before,
                   const DataSets& datasets, Module& model, Trainer& trainer)
    : options_(options), model_(model), trainer_(trainer) {
  const Json config = to_config(declared, datasets);
  path_ = before ? fs::path(options.resume) : make_run_folder("train", options.out);
  log_.emplace(path_);  // from here on the folder is ours
  if (!before) describe_run(path_, declared.command(), config);
  std::error_code failed;
  fs::create_directory(path_ / "weights", failed);
  if (failed) throw FileError((path_ / "weights").string() + ": cannot make this folder: " + failed.message());
  checkpoints_.emplace(path_, info_of(options, datasets), trainer.steps_per_epoch(), options.keep);
  position_.metrics = kColumns;
  if (before) resume(*before, config, declared.command());
  saved_ = position_;
  write_file(path_ / "metrics.csv", position_.metrics);
  report_.emplace(path_, config, datasets, elements(model.named_parameters()));
  if (!before) log_->add("start", {{"command", declared.command()}});
}

void SavedRun::resume(const ResumedRun& before, const Json& config, const std::string& command) {
  remark_ = "from the beginning: no checkpoint was completed";
  if (std::optional<Checkpoint> found = checkpoints_->newest()) {
    const Position& p = found->position;
    const Index steps = trainer_.steps_per_epoch();
    check(p.so_far.steps == 0 || before.config.at("batch_size") == options_.training.batch_size,
          "--batch-size: can only change ", "between epochs; this run was stopped at ", place(p));
    check(p.so_far.steps <= steps, found->place, ": is at step ", p.so_far.steps, " of an epoch of ", steps);
    check(p.epoch <= options_.training.epochs, "--epochs ", options_.training.epochs, ": ", options_.resume, " has ",
          p.epoch, " epochs done");
    try {
      model_.load_state_dict(found->weights);
      trainer_.optimizer().load_state(found->velocities);
    } catch (const Error& error) {
      throw Error(join(found->place, ": does not fit the network ", options_.model, ", norm ", options_.norm, ": ",
                       error.what()));
    }
    remark_ = fmt::format("from {}, with {}", place(p), found->place);
    position_ = std::move(found->position);
  }
  if (!before.changes.empty()) write_file(path_ / "config.json", pretty(config));
  Json fields = record(position_);
  fields.update(Json{{"command", command}, {"from", remark_}, {"changes", before.changes}});
  log_->add("resume", fields);
}

void SavedRun::save() try {
  checkpoints_->save(model_.state_dict(), trainer_.optimizer().state(), position_);
  write_file(path_ / "metrics.csv", position_.metrics);
  saved_ = position_;
  trouble_.clear();
  log_->add("save", record(position_));
} catch (const FileError& error) {
  if (trouble_.empty()) warn(error.what());
  trouble_ = error.what();
}

void SavedRun::write_report(const TestAnswers& answers) try {
  write_file(path_ / "report.html", report_->html(position_.metrics, answers));
  report_trouble_.clear();
} catch (const std::exception& error) {  // whatever it is, no training ends for it
  report_trouble_ = error.what();
}

void SavedRun::warn(const std::string& trouble) {
  fmt::print(stderr, "norma: warning: {}; training goes on, the last checkpoint is that of {}\n", trouble,
             place(saved_));
  log_->add("warning", {{"text", trouble}});
  warned_ = true;
}

void SavedRun::step_done(const Progress& p) {
  position_.so_far = p.so_far;
  const Index steps_in_all = position_.epoch * p.steps + p.so_far.steps;
  // The last step of an epoch is saved with the test that follows.
  if (options_.save_every > 0 && steps_in_all % options_.save_every == 0 && p.so_far.steps < p.steps) save();
}

void SavedRun::epoch_done(const EpochResult& result, const Score& test, const TestAnswers& answers, double seconds) {
  position_.epoch += 1;
  position_.so_far = {};
  position_.test_acc = test.accuracy;
  position_.metrics += fmt::format("{},{:.9g},{:.9g},{:.6f},{:.9g},{:.6f}\n", position_.epoch, trainer_.learning_rate(),
                                   result.train.loss, result.train.accuracy, test.loss, test.accuracy);
  log_->add("epoch", {{"epoch", position_.epoch},
                      {"lr", trainer_.learning_rate()},
                      {"train_loss", result.train.loss},
                      {"train_acc", result.train.accuracy},
                      {"test_loss", test.loss},
                      {"test_acc", test.accuracy},
                      {"images_per_s", result.images_per_second},
                      {"data_wait", result.data_wait / result.seconds},
                      {"seconds", seconds}});
  if (test.accuracy > position_.best_acc) {
    position_.best_acc = test.accuracy;
    try {
      // Before the checkpoint that knows of it: a crash in between writes it again.
      checkpoints_->save_best(model_.state_dict(), position_);
    } catch (const FileError&) {
      // What keeps this file from being written keeps the checkpoint too, and save() says so.
    }
  }
  report_->images_per_second(position_.epoch, result.images_per_second);
  write_report(answers);  // before the checkpoint, too: a report never lacks an epoch of it
  save();
  if (!report_trouble_.empty() && !warned_) warn(report_trouble_);
}

void SavedRun::check_saved() const {
  if (trouble_.empty()) return;
  throw FileError(fmt::format("{}; the last good checkpoint is that of {}: go on with norma train --resume {}",
                              trouble_, place(saved_), path()));
}

int SavedRun::stopped(int signal) {
  if (!same_place(position_, saved_) || !trouble_.empty()) save();
  log_->add("end", {{"reason", "stopped by " + name_of(signal)}});
  check_saved();
  fmt::print(stderr, "norma train: {} at {}, saved; go on with: norma train --resume {}\n", name_of(signal),
             place(position_), path());
  return kSignal + signal;
}

int SavedRun::diverged(const Divergence& divergence) {
  log_->add("end", {{"reason", divergence.sentence()}});
  std::fflush(stdout);
  fmt::print(stderr, "norma train: {}; try a smaller --lr\n", divergence.sentence());
  return kDiverged;
}

void SavedRun::finished() {
  log_->add("end", {{"reason", trouble_.empty() ? "finished" : trouble_}});
  check_saved();
}

}  // namespace norma
