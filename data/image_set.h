// ImageSet: labelled images as they lie in a file, one byte a number.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "norma/core/check.h"
#include "norma/core/types.h"

namespace norma {

/// N images of `channels` x height x width bytes (0 to 255), each in the order C,H,W, one after the other.
struct ImageSet {
  Index channels = 0, height = 0, width = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<int> labels;
  std::vector<std::string> class_names;

  Index size() const { return static_cast<Index>(labels.size()); }
  Index image_bytes() const { return channels * height * width; }
  const std::uint8_t* image(Index i) const { return bytes.data() + i * image_bytes(); }
};

/// The first `count` images, all of them if there are fewer.
ImageSet first_images(const ImageSet& set, Index count);

/// The same images with the classes in the order of their names, and the images in turn from every class: the first of
/// each, the second of each, ... Within a class they keep their order. So that the first N are of all classes.
ImageSet arranged(const ImageSet& set);

/// Mean and standard deviation of every channel, of numbers scaled to [0,1].
struct PixelStats {
  std::vector<double> mean, deviation;
};

/// Over all pixels of all images. A constant channel has deviation 1, so that dividing by it is harmless.
/// Throws Error for an empty set.
PixelStats pixel_stats(const ImageSet& set);

}  // namespace norma
