#include "norma/apps/training/datasets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "norma/apps/training/checksum.h"
#include "norma/data/cifar10.h"
#include "norma/data/files/text.h"
#include "norma/data/image_folder.h"
#include "norma/data/synthetic.h"

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

/// Of the training or the test images of an image folder.
std::filesystem::path folder(const std::filesystem::path& dir, bool train) {
  if (train) return dir / "train";
  std::error_code ignored;
  for (const char* name : {"test", "val"})
    if (std::filesystem::is_directory(dir / name, ignored)) return dir / name;
  throw DataError(dir.string() + ": has train/ but neither test/ nor val/");
}

ImageSet read_part(const std::string& source, Kind kind, bool train, Index limit, Index size) {
  if (kind == Kind::kSynthetic) {
    const Index all = train ? kSyntheticTrain : kSyntheticTest;
    return make_synthetic(limit > 0 ? std::min(limit, all) : all, train ? 1 : 2);
  }
  ImageSet set = kind == Kind::kCifar10 ? read_cifar10(source, train) : read_image_folder(folder(source, train), size);
  return limit > 0 ? first_images(set, limit) : set;
}

std::string description(const std::string& source, Kind kind, Index size) {
  if (kind == Kind::kSynthetic) return "synthetic shapes";
  if (kind == Kind::kCifar10) return "CIFAR-10 in " + source;
  return join("image folder ", source, ", ", size, "x", size);
}

void check_class_names(const std::string& source, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (!is_printable(name))
      throw DataError(source + ": the class name '" + name + "' is not UTF-8 or holds control characters");
}

void check_same_classes(const std::string& source, const DataSets& sets) {
  const std::vector<std::string>&train = sets.train.class_names, &test = sets.test.class_names;
  if (train == test) return;
  std::vector<std::string> different;  // they are sorted
  std::set_symmetric_difference(train.begin(), train.end(), test.begin(), test.end(), std::back_inserter(different));
  const bool in_train = std::find(train.begin(), train.end(), different.front()) != train.end();
  throw DataError(join(folder(source, true).string(), " and ", folder(source, false).string(),
                       ": must have the same class folders, have ", train.size(), " and ", test.size(), ", '",
                       different.front(), "' only in ", in_train ? "the first" : "the second"));
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

DataSets open_datasets(const std::string& data, Index limit, Index image_size, Parts parts) {
  const std::string source = chosen(data);
  const Kind kind = kind_of(source);
  check(kind == Kind::kImageFolder || image_size == 32, source, ": is 32x32, only pictures of an image folder become ",
        image_size, 'x', image_size, " by --image-size");
  DataSets sets;
  sets.source = source;
  sets.resized = kind == Kind::kImageFolder;
  sets.description = description(source, kind, image_size);
  sets.test = read_part(source, kind, false, limit, image_size);
  check_class_names(source, sets.test.class_names);
  if (parts == Parts::kTest) return sets;
  sets.train = read_part(source, kind, true, limit, image_size);
  check_same_classes(source, sets);
  sets.normalisation = pixel_stats(sets.train);
  return sets;
}

}  // namespace norma
