#include "data/files.h"

#include <fstream>

#include "data/image_set.h"

namespace norma {

namespace fs = std::filesystem;

std::string read_bytes(const fs::path& path, std::uintmax_t max_bytes) {
  std::error_code failed;
  if (!fs::exists(path, failed)) throw DataError(path.string() + ": no such file");
  if (!fs::is_regular_file(path, failed)) throw DataError(path.string() + ": not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw DataError(path.string() + ": cannot be opened for reading");
  const std::uintmax_t size = fs::file_size(path, failed);
  if (failed) throw DataError(path.string() + ": reading failed");
  if (size > max_bytes) throw DataError(join(path.string(), ": has ", size, " bytes, more than ", max_bytes));
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) throw DataError(path.string() + ": reading failed");
  return bytes;
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  if (!out) throw FileError(path.string() + ": cannot be opened for writing");
  out.write(bytes.data(), std::ssize(bytes)).flush();
  if (!out) throw FileError(path.string() + ": writing failed (is the disk full?)");
}

void make_empty_folder(const fs::path& dir) {
  std::error_code failed;
  fs::create_directories(dir, failed);
  if (failed) throw FileError(dir.string() + ": cannot make this folder: " + failed.message());
  if (!fs::is_empty(dir, failed) || failed) throw FileError(dir.string() + ": must be a new or an empty folder");
}

}  // namespace norma
