// The CIFAR-10 image set, in its official binary format.
#pragma once

#include <filesystem>
#include <string_view>

#include "norma/data/image_set.h"

namespace norma {

/// Reads `dir`/data_batch_1.bin ... data_batch_5.bin (train: 50,000 images) or `dir`/test_batch.bin (10,000), and the
/// class names from `dir`/batches.meta.txt. A record is 1 label byte (0 to 9), then 1024 red, 1024 green and 1024 blue
/// bytes, row by row; a file is 10,000 records.
/// Throws DataError, naming the file, unless every file is there, has exactly that size and only labels from 0 to 9.
/// Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
ImageSet read_cifar10(const std::filesystem::path& dir, bool train);

/// Any number of records as they lie in a file, 3073 bytes each; no class names. Throws DataError, beginning with `name`,
/// unless they are whole and have labels from 0 to 9.
ImageSet decode_cifar10(std::string_view records, const std::string& name);

/// Writes the files that read_cifar10 reads, byte for byte. `dir` is made.
/// Throws Error unless `train` holds 50,000 and `test` 10,000 images 3x32x32 of the same 10 classes; FileError if a file or
/// folder cannot be written, or `dir` already holds something.
void write_cifar10(const std::filesystem::path& dir, const ImageSet& train, const ImageSet& test);

}  // namespace norma
