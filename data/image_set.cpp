#include "norma/data/image_set.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace norma {

ImageSet first_images(const ImageSet& set, Index count) {
  ImageSet part = set;
  const auto kept = static_cast<std::size_t>(std::clamp<Index>(count, 0, set.size()));
  part.labels.resize(kept);
  part.bytes.resize(kept * static_cast<std::size_t>(set.image_bytes()));
  return part;
}

ImageSet arranged(const ImageSet& set) {
  const std::size_t classes = set.class_names.size();
  std::vector<std::size_t> by_name(classes), new_label(classes);
  std::iota(by_name.begin(), by_name.end(), std::size_t{0});
  std::stable_sort(by_name.begin(), by_name.end(),
                   [&](std::size_t a, std::size_t b) { return set.class_names[a] < set.class_names[b]; });
  ImageSet out{
      .channels = set.channels, .height = set.height, .width = set.width, .bytes = {}, .labels = {}, .class_names = {}};
  for (std::size_t label = 0; label < classes; ++label) {
    new_label[by_name[label]] = label;
    out.class_names.push_back(set.class_names[by_name[label]]);
  }
  struct Place {
    Index turn;
    std::size_t label;
    Index image;
  };
  std::vector<Place> places;
  std::vector<Index> taken(classes, 0);
  for (Index i = 0; i < set.size(); ++i) {
    const std::size_t label = new_label.at(static_cast<std::size_t>(set.labels[static_cast<std::size_t>(i)]));
    places.push_back({taken[label]++, label, i});
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return std::tie(a.turn, a.label) < std::tie(b.turn, b.label); });
  out.bytes.reserve(set.bytes.size());
  for (const Place& place : places) {
    out.labels.push_back(static_cast<int>(place.label));
    out.bytes.insert(out.bytes.end(), set.image(place.image), set.image(place.image) + set.image_bytes());
  }
  return out;
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
