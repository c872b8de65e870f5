#include "data/image_set.h"

#include <algorithm>
#include <cmath>

namespace norma {

ImageSet first_images(const ImageSet& set, Index count) {
  ImageSet part = set;
  const auto kept = static_cast<std::size_t>(std::clamp<Index>(count, 0, set.size()));
  part.labels.resize(kept);
  part.bytes.resize(kept * static_cast<std::size_t>(set.image_bytes()));
  return part;
}

PixelStats pixel_stats(const ImageSet& set) {
  check(set.size() > 0, "pixel_stats: an empty image set has no statistics");
  const Index pixels = set.height * set.width;
  const double count = static_cast<double>(set.size() * pixels);
  PixelStats stats;
  for (Index c = 0; c < set.channels; ++c) {
    std::uint64_t sum = 0, squares = 0;  // of bytes: exact
    for (Index n = 0; n < set.size(); ++n) {
      const std::uint8_t* plane = set.image(n) + c * pixels;
      for (Index i = 0; i < pixels; ++i) {
        sum += plane[i];
        squares += std::uint64_t{plane[i]} * plane[i];
      }
    }
    const double mean = static_cast<double>(sum) / count;
    const double variance = static_cast<double>(squares) / count - mean * mean;
    stats.mean.push_back(mean / 255);
    stats.deviation.push_back(variance > 1e-9 ? std::sqrt(variance) / 255 : 1);
  }
  return stats;
}

}  // namespace norma
