// Fuzz target: any bytes as a PNG or JPEG give an image or one DataError. Small images only, so that a run is fast; what
// the limits do is in tests/image_test.cpp.
#include <cstdlib>

#include "data/image_file.h"
#include "data/image_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr norma::Index kMaxPixels = 1 << 14;
  try {
    const norma::Image image = norma::decode_image({reinterpret_cast<const char*>(data), size}, "fuzz", kMaxPixels);
    if (image.height * image.width > kMaxPixels || std::ssize(image.rgb) != image.height * image.width * 3)
      std::abort();
    if (norma::square(image, 8).rgb.size() != 8 * 8 * 3) std::abort();
  } catch (const norma::DataError&) {
  }
  return 0;
}
