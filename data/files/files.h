// Whole files and new folders, with errors that name them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace norma {

/// A file that is being read.
struct OpenFile {
  std::string name;
  std::uintmax_t size;  // of all of it, in bytes
  std::ifstream in;

  /// Appends the next `count` bytes to `bytes`. Throws DataError if there are not so many.
  void read(std::uintmax_t count, std::string& bytes);
};

/// Throws DataError if the file cannot be opened or is no regular file.
OpenFile open_file(const std::filesystem::path& path);

/// The whole of a file. Throws DataError if it cannot be read, is no regular file or larger than `max_bytes`.
std::string read_bytes(const std::filesystem::path& path, std::uintmax_t max_bytes);

/// Replaces or makes a file. Throws FileError.
void write_bytes(const std::filesystem::path& path, std::string_view bytes);

/// Makes a folder and those above it. Throws FileError if that fails or there is something in it.
void make_empty_folder(const std::filesystem::path& dir);

}  // namespace norma
