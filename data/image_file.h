// Images in files: PNG and JPEG of any size, read into three bytes a pixel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "norma/core/types.h"

namespace norma {

/// A colour image; rgb holds height * width * 3 bytes in the order H,W,C.
struct Image {
  Index height = 0, width = 0;
  std::vector<std::uint8_t> rgb;
};

/// Files larger than this are not read, images with more pixels or a longer side not decoded: what a stranger's file may
/// cost is bounded.
inline constexpr Index kMaxImageFile = Index{64} << 20, kMaxImagePixels = 64'000'000, kMaxImageSide = 16384;

/// Reads a PNG (palette, grey, 16 bit, alpha, interlaced; but not both 16 bit and interlaced) or a JPEG; what it is, its
/// first bytes tell, not its name. Grey becomes R = G = B, CMYK becomes RGB, 16 bit become 8. What is transparent is laid
/// on white, as a viewer or a page shows it. A camera's note on rotation (EXIF) is not followed.
/// Throws DataError "PATH: reason" for a file that is missing, no image, damaged or too large.
Image read_image(const std::filesystem::path& path);

/// The same from the bytes of a file; errors begin with `name`. Images of more than `max_pixels` pixels are refused.
Image decode_image(std::string_view bytes, const std::string& name, Index max_pixels = kMaxImagePixels);

/// The image in another size. Where it shrinks every pixel is the mean of those it covers, weighted by a triangle as wide
/// as two new pixels, so that no detail flickers (what PIL calls BILINEAR and torchvision antialias); where it grows that
/// is bilinear interpolation. Throws Error for an empty image and for sides not from 1 to kMaxImageSide.
Image resize(const Image& image, Index height, Index width);

/// The largest square in the middle of the image, as size x size pixels: the longer side loses both its ends, nothing is
/// squeezed. Throws as resize() does.
Image square(const Image& image, Index size);

/// The bytes of a PNG file.
std::string png_bytes(const Image& image);

/// Writes a PNG. Throws FileError if the file cannot be written.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace norma
