// An image set as a folder of pictures: DIR/CLASS/*.png.
#pragma once

#include <filesystem>

#include "norma/data/image_file.h"
#include "norma/data/image_set.h"

namespace norma {

/// Reads `dir`/CLASS/*.png, *.jpg, *.jpeg (in any case): a folder a class, its name that of the class. Each picture
/// becomes 3 x size x size, as square() does it. Classes are in the order of their names, pictures too, and the set takes
/// them in turn from every class, as arranged() does it. Hidden files, files of other kinds and files beside the class
/// folders are passed over.
/// Throws DataError, naming the file or folder, for one that cannot be read, a `dir` without class folders, a class
/// without pictures, and a picture that read_image() refuses. Throws Error unless 1 <= size <= kMaxImageSide.
ImageSet read_image_folder(const std::filesystem::path& dir, Index size = 32);

/// Writes `dir`/CLASS/000000.png, 000001.png, ...: image i of the set becomes file i of its class. `dir` is made.
/// Throws Error for a set that is not of 3 channels or has class names that no folder can have; FileError if a file or
/// folder cannot be written, or `dir` already holds something.
void write_image_folder(const std::filesystem::path& dir, const ImageSet& set);

/// The bytes of an image in the order C,H,W, as they lie in an ImageSet: height * width * 3 of them from `to` on.
void to_planes(const Image& image, std::uint8_t* to);

/// Image i of a set, which must have 3 channels.
Image image_of(const ImageSet& set, Index i);

}  // namespace norma
