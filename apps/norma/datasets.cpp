#include "apps/norma/datasets.h"

#include <fmt/format.h>

#include <cstdlib>

#include "apps/norma/checksum.h"
#include "data/cifar10.h"
#include "data/image_folder.h"
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

/// What kind of set a folder holds is told by the names in it.
enum class Kind { kSynthetic, kCifar10, kImageFolder };

Kind kind_of(const std::string& source) {
  if (source == "synthetic") return Kind::kSynthetic;
  const std::filesystem::path dir = source;
  std::error_code ignored;
  if (!std::filesystem::is_directory(dir, ignored)) throw DataError(source + ": no such folder");
  if (std::filesystem::is_directory(dir / "train", ignored)) return Kind::kImageFolder;
  for (const char* name : {"batches.meta.txt", "data_batch_1.bin", "test_batch.bin"})
    if (std::filesystem::exists(dir / name, ignored)) return Kind::kCifar10;
  throw DataError(
      source +
      ": is neither CIFAR-10's binary format (data_batch_1.bin, ..., test_batch.bin, batches.meta.txt) nor an "
      "image folder (train/CLASS/*.png or *.jpg, and the same under test/)");
}

void read_image_folders(const std::filesystem::path& dir, Index size, DataSets& sets) {
  std::error_code ignored;
  const std::filesystem::path test = dir / (std::filesystem::is_directory(dir / "test", ignored) ? "test" : "val");
  if (!std::filesystem::is_directory(test, ignored))
    throw DataError(dir.string() + ": has train/ but neither test/ nor val/");
  sets.train = read_image_folder(dir / "train", size);
  sets.test = read_image_folder(test, size);
  if (sets.train.class_names != sets.test.class_names)
    throw DataError(join(test.string(), ": must have the ", sets.train.class_names.size(), " class folders of ",
                         (dir / "train").string()));
}

template <class Number>
std::string_view bytes_of(const std::vector<Number>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)};
}

}  // namespace

std::string checksum(const DataSets& datasets) {
  std::uint64_t sum = 0;
  for (const ImageSet* set : {&datasets.train, &datasets.test}) {
    sum = checksum(bytes_of(std::vector<Index>{set->channels, set->height, set->width}), sum);
    sum = checksum(bytes_of(set->labels), checksum(bytes_of(set->bytes), sum));
    for (const std::string& name : set->class_names) sum = checksum(name, sum);
  }
  return fmt::format("{:016x}", sum);
}

DataSets open_datasets(const std::string& data, Index limit, Index image_size) {
  const std::string source = chosen(data);
  const Kind kind = kind_of(source);
  check(kind == Kind::kImageFolder || image_size == 32, "--image-size: only pictures of an image folder are resized; ",
        source, " is 32x32");
  DataSets sets;
  sets.source = source;
  if (kind == Kind::kSynthetic) {
    sets.description = "synthetic shapes";
    sets.train = make_synthetic(limit > 0 ? std::min(limit, kSyntheticTrain) : kSyntheticTrain, 1);
    sets.test = make_synthetic(limit > 0 ? std::min(limit, kSyntheticTest) : kSyntheticTest, 2);
    return sets;
  }
  if (kind == Kind::kImageFolder) {
    sets.description = join("image folder ", source, ", ", image_size, "x", image_size);
    sets.resized = true;
    read_image_folders(source, image_size, sets);
  } else {
    sets.description = "CIFAR-10 in " + source;
    sets.train = read_cifar10(source, true);
    sets.test = read_cifar10(source, false);
  }
  if (limit > 0) {
    sets.train = first_images(sets.train, limit);
    sets.test = first_images(sets.test, limit);
  }
  return sets;
}

}  // namespace norma
