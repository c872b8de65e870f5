// resize() and square(): rows first, then columns, each a matrix of a few weights a pixel.
#include <algorithm>
#include <cmath>

#include "norma/core/check.h"
#include "norma/core/parallel.h"
#include "norma/data/image_file.h"

namespace norma {
namespace {

/// What one new pixel along a side is made of: pixels [first, first + weights.size()), weights adding up to 1.
struct Mixture {
  Index first = 0;
  std::vector<double> weights;
};

/// The triangle 1 - |distance| / reach around the middle of new pixel i, in units of old pixels.
Mixture mixture(Index i, Index from, Index to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), reach = std::max(scale, 1.0);
  const double middle = (static_cast<double>(i) + 0.5) * scale;
  const Index first = std::max<Index>(0, static_cast<Index>(std::floor(middle - reach)));
  const Index last = std::min(from - 1, static_cast<Index>(std::ceil(middle + reach)));
  Mixture mix{.first = first, .weights = {}};
  double sum = 0;
  for (Index j = first; j <= last; ++j) {
    mix.weights.push_back(std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - middle) / reach));
    sum += mix.weights.back();
  }
  for (double& weight : mix.weights) weight /= sum;
  return mix;
}

std::vector<Mixture> mixtures(Index from, Index to) {
  std::vector<Mixture> all;
  for (Index i = 0; i < to; ++i) all.push_back(mixture(i, from, to));
  return all;
}

}  // namespace

Image resize(const Image& image, Index height, Index width) {
  const auto allowed = [](Index side) { return side >= 1 && side <= kMaxImageSide; };
  check(allowed(height) && allowed(width), "resize: sides must be from 1 to ", kMaxImageSide, ", got ", height, "x",
        width);
  check(image.height > 0 && image.width > 0 && std::ssize(image.rgb) == image.height * image.width * 3,
        "resize: an image of ", image.height, "x", image.width, " does not have ", image.rgb.size(), " bytes");
  if (height == image.height && width == image.width) return image;
  const std::vector<Mixture> across = mixtures(image.width, width), down = mixtures(image.height, height);
  std::vector<float> narrow(static_cast<std::size_t>(image.height * width * 3));
  parallel_blocks(image.height, 64, [&](Index first_row, Index rows, Index) {
    for (Index y = first_row; y < first_row + rows; ++y)
      for (Index x = 0; x < width; ++x) {
        const Mixture& mix = across[static_cast<std::size_t>(x)];
        const std::uint8_t* old = image.rgb.data() + (y * image.width + mix.first) * 3;
        double sum[3] = {};
        for (const double weight : mix.weights)
          for (double& channel : sum) channel += weight * *old++;
        for (Index c = 0; c < 3; ++c)
          narrow[static_cast<std::size_t>((y * width + x) * 3 + c)] = static_cast<float>(sum[c]);
      }
  });
  Image resized{.height = height, .width = width, .rgb = {}};
  resized.rgb.resize(static_cast<std::size_t>(height * width * 3));
  parallel_blocks(height, 64, [&](Index first_row, Index rows, Index) {
    for (Index y = first_row; y < first_row + rows; ++y)
      for (Index i = 0; i < width * 3; ++i) {
        const Mixture& mix = down[static_cast<std::size_t>(y)];
        const float* old = narrow.data() + mix.first * width * 3 + i;
        double sum = 0;
        for (std::size_t j = 0; j < mix.weights.size(); ++j)
          sum += mix.weights[j] * old[static_cast<Index>(j) * width * 3];
        resized.rgb[static_cast<std::size_t>(y * width * 3 + i)] =
            static_cast<std::uint8_t>(std::lround(std::clamp(sum, 0.0, 255.0)));
      }
  });
  return resized;
}

Image square(const Image& image, Index size) {
  const Index side = std::min(image.height, image.width), top = (image.height - side) / 2;
  const Index left = (image.width - side) / 2;
  check(side > 0 && std::ssize(image.rgb) == image.height * image.width * 3, "square: an image of ", image.height, "x",
        image.width, " does not have ", image.rgb.size(), " bytes");
  Image middle{.height = side, .width = side, .rgb = {}};
  for (Index y = top; y < top + side; ++y) {
    const auto row = image.rgb.begin() + (y * image.width + left) * 3;
    middle.rgb.insert(middle.rgb.end(), row, row + side * 3);
  }
  return resize(middle, size, size);
}

}  // namespace norma
