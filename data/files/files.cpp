#include "norma/data/files/files.h"

#include "norma/core/check.h"

namespace norma {

namespace fs = std::filesystem;

OpenFile open_file(const fs::path& path) {
  OpenFile file{.name = path.string(), .size = 0, .in = {}};
  std::error_code failed;
  const fs::file_status status = fs::status(path, failed);
  if (status.type() == fs::file_type::not_found) throw DataError(file.name + ": no such file");
  if (!fs::exists(status)) throw DataError(file.name + ": cannot be read: " + failed.message());
  if (!fs::is_regular_file(status)) throw DataError(file.name + ": not a regular file");
  file.in.open(path, std::ios::binary);
  if (!file.in) throw DataError(file.name + ": cannot be opened for reading");
  file.size = fs::file_size(path, failed);
  if (failed) throw DataError(file.name + ": reading failed");
  return file;
}

void OpenFile::read(std::uintmax_t count, std::string& bytes) {
  const std::size_t before = bytes.size();
  bytes.resize(before + static_cast<std::size_t>(count));
  if (!in.read(bytes.data() + before, static_cast<std::streamsize>(count))) throw DataError(name + ": reading failed");
}

std::string read_bytes(const fs::path& path, std::uintmax_t max_bytes) {
  OpenFile file = open_file(path);
  if (file.size > max_bytes) throw DataError(join(file.name, ": has ", file.size, " bytes, more than ", max_bytes));
  std::string bytes;
  file.read(file.size, bytes);
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
