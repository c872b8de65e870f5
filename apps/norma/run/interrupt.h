// Ctrl-C and SIGTERM as a request: what runs may finish its step and save first.
#pragma once

namespace norma {

/// While it is alive, the first SIGINT or SIGTERM is only noted, and a second one ends the program at once. A signal that
/// was ignored before (nohup, a shell's background job) stays ignored.
class InterruptsNoted {
 public:
  InterruptsNoted();
  ~InterruptsNoted();
  InterruptsNoted(const InterruptsNoted&) = delete;
  InterruptsNoted& operator=(const InterruptsNoted&) = delete;

  /// The signal that was noted, 0 for none. A program that stops for it exits with 128 + signal.
  int signal() const;
};

}  // namespace norma
