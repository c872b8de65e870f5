// DataLoader: an image set as a sequence of batches, one order per epoch.
#pragma once

#include <cstdint>
#include <future>

#include "norma/core/tensor.h"
#include "norma/data/image_set.h"

namespace norma {

/// images (N,C,H,W), normalised; labels: N class numbers.
struct Batch {
  Tensor images;
  std::vector<int> labels;
};

struct LoaderOptions {
  Index batch_size = 128;
  /// A new random order every epoch; otherwise that of the set.
  bool shuffle = false;
  /// Each image is mirrored with probability 1/2 and cut at a random place out of itself with 4 black pixels around.
  bool augment = false;
  std::uint64_t seed = 0;
  /// What is subtracted from, and divides, each channel (scaled to [0,1]); default: the set's own.
  PixelStats normalisation = {};
};

/// A batch is a function of (seed, epoch, index) alone. While it is used, a worker thread prepares the next one.
///   for (Index i = 0; i < loader.batches(); ++i) { const Batch batch = loader.batch(i); ... }
/// The last batch of an epoch is smaller if need be; a single left-over image joins the batch before it, because batch
/// norm cannot learn from a batch of one.
class DataLoader {
 public:
  /// `set` must live as long as the loader. Throws Error for an empty set, one whose bytes do not fit its
  /// labels, batch_size < 1, and a normalisation that does not fit.
  DataLoader(const ImageSet& set, LoaderOptions options);
  DataLoader(ImageSet&&, LoaderOptions) = delete;
  DataLoader(const DataLoader&) = delete;  // the worker knows it by address
  DataLoader& operator=(const DataLoader&) = delete;

  /// Selects the order and the augmentation of epoch 0, 1, ...; a new loader is at epoch 0.
  void start_epoch(Index epoch);
  Index batches() const;
  /// Number of images in the set.
  Index images() const { return set_.size(); }
  /// Batch i of this epoch. Asking for them in order is what the worker is prepared for; any order works.
  Batch batch(Index i);

 private:
  Batch make_batch(Index i) const;
  /// Writes the pixels of one image, (H*W) x C.
  void fill_image(Index image, ArrayView out) const;

  const ImageSet& set_;
  LoaderOptions options_;
  Index epoch_ = 0;
  std::vector<Index> order_;
  Index prepared_ = -1;      // index of the batch that `next_` will hold, -1 for none
  std::future<Batch> next_;  // last member: its destructor waits for the worker, which uses the others
};

}  // namespace norma
