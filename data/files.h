// Whole files and new folders, with errors that name them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace norma {

/// The whole of a file. Throws DataError if it cannot be read, is no regular file or larger than `max_bytes`.
std::string read_bytes(const std::filesystem::path& path, std::uintmax_t max_bytes);

/// Replaces or makes a file. Throws FileError.
void write_bytes(const std::filesystem::path& path, std::string_view bytes);

/// Makes a folder and those above it. Throws FileError if that fails or there is something in it.
void make_empty_folder(const std::filesystem::path& dir);

}  // namespace norma
