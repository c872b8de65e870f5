// checksum(): a fingerprint that tells damaged or different bytes from the right ones; no protection against malice.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace norma {

/// The checksum of `bytes` that follow bytes with the checksum `before`. Words of 8 bytes are mixed in one by one, by steps that can be
/// undone: a change of one word never goes unseen. After FNV-1a, which takes single bytes.
inline std::uint64_t checksum(std::string_view bytes, std::uint64_t before = 0xcbf29ce484222325) {
  std::uint64_t sum = before;
  const auto mix = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * 0x9e3779b97f4a7c15;
    sum ^= sum >> 32;
  };
  mix(bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = bytes.size() < sizeof word ? bytes.size() : sizeof word;
    std::memcpy(&word, bytes.data(), count);
    mix(word);
    bytes.remove_prefix(count);
  }
  return sum;
}

}  // namespace norma
