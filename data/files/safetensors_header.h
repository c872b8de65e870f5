// The header of a safetensors file, with every rule of the format checked. Used by safetensors.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "norma/core/shape.h"

namespace norma {

/// Longest header that is read, in bytes: the reference's limit.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

/// One tensor as the header describes it: bytes [begin, end) of the buffer.
struct StoredTensor {
  std::string name, dtype;  // dtype is F32, F64 or I64
  Shape shape;
  std::size_t begin, end;
};

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;  // in the order of their bytes, without holes from 0 to the end of the buffer
  std::map<std::string, std::string> metadata;
};

/// Size in bytes of a number of this dtype; 0 if Norma does not read it.
std::size_t bytes_per_number(std::string_view dtype);

/// Where the buffer begins in a file of `file_size` bytes that begins with `first` (8 bytes or more, else all of it).
/// Throws DataError unless the header fits into the file.
std::size_t safetensors_buffer(std::string_view first, std::uint64_t file_size, const std::string& file);

/// Reads the JSON of the header, `buffer_size` bytes of numbers after it. Throws DataError, with `file` in front.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t buffer_size, const std::string& file);

}  // namespace norma
