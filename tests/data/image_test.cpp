// Image files: what is decoded, what is refused, resizing.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "norma/data/files/files.h"
#include "norma/data/image_file.h"
#include "norma/data/image_set.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

namespace fs = std::filesystem;

const fs::path kImages = fs::path(NORMA_SOURCE_DIR) / "tests/reference/images";

/// Deterministic and without any regularity.
Image noise(Index height, Index width, std::uint64_t seed) {
  Random random({seed});
  Image image{.height = height, .width = width, .rgb = {}};
  for (Index i = 0; i < height * width * 3; ++i) image.rgb.push_back(static_cast<std::uint8_t>(random.below(256)));
  return image;
}

class ImageFile : public ::testing::Test {
 protected:
  void SetUp() override { fs::create_directories(dir_); }
  void TearDown() override { fs::remove_all(dir_); }

  /// The bytes of a PNG of that size.
  std::string png(Index height, Index width) {
    write_png(dir_ / "made.png", noise(height, width, 1));
    return read_bytes(dir_ / "made.png", 1 << 30);
  }

  const fs::path dir_ = fs::temp_directory_path() / ("norma_images_" + std::to_string(::getpid()));
};

void expect_data_error(const std::string& bytes, std::initializer_list<std::string> parts,
                       Index max_pixels = kMaxImagePixels) {
  expect_error([&] { decode_image(bytes, "x.png", max_pixels); }, parts);
  EXPECT_THROW(decode_image(bytes, "x.png", max_pixels), DataError);
}

TEST_F(ImageFile, APngComesBackAsItWasWritten) {
  for (const auto& [height, width] :
       std::vector<std::pair<Index, Index>>{{1, 1}, {7, 9}, {32, 32}, {1, 300}, {200, 3}}) {
    const Image image = noise(height, width, 2);
    write_png(dir_ / "a.png", image);
    const Image back = read_image(dir_ / "a.png");
    EXPECT_EQ(back.height, height);
    EXPECT_EQ(back.width, width);
    EXPECT_EQ(back.rgb, image.rgb);
  }
}

TEST_F(ImageFile, EveryKindOfPngIsRead) {
  // tests/reference/images/make.py draws the same 9x7 pixels in every kind; plain and interlaced agree.
  for (const char* kind : {"grey1", "grey2", "grey4", "grey8", "grey16", "rgb8", "rgb16", "palette1", "palette2",
                           "palette4", "palette8", "grey_alpha8", "grey_alpha16", "rgba8", "rgba16"}) {
    const Image plain = read_image(kImages / (std::string(kind) + ".png"));
    EXPECT_EQ(plain.height, 7) << kind;
    EXPECT_EQ(plain.width, 9) << kind;
    if (std::string(kind).ends_with("16")) {
      expect_error([&] { read_image(kImages / (std::string(kind) + "_interlaced.png")); }, {"16 bit and interlaced"});
      continue;
    }
    const Image interlaced = read_image(kImages / (std::string(kind) + "_interlaced.png"));
    EXPECT_EQ(plain.rgb, interlaced.rgb) << kind;
  }
  EXPECT_EQ(read_image(kImages / "rgb8.png").rgb, read_image(kImages / "rgb16.png").rgb);
  EXPECT_EQ(read_image(kImages / "grey8.png").rgb, read_image(kImages / "grey16.png").rgb);
  EXPECT_EQ(read_image(kImages / "rgba8.png").rgb, read_image(kImages / "rgba16.png").rgb);
  const Image grey = read_image(kImages / "grey8.png"), colour = read_image(kImages / "rgb8.png");
  for (std::size_t pixel = 0; pixel < 63; ++pixel) {
    const std::size_t x = pixel % 9, y = pixel / 9;
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_EQ(grey.rgb[3 * pixel + c], (x * 37 + y * 91) % 256);
      EXPECT_EQ(colour.rgb[3 * pixel + c], (x * 37 + y * 91 + c * 50) % 256);
    }
  }
}

TEST_F(ImageFile, WhatIsTransparentIsWhite) {
  const Image image = read_image(kImages / "rgba8.png");
  for (std::size_t pixel = 0; pixel < 63; ++pixel) {
    const std::size_t x = pixel % 9, y = pixel / 9, alpha = (x * 37 + y * 91 + 150) % 256;
    for (std::size_t c = 0; c < 3; ++c) {
      const double colour = static_cast<double>((x * 37 + y * 91 + c * 50) % 256),
                   cover = static_cast<double>(alpha) / 255;
      EXPECT_NEAR(image.rgb[3 * pixel + c], colour * cover + 255 * (1 - cover), 0.5001);
    }
  }
  const Image keyed = read_image(kImages / "colour_key.png");  // pixel (1,1) alone has the colour that means "nothing"
  EXPECT_EQ(keyed.rgb[3 * 5], 255);
  EXPECT_EQ(keyed.rgb[0], 0);
}

TEST_F(ImageFile, JpegsAreRead) {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"}) {
    const Image image = read_image(kImages / name);
    EXPECT_EQ(image.height, 24) << name;
    EXPECT_EQ(image.width, 20) << name;
    for (Index y = 0; y < 24; ++y)  // a ramp from dark to light, left to right
      EXPECT_GT(image.rgb[static_cast<std::size_t>(3 * (y * 20 + 19))],
                image.rgb[static_cast<std::size_t>(3 * y * 20)] + 150)
          << name;
  }
}

TEST_F(ImageFile, WhatIsNoImageIsRefusedInOneLine) {
  expect_data_error("", {"x.png: is empty"});
  expect_data_error("hello\n", {"x.png: is neither a PNG nor a JPEG image"});
  expect_data_error("GIF89a and so on", {"neither"});
  expect_error([&] { read_image(dir_); }, {dir_.string(), "not a regular file"});
  expect_error([&] { read_image(dir_ / "none.png"); }, {"none.png: no such file"});
  EXPECT_THROW(read_image(dir_), DataError);
  const std::string whole = png(20, 20);
  for (std::size_t length = 4; length + 12 < whole.size(); ++length)  // the last 12 bytes, IEND, are not needed
    EXPECT_THROW(decode_image(whole.substr(0, length), "x.png"), DataError) << length;
  const std::string jpeg = read_bytes(kImages / "baseline.jpg", 1 << 20);
  for (std::size_t length = 3; length + 2 < jpeg.size(); ++length)
    EXPECT_THROW(decode_image(jpeg.substr(0, length), "x.jpg"), DataError) << length;
}

TEST_F(ImageFile, ADamagedPngIsRefused) {
  const std::string whole = png(20, 20);
  for (std::size_t i = 0; i + 12 < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    try {
      EXPECT_EQ(decode_image(damaged, "x.png").rgb, noise(20, 20, 1).rgb) << "byte " << i << " is decoded otherwise";
    } catch (const DataError&) {
    }
  }
}

TEST_F(ImageFile, TooLargeIsRefusedByTheHeader) {
  // The header of a 20000 x 20000 PNG, with its checksum, and no pixels.
  const std::string header(
      "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\x02\0\0\0\x6c\x12\xd1\x6e\0\0\0\0IDAT\x35\xaf\x06"
      "\x1e",
      45);
  expect_data_error(header, {"20000x20000", "64000000", "16384"});
  expect_data_error(png(20, 20), {"20x20", "at most 399 "}, 399);
  EXPECT_EQ(decode_image(png(20, 20), "x.png", 400).width, 20);
  fs::resize_file(dir_ / "made.png", static_cast<std::uintmax_t>(kMaxImageFile) + 1);
  expect_error([&] { read_image(dir_ / "made.png"); }, {"made.png", "67108865 bytes"});
}

TEST_F(ImageFile, AJpegWithTooManyCodesIsRefused) {
  // Sixteen times 255 Huffman codes: what stb_image 2.27 writes behind its tables for.
  std::string bytes = "\xff\xd8\xff\xc4";
  bytes.append("\x0f\xff\0", 3).append(16, '\xff').append(4080, 'x');
  expect_data_error(bytes, {"JPEG"});
}

TEST_F(ImageFile, WhatCannotBeWrittenIsNamed) {
  expect_error([] { write_png("/nowhere/a.png", noise(2, 2, 1)); }, {"/nowhere/a.png", "cannot be opened for writing"});
  EXPECT_THROW(write_png("/nowhere/a.png", noise(2, 2, 1)), FileError);
  expect_error([] { write_png("a.png", Image{}); }, {"png_bytes", "0x0"});
}

TEST(Resize, ByHand) {
  const Image row{.height = 1, .width = 4, .rgb = {0, 0, 0, 40, 80, 120, 80, 160, 240, 120, 240, 120}};
  EXPECT_EQ(resize(row, 1, 4).rgb, row.rgb);
  // To half: new pixel 0 lies between old 0 and 1; weights 3/8 3/8 1/8 of the triangle of reach 2, cut at the edge.
  const Image half = resize(row, 1, 2);
  EXPECT_EQ(half.rgb[0], std::lround((0 * 3 + 40 * 3 + 80 * 1) / 7.0));
  EXPECT_EQ(half.rgb[3], std::lround((40 * 1 + 80 * 3 + 120 * 3) / 7.0));
  // To double: bilinear.
  const Image twice = resize(row, 1, 8);
  EXPECT_EQ(twice.rgb[0], 0);
  EXPECT_EQ(twice.rgb[3], 10);
  EXPECT_EQ(twice.rgb[6], 30);
  EXPECT_EQ(twice.rgb[21], 120);
}

TEST(Resize, KeepsConstantsAndMeans) {
  const Image grey{.height = 50, .width = 31, .rgb = std::vector<std::uint8_t>(50 * 31 * 3, 137)};
  for (const std::uint8_t byte : resize(grey, 7, 90).rgb) EXPECT_EQ(byte, 137);
  // One-pixel stripes become their mean, not one of the two.
  Image stripes{.height = 64, .width = 64, .rgb = {}};
  for (Index i = 0; i < 64 * 64 * 3; ++i) stripes.rgb.push_back(i / 3 % 2 ? 255 : 0);
  for (const std::uint8_t byte : resize(stripes, 8, 8).rgb) EXPECT_NEAR(byte, 127.5, 5);
}

TEST(Resize, IsAFunctionOfTheImageAlone) {
  const Image image = noise(300, 200, 4);
  const std::vector<std::uint8_t> expected = resize(image, 90, 110).rgb;
  for (const int threads : kThreadCounts) {
    const ThreadCount use(threads);
    EXPECT_EQ(resize(image, 90, 110).rgb, expected) << threads;
  }
}

TEST(Resize, RefusesWhatItCannotDo) {
  expect_error([] { resize(noise(2, 2, 1), 0, 5); }, {"resize", "0x5"});
  expect_error([] { resize(noise(2, 2, 1), 5, kMaxImageSide + 1); }, {"resize", "5x16385"});
  expect_error([] { resize(Image{}, 5, 5); }, {"resize", "0x0"});
  expect_error([] { square(Image{}, 5); }, {"square", "0x0"});
}

TEST(Resize, SquareTakesTheMiddle) {
  Image wide{.height = 2, .width = 6, .rgb = {}};
  for (Index i = 0; i < 12; ++i)
    for (int c = 0; c < 3; ++c) wide.rgb.push_back(static_cast<std::uint8_t>(i % 6 * 10));
  const Image middle = square(wide, 2);
  EXPECT_EQ(middle.rgb, (std::vector<std::uint8_t>{20, 20, 20, 30, 30, 30, 20, 20, 20, 30, 30, 30}));
  EXPECT_EQ(square(noise(16384, 1, 3), 32).rgb.size(), 32u * 32 * 3);
}

}  // namespace
}  // namespace norma::test
