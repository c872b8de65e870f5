// Fuzzes parse_safetensors: whatever the bytes, it refuses them with one line of DataError, or what it read can be
// written and read again.
//
// Input that begins with 'j' is "j", a digit n, a header's JSON and 4n bytes of numbers; the right length is put in front.
// Else nearly every input would fail at the length. All other input is taken as it is.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "norma/data/files/safetensors.h"

using namespace norma;

namespace {

void require(bool ok, const std::string& what) {
  if (ok) return;
  std::cerr << what << '\n';
  std::abort();
}

std::string with_length(std::string_view input) {
  const std::size_t numbers = 4 * static_cast<std::size_t>(static_cast<unsigned char>(input[1]) % 16);
  const std::size_t rest = input.size() - 2;
  const std::size_t json = rest - std::min(numbers, rest);
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json & 0xFF);
  bytes[1] = static_cast<char>(json >> 8 & 0xFF);
  return bytes.append(input.substr(2));
}

void check_round_trip(const TensorFile& file) {
  std::string bytes;
  try {
    bytes = safetensors_bytes(file.tensors, file.metadata);
  } catch (const Error& error) {  // a counter that is stored as F32 need not be whole
    require(std::string_view(error.what()).find("must be a whole number") != std::string_view::npos, error.what());
    return;
  }
  const TensorFile again = parse_safetensors(bytes, "again");
  require(again.tensors.size() == file.tensors.size(), "a tensor was lost");
  require(safetensors_bytes(again.tensors, again.metadata) == bytes, "writing again gives other bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    const bool json = size >= 2 && input[0] == 'j';
    check_round_trip(json ? parse_safetensors(with_length(input), "FILE") : parse_safetensors(input, "FILE"));
  } catch (const DataError& error) {
    const std::string_view line = error.what();
    require(line.starts_with("FILE: ") && line.size() < 600 && line.find('\n') == line.npos, std::string(line));
  }
  return 0;
}
