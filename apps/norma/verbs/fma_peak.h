// The most multiply-adds a second that this processor and this build can do.
#pragma once

namespace norma {

/// Operations a second (two for each multiply-add of a float) that all of OpenMP's threads together reach with vectors that
/// stay in registers, in a try of about two milliseconds. The best of several tries is the peak: another program may have
/// disturbed one.
double try_fma_peak();

}  // namespace norma
