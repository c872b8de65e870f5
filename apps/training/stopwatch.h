// Stopwatch: how long something took.
#pragma once

#include <chrono>
#include <utility>

namespace norma {

class Stopwatch {
 public:
  /// Seconds since it was made or restarted.
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  /// The same, and starts again.
  double lap() {
    const Clock::time_point before = std::exchange(start_, Clock::now());
    return std::chrono::duration<double>(start_ - before).count();
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace norma
