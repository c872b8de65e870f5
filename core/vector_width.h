// How many bytes one vector register holds, with the instructions this build may use. Chosen here and nowhere else.
#pragma once

namespace norma {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

}  // namespace norma
