// PNG by libpng's simplified interface, JPEG by TurboJPEG: the two decoders that distributions keep mended. (stb_image, in
// the version that Debian 12 has, writes past the end of its tables for a JPEG with more than 256 Huffman codes.)
#include "norma/data/image_file.h"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <memory>

#include "norma/core/check.h"
#include "norma/data/files/files.h"
#include "norma/data/image_set.h"

namespace norma {
namespace {

/// One byte of colour that covers `alpha` of 255 of a white ground, rounded.
std::uint8_t on_white(int colour, int alpha) {
  return static_cast<std::uint8_t>((colour * alpha + 255 * (255 - alpha) + 127) / 255);
}

/// A decoder's own words as the end of a sentence.
[[noreturn]] void refuse(const std::string& name, const char* format, const std::string& words) {
  throw DataError(name + ": damaged or unusual " + format + ": " + words);
}

/// An image to be filled, unless it is too large.
Image blank(Index height, Index width, const std::string& name, Index max_pixels) {
  if (height > kMaxImageSide || width > kMaxImageSide || height * width > max_pixels)
    throw DataError(join(name, ": has ", width, "x", height, " pixels; at most ", max_pixels, " are read, and at most ",
                         kMaxImageSide, " a side"));
  Image image{.height = height, .width = width, .rgb = {}};
  image.rgb.resize(static_cast<std::size_t>(height * width * 3));
  return image;
}

Image decode_png(std::string_view bytes, const std::string& name, Index max_pixels) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype(&png_image_free)> freed_at_the_end(&png, &png_image_free);
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) refuse(name, "PNG", png.message);
  Image image = blank(png.height, png.width, name, max_pixels);
  // libpng's simplified interface mixes up the rows of these: https://github.com/pnggroup/libpng/issues/853
  constexpr std::size_t kDepth = 24, kInterlace = 28;  // places in the header
  if (bytes[kDepth] == 16 && bytes[kInterlace] != 0)
    throw DataError(name + ": 16 bit and interlaced, which is not read; save it with 8 bit or without interlacing");
  png.format = PNG_FORMAT_RGBA;
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bit are no more linear than 8
  std::vector<std::uint8_t> rgba(PNG_IMAGE_SIZE(png));
  if (!png_image_finish_read(&png, nullptr, rgba.data(), 0, nullptr)) refuse(name, "PNG", png.message);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const std::size_t pixel = i / 3 * 4;
    image.rgb[i] = on_white(rgba[pixel + i % 3], rgba[pixel + 3]);
  }
  return image;
}

Image decode_jpeg(std::string_view bytes, const std::string& name, Index max_pixels) {
  const std::unique_ptr<void, decltype(&tjDestroy)> decoder(tjInitDecompress(), &tjDestroy);
  if (!decoder) throw std::bad_alloc();
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, sampling = 0, colours = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &sampling, &colours) != 0)
    refuse(name, "JPEG", tjGetErrorStr2(decoder.get()));
  Image image = blank(height, width, name, max_pixels);
  const bool inks = colours == TJCS_CMYK || colours == TJCS_YCCK;
  std::vector<std::uint8_t> cmyk(inks ? image.rgb.size() / 3 * 4 : 0);
  if (tjDecompress2(decoder.get(), data, bytes.size(), inks ? cmyk.data() : image.rgb.data(), width, 0, height,
                    inks ? TJPF_CMYK : TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    // Some cameras leave bytes that mean nothing between the parts of a file; the image is whole.
    const std::string words = tjGetErrorStr2(decoder.get());
    if (tjGetErrorCode(decoder.get()) != TJERR_WARNING || words.find("extraneous bytes") == std::string::npos)
      refuse(name, "JPEG", words);
  }
  for (std::size_t i = 0; inks && i < image.rgb.size(); ++i)  // 255 stands for no ink, as Adobe's programs write it
    image.rgb[i] = static_cast<std::uint8_t>((cmyk[i / 3 * 4 + i % 3] * cmyk[i / 3 * 4 + 3] + 127) / 255);
  return image;
}

}  // namespace

Image decode_image(std::string_view bytes, const std::string& name, Index max_pixels) {
  if (bytes.empty()) throw DataError(name + ": is empty");
  if (std::ssize(bytes) > kMaxImageFile) throw DataError(join(name, ": has more than ", kMaxImageFile, " bytes"));
  if (bytes.starts_with("\x89PNG")) return decode_png(bytes, name, max_pixels);
  if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, name, max_pixels);
  throw DataError(name + ": is neither a PNG nor a JPEG image");
}

Image read_image(const std::filesystem::path& path) {
  return decode_image(read_bytes(path, kMaxImageFile), path.string());
}

std::string png_bytes(const Image& image) {
  check(image.height > 0 && image.width > 0 && std::ssize(image.rgb) == image.height * image.width * 3,
        "png_bytes: an image of ", image.height, "x", image.width, " does not have ", image.rgb.size(), " bytes");
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&png, bytes.data(), &size, 0, image.rgb.data(), 0, nullptr))
    throw Error(join("png_bytes: ", png.message));
  bytes.resize(size);
  return bytes;
}

void write_png(const std::filesystem::path& path, const Image& image) { write_bytes(path, png_bytes(image)); }

}  // namespace norma
