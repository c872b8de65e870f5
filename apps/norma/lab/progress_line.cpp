#include "norma/apps/norma/lab/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

namespace norma::lab {
namespace {

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

ProgressLine::ProgressLine(std::size_t jobs, double seconds)
    : jobs_(jobs), all_(seconds), start_(Clock::now()), on_terminal_(isatty(STDOUT_FILENO) == 1) {}

void ProgressLine::begin(const std::string& name, double seconds) {
  ++number_;
  name_ = name;
  of_job_ = seconds;
  job_start_ = Clock::now();
}

std::string ProgressLine::left(double done) const {
  const double elapsed = seconds_between(start_, Clock::now());
  if (done <= 0 || elapsed < 0.5) return "";
  return fmt::format("about {:.0f} s left", elapsed / done * (all_ - done));
}

void ProgressLine::show(double share) {
  const auto now = Clock::now();
  if (!on_terminal_ || (drawn_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  drawn_ = true;
  fmt::print("\r\033[K{:3}/{}  {:.46}  {:3.0f}%  {}", number_, jobs_, name_, 100 * share,
             left(done_ + share * of_job_));
  std::fflush(stdout);
}

double ProgressLine::end() {
  wipe();
  done_ += of_job_;
  const double seconds = seconds_between(job_start_, Clock::now());
  fmt::print("{:3}/{}  {:<58}  {:5.1f} s  {}\n", number_, jobs_, name_, seconds, number_ < jobs_ ? left(done_) : "");
  std::fflush(stdout);
  return seconds;
}

void ProgressLine::wipe() {
  if (drawn_) fmt::print("\r\033[K");
  drawn_ = false;
}

}  // namespace norma::lab
