#include "apps/norma/datasets.h"

#include <cstdlib>

#include "data/cifar10.h"
#include "data/synthetic.h"

namespace norma {
namespace {

constexpr Index kSyntheticTrain = 20000, kSyntheticTest = 4000;

std::string chosen(const std::string& data) {
  if (!data.empty()) return data;
  if (const char* folder = std::getenv("NORMA_DATA"); folder && *folder) return folder;
  std::error_code ignored;
  const std::string local = "datasets/cifar-10-batches-bin";
  return std::filesystem::is_directory(local, ignored) ? local : "synthetic";
}

}  // namespace

DataSets open_datasets(const std::string& data, Index limit) {
  const std::string source = chosen(data);
  DataSets sets;
  if (source == "synthetic") {
    sets.description = "synthetic shapes";
    sets.train = make_synthetic(limit > 0 ? std::min(limit, kSyntheticTrain) : kSyntheticTrain, 1);
    sets.test = make_synthetic(limit > 0 ? std::min(limit, kSyntheticTest) : kSyntheticTest, 2);
    return sets;
  }
  sets.description = "CIFAR-10 in " + source;
  sets.train = read_cifar10(source, true);
  sets.test = read_cifar10(source, false);
  if (limit > 0) {
    sets.train = first_images(sets.train, limit);
    sets.test = first_images(sets.test, limit);
  }
  return sets;
}

}  // namespace norma
