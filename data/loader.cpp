#include "norma/data/loader.h"

#include <algorithm>
#include <numeric>

#include "norma/core/random.h"

namespace norma {
namespace {

constexpr Index kMargin = 4;  // black pixels around an image that is cut
enum Purpose : std::uint64_t { kOrder = 1, kAugment = 2 };

}  // namespace

DataLoader::DataLoader(const ImageSet& set, LoaderOptions options) : set_(set), options_(std::move(options)) {
  check(options_.batch_size >= 1, "DataLoader: batch_size must be positive, got ", options_.batch_size);
  check(set.size() > 0, "DataLoader: the image set is empty");
  check(static_cast<Index>(set.bytes.size()) == set.size() * set.image_bytes(), "DataLoader: ", set.size(),
        " images of ", set.image_bytes(), " bytes do not make the set's ", set.bytes.size(), " bytes");
  if (options_.normalisation.mean.empty()) options_.normalisation = pixel_stats(set);
  check(static_cast<Index>(options_.normalisation.mean.size()) == set.channels &&
            options_.normalisation.deviation.size() == options_.normalisation.mean.size(),
        "DataLoader: images of ", set.channels, " channels need as many means and deviations, got ",
        options_.normalisation.mean.size(), " and ", options_.normalisation.deviation.size());
  for (double deviation : options_.normalisation.deviation)
    check(deviation > 0, "DataLoader: deviations must be positive, got ", deviation);
  start_epoch(0);
}

void DataLoader::start_epoch(Index epoch) {
  if (next_.valid()) next_.wait();  // the worker reads order_
  prepared_ = -1;
  epoch_ = epoch;
  if (options_.shuffle) {
    order_ = Random({options_.seed, kOrder, static_cast<std::uint64_t>(epoch)}).permutation(set_.size());
  } else {
    order_.resize(static_cast<std::size_t>(set_.size()));
    std::iota(order_.begin(), order_.end(), Index{0});
  }
}

Index DataLoader::batches() const {
  const Index whole = set_.size() / options_.batch_size, rest = set_.size() % options_.batch_size;
  return whole + (rest > 1 || (rest == 1 && whole == 0) ? 1 : 0);
}

Batch DataLoader::batch(Index i) {
  check(i >= 0 && i < batches(), "DataLoader: batch ", i, " is not one of the ", batches(), " of an epoch");
  const bool prepared = std::exchange(prepared_, -1) == i;
  Batch result = prepared ? next_.get() : make_batch(i);
  if (i + 1 < batches()) {
    // Where the system has no thread left, async defers the work to get().
    next_ = std::async(std::launch::async | std::launch::deferred, [this, next = i + 1] { return make_batch(next); });
    prepared_ = i + 1;
  }
  return result;
}

Batch DataLoader::make_batch(Index i) const {
  const Index first = i * options_.batch_size;
  const Index last = i + 1 == batches() ? set_.size() : first + options_.batch_size;
  Batch batch{Tensor::empty({last - first, set_.channels, set_.height, set_.width}), {}};
  const Index pixels = set_.height * set_.width;
  for (Index k = first; k < last; ++k) {
    const Index image = order_[static_cast<std::size_t>(k)];
    fill_image(image, ArrayView(batch.images.pixels().row((k - first) * pixels).data(), pixels, set_.channels));
    batch.labels.push_back(set_.labels[static_cast<std::size_t>(image)]);
  }
  return batch;
}

void DataLoader::fill_image(Index image, ArrayView out) const {
  const Index channels = set_.channels, height = set_.height, width = set_.width;
  bool mirrored = false;
  Index down = 0, right = 0;  // where the cut begins, relative to the image
  if (options_.augment) {
    Random random({options_.seed, kAugment, static_cast<std::uint64_t>(epoch_), static_cast<std::uint64_t>(image)});
    mirrored = random.below(2) == 1;
    down = random.below(2 * kMargin + 1) - kMargin;
    right = random.below(2 * kMargin + 1) - kMargin;
  }
  const std::uint8_t* bytes = set_.image(image);
  for (Index c = 0; c < channels; ++c) {
    const double mean = options_.normalisation.mean[static_cast<std::size_t>(c)];
    const double deviation = options_.normalisation.deviation[static_cast<std::size_t>(c)];
    const auto factor = static_cast<Real>(1 / (255 * deviation)), shift = static_cast<Real>(-mean / deviation);
    for (Index h = 0; h < height; ++h)
      for (Index w = 0; w < width; ++w) {
        const Index from_h = h + down, from_w = (mirrored ? width - 1 - w : w) + right;
        const bool inside = 0 <= from_h && from_h < height && 0 <= from_w && from_w < width;
        const Real byte = inside ? static_cast<Real>(bytes[(c * height + from_h) * width + from_w]) : Real{0};
        out(h * width + w, c) = byte * factor + shift;
      }
  }
}

}  // namespace norma
