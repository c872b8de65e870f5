// ProgressLine: which job runs, how far it is, how long the rest will take.
#pragma once

#include <string>

#include "norma/apps/training/stopwatch.h"

namespace norma {

/// One line, redrawn in place while a job runs and wiped at its end. Draws nothing unless stdout is a terminal: in a file or
/// a pipe there are plain lines only.
class ProgressLine {
 public:
  /// For `jobs` jobs, to be begun one after the other. `work` is what all of them cost together in any unit, seconds on
  /// another machine for example: the time left is told from that and from how fast it goes.
  explicit ProgressLine(std::size_t jobs, double work);
  /// For one job, begun at once.
  explicit ProgressLine(const std::string& name) : ProgressLine(1, 1) { begin(name, 1); }
  ~ProgressLine() { wipe(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// A job that was done before; it is not part of the `work`.
  void skip() { ++number_; }
  void begin(const std::string& name, double work);
  /// How much of the job is done, 0 to 1, and what else is to be seen beside it.
  void show(double share, const std::string& remark = "");
  /// The job is done: leaves a line that says so, on a terminal or not. Returns the seconds that the job took.
  double end();
  void wipe();

 private:
  std::size_t jobs_, number_ = 0;
  double all_, done_ = 0, of_job_ = 0;  // work
  std::string name_;
  Stopwatch total_, job_, last_drawn_;
  bool on_terminal_, drawn_ = false;

  std::string place() const;
  std::string left(double done) const;
};

}  // namespace norma
