// Fuzz target: any bytes as CIFAR-10 records give whole images with labels from 0 to 9, or one DataError.
#include <cstdlib>

#include "norma/data/cifar10.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const norma::ImageSet set = norma::decode_cifar10({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (std::ssize(set.bytes) != set.size() * 3072 || size != static_cast<std::size_t>(set.size()) * 3073) std::abort();
    for (const int label : set.labels)
      if (label < 0 || label > 9) std::abort();
  } catch (const norma::DataError&) {
  }
  return 0;
}
