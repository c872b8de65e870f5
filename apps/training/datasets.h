// Which images to train on.
#pragma once

#include "norma/data/image_set.h"
#include "norma/data/loader.h"

namespace norma {

enum class Parts { kAll, kTest };

struct DataSets {
  std::string source;       // what open_datasets() takes
  std::string description;  // for people: what and where
  bool resized = false;     // from pictures of any size
  ImageSet train, test;
  PixelStats normalisation;  // of the training images

  Index classes() const { return static_cast<Index>(test.class_names.size()); }
  /// Shape of one image as a batch of one.
  Shape image_shape() const { return {1, test.channels, test.height, test.width}; }
};

/// A fingerprint of all images, labels and class names, as text: the same for the same data wherever they lie.
std::string checksum(const DataSets& datasets);

/// `data` is a folder in CIFAR-10's binary format, an image folder (train/CLASS/*.png, *.jpg and the same under test/ or
/// val/), "synthetic", or empty for the first there is of $NORMA_DATA, datasets/cifar-10-batches-bin and the synthetic set
/// (20,000 and 4,000 images). Pictures of an image folder become image_size x image_size; the other sets are 32x32, and
/// another size is an Error. With `limit` > 0 only so many images of each part are used. Parts::kTest leaves `train` and
/// `normalisation` empty. Throws DataError, also for a class name that is not is_printable(): no terminal could show it and
/// no weights file hold it.
DataSets open_datasets(const std::string& data, Index limit, Index image_size, Parts parts = Parts::kAll);

}  // namespace norma
