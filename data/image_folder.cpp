#include "norma/data/image_folder.h"

#include <algorithm>
#include <cstdio>

#include "norma/core/parallel.h"
#include "norma/data/files/files.h"

namespace norma {
namespace {

namespace fs = std::filesystem;

/// What lies in a folder, hidden entries left out, in the order of the names.
std::vector<fs::path> sorted_entries(const fs::path& dir) {
  std::error_code failed;
  std::vector<fs::path> entries;
  fs::directory_iterator entry(dir, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed))
    if (!entry->path().filename().string().starts_with('.')) entries.push_back(entry->path());
  if (failed) throw DataError(dir.string() + ": cannot be read: " + failed.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool has_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

std::vector<fs::path> pictures_in(const fs::path& dir) {
  std::vector<fs::path> files = sorted_entries(dir);
  std::erase_if(files, [](const fs::path& file) { return !has_image_name(file); });
  if (files.empty()) throw DataError(dir.string() + ": holds no .png, .jpg or .jpeg file");
  return files;
}

/// Reads the files into set.bytes. Of several damaged ones the first is named.
void read_pictures(const std::vector<fs::path>& files, ImageSet& set) {
  set.bytes.resize(files.size() * static_cast<std::size_t>(set.image_bytes()));
  std::vector<std::string> failures(files.size());
  parallel_blocks(std::ssize(files), 16, [&](Index first, Index n, Index) {
    for (Index i = first; i < first + n; ++i) try {
        to_planes(square(read_image(files[static_cast<std::size_t>(i)]), set.height),
                  set.bytes.data() + i * set.image_bytes());
      } catch (const DataError& error) {
        failures[static_cast<std::size_t>(i)] = error.what();
      }
  });
  for (const std::string& failure : failures)
    if (!failure.empty()) throw DataError(failure);
}

}  // namespace

ImageSet read_image_folder(const fs::path& dir, Index size) {
  check(size >= 1 && size <= kMaxImageSide, "read_image_folder: size must be from 1 to ", kMaxImageSide, ", got ",
        size);
  if (!is_folder(dir)) throw DataError(dir.string() + ": no such folder");
  ImageSet set{.channels = 3, .height = size, .width = size, .bytes = {}, .labels = {}, .class_names = {}};
  std::vector<fs::path> files;
  for (const fs::path& entry : sorted_entries(dir)) {
    if (!is_folder(entry)) continue;
    const std::vector<fs::path> pictures = pictures_in(entry);
    set.labels.insert(set.labels.end(), pictures.size(), static_cast<int>(set.class_names.size()));
    set.class_names.push_back(entry.filename().string());
    files.insert(files.end(), pictures.begin(), pictures.end());
  }
  if (files.empty()) throw DataError(dir.string() + ": holds no folder of pictures, one a class");
  read_pictures(files, set);
  return arranged(set);
}

void to_planes(const Image& image, std::uint8_t* to) {
  const Index pixels = image.height * image.width;
  for (Index k = 0; k < 3 * pixels; ++k) to[k % 3 * pixels + k / 3] = image.rgb[static_cast<std::size_t>(k)];
}

Image image_of(const ImageSet& set, Index i) {
  check(set.channels == 3 && i >= 0 && i < set.size(), "image_of: needs image 0 to ", set.size() - 1,
        " of 3 channels, got ", i, " of ", set.channels);
  const Index pixels = set.height * set.width;
  Image image{.height = set.height, .width = set.width, .rgb = {}};
  image.rgb.resize(static_cast<std::size_t>(3 * pixels));
  for (Index k = 0; k < 3 * pixels; ++k) image.rgb[static_cast<std::size_t>(k)] = set.image(i)[k % 3 * pixels + k / 3];
  return image;
}

void write_image_folder(const fs::path& dir, const ImageSet& set) {
  for (const std::string& name : set.class_names)
    check(!name.empty() && !name.starts_with('.') && name.find('/') == std::string::npos, "write_image_folder: '", name,
          "' cannot be the name of a class folder");
  make_empty_folder(dir);
  for (const std::string& name : set.class_names) make_empty_folder(dir / name);
  std::vector<Index> written(set.class_names.size(), 0);
  for (Index i = 0; i < set.size(); ++i) {
    const auto label = static_cast<std::size_t>(set.labels[static_cast<std::size_t>(i)]);
    char name[32];
    std::snprintf(name, sizeof name, "%06lld.png", static_cast<long long>(written.at(label)++));
    write_png(dir / set.class_names[label] / name, image_of(set, i));
  }
}

}  // namespace norma
