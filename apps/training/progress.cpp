#include "norma/apps/training/progress.h"

#include <fmt/format.h>
#include <unistd.h>

namespace norma {
namespace {

constexpr const char* kWipe = "\r\033[K";  // back to the start of the line, erase to its end

}  // namespace

ProgressBar::ProgressBar(std::string label) : label_(std::move(label)), on_terminal_(isatty(STDOUT_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_) fmt::print("{}", kWipe);
}

bool ProgressBar::show(const Progress& p) {
  const auto now = std::chrono::steady_clock::now();
  if (!on_terminal_ || (drawn_ && now - last_ < std::chrono::milliseconds(100))) return true;
  last_ = now;
  drawn_ = true;
  constexpr Index kWidth = 24;
  const Index full = kWidth * p.so_far.steps / p.steps;
  const double images_left =
      static_cast<double>((p.steps - p.so_far.steps) * p.so_far.images) / static_cast<double>(p.so_far.steps);
  fmt::print("{}{} [{:=<{}}{: <{}}] {}/{}  loss {:.4f}  {:.0f} images/s  {:.0f} s left", kWipe, label_, "", full, "",
             kWidth - full, p.so_far.steps, p.steps, p.so_far.score().loss, p.images_per_second,
             images_left / p.images_per_second);
  std::fflush(stdout);
  return true;
}

}  // namespace norma
