// ProgressBar: how far an epoch is.
#pragma once

#include <chrono>
#include <string>

#include "norma/apps/training/training.h"

namespace norma {

/// A line "LABEL [=====     ] step/steps ..." redrawn in place while it is alive, then wiped away. Draws nothing unless
/// stdout is a terminal: in a file or a pipe there are plain lines only.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Returns true: it never stops a training.
  bool show(const Progress& progress);

 private:
  std::string label_;
  bool on_terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace norma
