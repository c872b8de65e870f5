// ProgressLine: which job of a lab runs, how far it is, how long the rest will take.
#pragma once

#include <chrono>
#include <string>

namespace norma::lab {

/// On a terminal the line of the job that runs is redrawn in place. A job that is done leaves a line in any case.
class ProgressLine {
 public:
  /// `seconds`: about what all jobs that are to be run will take. What is left is told from that and from how fast it goes.
  ProgressLine(std::size_t jobs, double seconds);
  ~ProgressLine() { wipe(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// A job that was done before.
  void skip() { ++number_; }
  void begin(const std::string& name, double seconds);
  /// How much of the job is done, 0 to 1.
  void show(double share);
  /// Returns the seconds that the job took.
  double end();
  void wipe();

 private:
  using Clock = std::chrono::steady_clock;
  std::size_t jobs_, number_ = 0;
  double all_, done_ = 0, of_job_ = 0;
  std::string name_;
  Clock::time_point start_, job_start_, last_;
  bool on_terminal_, drawn_ = false;

  /// What is left when `done` of all_ is behind: "about 95 s left".
  std::string left(double done) const;
};

}  // namespace norma::lab
