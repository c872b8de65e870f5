#include "norma/apps/training/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace norma {
namespace {

constexpr const char* kWipe = "\r\033[K";  // back to the start of the line, erase to its end
constexpr int kWidth = 12;                 // of the bar; with a name of 36 the line fits 80 columns

}  // namespace

ProgressLine::ProgressLine(std::size_t jobs, double work)
    : jobs_(jobs), all_(work), on_terminal_(isatty(STDOUT_FILENO) == 1) {}

void ProgressLine::begin(const std::string& name, double work) {
  ++number_;
  name_ = name;
  of_job_ = work;
  job_ = Stopwatch();
}

/// " 3/18  ", nothing where there is only one job.
std::string ProgressLine::place() const { return jobs_ > 1 ? fmt::format("{:3}/{}  ", number_, jobs_) : ""; }

/// What is left when `done` of all_ is done: "about 95 s left".
std::string ProgressLine::left(double done) const {
  const double elapsed = total_.seconds();
  return done > 0 && elapsed >= 0.5 ? fmt::format("about {:.0f} s left", elapsed / done * (all_ - done)) : "";
}

void ProgressLine::show(double share, const std::string& remark) {
  if (!on_terminal_ || (drawn_ && last_drawn_.seconds() < 0.1)) return;
  last_drawn_ = Stopwatch();
  drawn_ = true;
  const int full = static_cast<int>(kWidth * share);
  fmt::print("{}{}{:.36} [{:=<{}}{: <{}}]  {}{}", kWipe, place(), name_, "", full, "", kWidth - full, remark,
             left(done_ + share * of_job_));
  std::fflush(stdout);
}

double ProgressLine::end() {
  wipe();
  done_ += of_job_;
  const double seconds = job_.seconds();
  fmt::print("{}{:<58}  {:5.1f} s  {}\n", place(), name_, seconds, number_ < jobs_ ? left(done_) : "");
  std::fflush(stdout);
  return seconds;
}

void ProgressLine::wipe() {
  if (drawn_) fmt::print(kWipe);
  drawn_ = false;
}

}  // namespace norma
