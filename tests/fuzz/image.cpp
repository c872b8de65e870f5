// Fuzz target: any bytes as a PNG or JPEG give an image or one DataError. A PNG is tried once more with the right checksums
// in its chunks: else nearly every change would end there. Small images only, so that a run is fast; what the limits do is
// in tests/image_test.cpp.
#include <zlib.h>

#include <cstdlib>
#include <string>

#include "norma/data/image_file.h"
#include "norma/data/image_set.h"

namespace {

void decode(std::string_view bytes) {
  constexpr norma::Index kMaxPixels = 1 << 14;
  try {
    const norma::Image image = norma::decode_image(bytes, "fuzz", kMaxPixels);
    if (image.height * image.width > kMaxPixels || std::ssize(image.rgb) != image.height * image.width * 3)
      std::abort();
    if (norma::square(image, 8).rgb.size() != 8 * 8 * 3) std::abort();
  } catch (const norma::DataError&) {
  }
}

/// Chunks are a length of 4 bytes, a name of 4, the content and its checksum of 4, all numbers with the highest byte first.
std::string with_checksums(std::string png) {
  auto* bytes = reinterpret_cast<unsigned char*>(png.data());
  for (std::size_t chunk = 8; chunk + 12 <= png.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(bytes[chunk + i]); };
    const std::size_t length = byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    if (length > png.size() - chunk - 12) break;
    const uLong sum = crc32(0, bytes + chunk + 4, static_cast<uInt>(length + 4));
    chunk += length + 12;
    for (int i = 0; i < 4; ++i) bytes[chunk - 4 + static_cast<std::size_t>(i)] = (sum >> (24 - 8 * i)) & 0xFF;
  }
  return png;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  if (bytes.starts_with("\x89PNG")) decode(with_checksums(bytes));
  return 0;
}
