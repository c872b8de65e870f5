#include "norma/data/cifar10.h"

#include <algorithm>
#include <sstream>

#include "norma/data/files/files.h"

namespace norma {
namespace {

constexpr Index kClasses = 10, kImageBytes = 3 * 32 * 32, kRecordBytes = 1 + kImageBytes, kRecords = 10000;

void append_records(std::string_view records, const std::string& name, ImageSet& set) {
  if (std::ssize(records) % kRecordBytes != 0)
    throw DataError(join(name, ": ", records.size(), " bytes are not records of ", kRecordBytes));
  for (Index r = 0; r < std::ssize(records) / kRecordBytes; ++r) {
    const char* record = records.data() + r * kRecordBytes;
    const int label = static_cast<unsigned char>(record[0]);
    if (label >= kClasses)
      throw DataError(join(name, ": record ", r, " has label ", label, ", must be 0 to ", kClasses - 1));
    set.labels.push_back(label);
    set.bytes.insert(set.bytes.end(), record + 1, record + kRecordBytes);
  }
}

void append_file(const std::filesystem::path& file, ImageSet& set) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (std::filesystem::is_regular_file(file, failed) && size != static_cast<std::uintmax_t>(kRecords * kRecordBytes))
    throw DataError(join(file.string(), ": must be ", kRecords * kRecordBytes, " bytes (", kRecords, " records of ",
                         kRecordBytes, "), is ", size));
  append_records(read_bytes(file, kRecords * kRecordBytes), file.string(), set);
}

std::vector<std::string> read_class_names(const std::filesystem::path& file) {
  std::istringstream in(read_bytes(file, 1 << 16));
  std::vector<std::string> names;
  for (std::string line; std::getline(in, line);) {
    std::erase(line, '\r');
    if (!line.empty()) names.push_back(line);
  }
  if (static_cast<Index>(names.size()) != kClasses)
    throw DataError(join(file.string(), ": must hold ", kClasses, " class names, holds ", names.size()));
  return names;
}

ImageSet empty_set() {
  return {.channels = 3, .height = 32, .width = 32, .bytes = {}, .labels = {}, .class_names = {}};
}

void check_fits(const ImageSet& set, Index images, const char* what) {
  check(set.size() == images && set.image_bytes() == kImageBytes && std::ssize(set.bytes) == images * kImageBytes &&
            std::ssize(set.class_names) == kClasses,
        "write_cifar10: needs ", images, ' ', what, " images 3x32x32 of ", kClasses, " classes, got ", set.size(), ' ',
        set.channels, 'x', set.height, 'x', set.width, " of ", set.class_names.size());
}

void write_records(const std::filesystem::path& file, const ImageSet& set, Index first) {
  std::string records;
  records.reserve(static_cast<std::size_t>(kRecords * kRecordBytes));
  for (Index i = first; i < first + kRecords; ++i) {
    records.push_back(static_cast<char>(set.labels[static_cast<std::size_t>(i)]));
    records.append(set.image(i), set.image(i) + kImageBytes);
  }
  write_bytes(file, records);
}

}  // namespace

ImageSet decode_cifar10(std::string_view records, const std::string& name) {
  ImageSet set = empty_set();
  append_records(records, name, set);
  return set;
}

ImageSet read_cifar10(const std::filesystem::path& dir, bool train) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(dir, ignored)) throw DataError(dir.string() + ": no such folder");
  ImageSet set = empty_set();
  set.class_names = read_class_names(dir / "batches.meta.txt");
  const Index files = train ? 5 : 1;
  set.bytes.reserve(static_cast<std::size_t>(files * kRecords * kImageBytes));
  for (Index i = 1; i <= files; ++i)
    append_file(dir / (train ? join("data_batch_", i, ".bin") : "test_batch.bin"), set);
  return set;
}

void write_cifar10(const std::filesystem::path& dir, const ImageSet& train, const ImageSet& test) {
  check_fits(train, 5 * kRecords, "training");
  check_fits(test, kRecords, "test");
  check(train.class_names == test.class_names, "write_cifar10: training and test images must have the same classes");
  make_empty_folder(dir);
  for (Index i = 0; i < 5; ++i) write_records(dir / join("data_batch_", i + 1, ".bin"), train, i * kRecords);
  write_records(dir / "test_batch.bin", test, 0);
  std::string names;
  for (const std::string& name : train.class_names) names += name + '\n';
  write_bytes(dir / "batches.meta.txt", names);
}

}  // namespace norma
