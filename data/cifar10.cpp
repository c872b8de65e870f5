#include "data/cifar10.h"

#include <algorithm>
#include <fstream>

namespace norma {
namespace {

constexpr Index kClasses = 10, kImageBytes = 3 * 32 * 32, kRecordBytes = 1 + kImageBytes, kRecords = 10000;

std::ifstream open(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) throw DataError(file.string() + ": no such file");
  if (!std::filesystem::is_regular_file(file, ignored)) throw DataError(file.string() + ": not a regular file");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw DataError(file.string() + ": cannot be opened for reading");
  return in;
}

void append_file(const std::filesystem::path& file, ImageSet& set) {
  std::ifstream in = open(file);
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (failed || size != static_cast<std::uintmax_t>(kRecords * kRecordBytes))
    throw DataError(join(file.string(), ": must be ", kRecords * kRecordBytes, " bytes (", kRecords, " records of ",
                         kRecordBytes, "), is ", size));
  std::vector<char> records(static_cast<std::size_t>(size));
  if (!in.read(records.data(), static_cast<std::streamsize>(size))) throw DataError(file.string() + ": reading failed");
  for (Index r = 0; r < kRecords; ++r) {
    const char* record = records.data() + r * kRecordBytes;
    const int label = static_cast<unsigned char>(record[0]);
    if (label >= kClasses)
      throw DataError(join(file.string(), ": record ", r, " has label ", label, ", must be 0 to ", kClasses - 1));
    set.labels.push_back(label);
    set.bytes.insert(set.bytes.end(), record + 1, record + kRecordBytes);
  }
}

std::vector<std::string> read_class_names(const std::filesystem::path& file) {
  std::ifstream in = open(file);
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    std::erase(line, '\r');
    if (!line.empty()) names.push_back(line);
  }
  if (static_cast<Index>(names.size()) != kClasses)
    throw DataError(join(file.string(), ": must hold ", kClasses, " class names, holds ", names.size()));
  return names;
}

}  // namespace

ImageSet read_cifar10(const std::filesystem::path& dir, bool train) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(dir, ignored)) throw DataError(dir.string() + ": no such folder");
  ImageSet set{.channels = 3, .height = 32, .width = 32, .bytes = {}, .labels = {}, .class_names = {}};
  set.class_names = read_class_names(dir / "batches.meta.txt");
  const Index files = train ? 5 : 1;
  set.bytes.reserve(static_cast<std::size_t>(files * kRecords * kImageBytes));
  for (Index i = 1; i <= files; ++i)
    append_file(dir / (train ? join("data_batch_", i, ".bin") : "test_batch.bin"), set);
  return set;
}

}  // namespace norma
