// norma data show: a picture of a set, one row per class, its name and its number of images beside it.
#include <fmt/format.h>
#include <stb/stb_easy_font.h>

#include <algorithm>
#include <array>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/verbs/data.h"
#include "norma/apps/training/datasets.h"
#include "norma/data/image_folder.h"

namespace norma {
namespace {

struct ShowOptions {
  std::string data, out, split = "train";
  Index rows = 10, columns = 10, image_size = 32;
};

constexpr Index kCell = 64, kGap = 4, kMargin = 12, kLetter = 2;  // pixels; a letter's pixel is kLetter wide
constexpr std::uint8_t kPaper = 255, kInk = 20, kPaleInk = 120;

void fill(Image& page, Index top, Index left, Index height, Index width, std::uint8_t shade) {
  for (Index y = std::max<Index>(0, top); y < std::min(top + height, page.height); ++y)
    for (Index x = 3 * std::max<Index>(0, left); x < 3 * std::min(left + width, page.width); ++x)
      page.rgb[static_cast<std::size_t>(y * page.width * 3 + x)] = shade;
}

/// The font knows ASCII alone.
std::string printable(std::string text) {
  constexpr std::size_t kLongest = 24;
  for (char& letter : text)
    if (letter < ' ' || letter > '~') letter = '?';
  return text.size() <= kLongest ? text : text.substr(0, kLongest - 3) + "...";
}

Index text_width(std::string text) { return kLetter * stb_easy_font_width(text.data()); }

/// Draws the rectangles that the font's letters are made of.
void write(Image& page, Index top, Index left, std::string text, std::uint8_t shade) {
  struct Vertex {
    float x, y, z;
    std::array<std::uint8_t, 4> colour;
  };
  std::vector<std::array<Vertex, 4>> boxes(text.size() * 20 + 1);
  const int count = stb_easy_font_print(0, 0, text.data(), nullptr, boxes.data(),
                                        static_cast<int>(boxes.size() * sizeof boxes.front()));
  boxes.resize(static_cast<std::size_t>(count));
  for (const auto& corners : boxes) {
    const auto x = static_cast<Index>(corners[0].x), y = static_cast<Index>(corners[0].y);
    const auto width = static_cast<Index>(corners[2].x) - x, height = static_cast<Index>(corners[2].y) - y;
    fill(page, top + kLetter * y, left + kLetter * x, kLetter * height, kLetter * width, shade);
  }
}

/// The image as kCell x kCell pixels; a small one keeps its pixels, as squares.
void paste(Image& page, Index top, Index left, const Image& image) {
  const Image cell = image.width > kCell ? resize(image, kCell, kCell) : image;
  for (Index y = 0; y < kCell; ++y)
    for (Index x = 0; x < kCell; ++x) {
      const Index from = (y * cell.height / kCell * cell.width + x * cell.width / kCell) * 3;
      std::copy_n(cell.rgb.begin() + from, 3, page.rgb.begin() + ((top + y) * page.width + left + x) * 3);
    }
}

Image grid(const ImageSet& set, Index rows, Index columns) {
  std::vector<std::string> names;
  Index label_width = text_width("00000 images");
  for (Index row = 0; row < rows; ++row) {
    names.push_back(printable(set.class_names[static_cast<std::size_t>(row)]));
    label_width = std::max(label_width, text_width(names.back()));
  }
  const Index left = kMargin + label_width + kMargin;
  Image page{.height = 2 * kMargin + rows * (kCell + kGap) - kGap,
             .width = left + columns * (kCell + kGap) - kGap + kMargin,
             .rgb = {}};
  page.rgb.assign(static_cast<std::size_t>(page.height * page.width * 3), kPaper);
  for (Index row = 0; row < rows; ++row) {
    const Index top = kMargin + row * (kCell + kGap);
    Index count = 0;
    for (Index i = 0; i < set.size(); ++i) {
      if (set.labels[static_cast<std::size_t>(i)] != row) continue;
      if (count < columns) paste(page, top, left + count * (kCell + kGap), image_of(set, i));
      ++count;
    }
    write(page, top + 10, kMargin, names[static_cast<std::size_t>(row)], kInk);
    write(page, top + 38, kMargin, fmt::format("{} images", count), kPaleInk);
  }
  return page;
}

int show_data(const ShowOptions& o) {
  const DataSets sets = open_datasets(o.data, 0, o.image_size);
  const ImageSet& set = o.split == "train" ? sets.train : sets.test;
  const Index rows = std::min(o.rows, sets.classes());
  write_png(o.out, grid(set, rows, o.columns));
  fmt::print("{}: {} of {} classes, the first {} {} images of each\n", o.out, rows, sets.classes(), o.columns, o.split);
  return kDone;
}

}  // namespace

Verb data_show_verb() {
  const auto declare = [](Options& o, ShowOptions& s) {
    add_data_argument(o, s.data);
    o.add("--out", &s.out, any("FILE"), "PNG file to write").required();
    o.add("--split", &s.split, one_of({"train", "test"}), "Which images");
    o.add("--rows", &s.rows, whole_number(1, 100), "At most so many classes");
    o.add("--columns", &s.columns, whole_number(1, 100), "Images of each");
    add_image_size(o, s.image_size);
  };
  return make_verb<ShowOptions>("show", "Draw images of every class into one PNG", declare, show_data);
}

}  // namespace norma
