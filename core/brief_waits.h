// Threads that do not spin while they wait for each other.
#pragma once

namespace norma {

/// To be called first in main() with its argv; no result depends on it. Where GCC's OpenMP runtime would let threads spin,
/// the program starts itself anew with GOMP_SPINCOUNT=1000 in its environment: same process, arguments, files, signals.
///
/// Note [Brief waits]
///   A thread that has done its blocks waits for the others by spinning, in GCC's runtime for milliseconds. Alone on the
///   machine that is fast. Beside another busy process it takes the time from the very thread it waits for: a training step
///   then took 2 to 14 times as long (measured), and 1.8 times without spinning. The runtime reads how long to spin from the environment before
///   main() begins and nowhere else. Does nothing if GOMP_SPINCOUNT or OMP_WAIT_POLICY say what the user wants, with another
///   OpenMP runtime (LLVM's yields), or where the program's own file is not to be found in /proc.
void wait_briefly(char** argv);

}  // namespace norma
