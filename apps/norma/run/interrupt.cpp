#include "norma/apps/norma/run/interrupt.h"

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <initializer_list>

namespace norma {
namespace {

volatile std::sig_atomic_t noted = 0;

void note(int signal) {
  if (noted != 0) _exit(128 + signal);
  noted = signal;
}

void handle(void (*handler)(int), void (*instead_of)(int)) {
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction now {
    }, wanted{};
    sigaction(signal, nullptr, &now);
    if (now.sa_handler != instead_of) continue;
    wanted.sa_handler = handler;
    wanted.sa_flags = SA_RESTART;
    sigaction(signal, &wanted, nullptr);
  }
}

}  // namespace

InterruptsNoted::InterruptsNoted() {
  noted = 0;
  handle(note, SIG_DFL);
}

InterruptsNoted::~InterruptsNoted() { handle(SIG_DFL, note); }

int InterruptsNoted::signal() const { return noted; }

}  // namespace norma
