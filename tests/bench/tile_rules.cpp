// Which tile of Winograd's convolution is exact enough? Random 3x3 convolutions are computed by each tile, by the
// definition and in double. The bounds in layers/fast/conv2d_winograd.cpp are where the errors of a tile begin to stay
// below three times the definition's. docs/fast_convolution.md has the table that this prints:
//   build/release/tests/tile_rules [SHAPES [SEED]]    (6000 random shapes, of which a third are used: 25 s)
#include <array>
#include <cstdio>
#include <map>

#include "norma/layers/fast/conv2d_kernels.h"
#include "norma/tests/layers/fast/conv2d_cases.h"

namespace {
using namespace norma;
using namespace norma::test;

constexpr std::array kBins{0, 26, 52, 105, 210, 420};  // a bin begins at so many terms
constexpr std::array kTiles{fast::WinogradTile::of_2x2, fast::WinogradTile::of_4x2, fast::WinogradTile::of_4x4};
constexpr std::array kTileNames{"2x2", "4x2", "4x4"};

/// The results of one kind, one tile and one bin.
struct Cell {
  int results = 0, too_inexact = 0;
  double worst = 0;  // error, in units of the definition's
};
using Table = std::map<std::string, std::array<std::array<Cell, kBins.size()>, kTiles.size()>>;

/// Results by the kernels of a tile, as by() gives them.
std::vector<Tensor> by_tile(fast::WinogradTile tile, const Case& s, const Arguments& a) {
  std::vector<Tensor> r{Tensor::empty(a.dy.shape()), Tensor::empty(a.x.shape()), Tensor::empty(a.weight.shape())};
  const auto& kernels = fast::winograd_kernels(tile);
  kernels.forward(a.x, a.weight, s.stride, s.padding, r[0]);
  kernels.input_gradient(a.dy, a.weight, s.stride, s.padding, r[1]);
  kernels.weight_gradient(a.x, a.dy, s.stride, s.padding, r[2]);
  return r;
}

/// How many pairs (output pixel, number under its window) lie inside the images.
double pairs_inside(const Case& s) {
  const auto along = [&](Index size_in, Index size_out) {
    Index count = 0;
    for (Index i = 0; i < size_out; ++i)
      for (Index u = 0; u < 3; ++u) count += i + u >= s.padding && i + u < size_in + s.padding;
    return count;
  };
  return static_cast<double>(s.n * along(s.h, s.out_h()) * along(s.w, s.out_w()));
}

/// Terms of the sums of y, dx and dweight, as choose_tile counts them.
std::array<double, 3> terms_of(const Case& s) {
  const double pairs = pairs_inside(s), c = static_cast<double>(s.c), o = static_cast<double>(s.o);
  return {pairs * c / static_cast<double>(s.n * s.out_h() * s.out_w()),
          pairs * o / static_cast<double>(s.n * s.h * s.w) * 2 / 9, pairs / 9};
}

std::string kind(const Case& s, std::size_t direction) {
  constexpr std::array kNames{"y", "dx", "dweight"};
  const bool few = direction != 1 && s.o < (direction == 0 ? 32 : 16);
  const Index side = direction == 1 ? std::min(s.h, s.w) : std::min(s.out_h(), s.out_w());
  return join(kNames[direction], few ? ", few filters" : "", side <= 4 ? ", thin" : "");
}

void add(const Case& s, Table& table) {
  const Arguments a(s);
  const Results right = exact(s, a.x, a.weight, a.dy);
  const std::vector<Tensor> definition = by(ConvMethod::reference, s, a.x, a.weight, a.dy);
  const std::array<double, 3> terms = terms_of(s);
  for (std::size_t tile = 0; tile < kTiles.size(); ++tile) {
    const std::vector<Tensor> results = by_tile(kTiles[tile], s, a);
    for (std::size_t direction = 0; direction < 3; ++direction) {
      std::size_t bin = 0;
      while (bin + 1 < kBins.size() && terms[direction] >= kBins[bin + 1]) ++bin;
      Cell& cell = table[kind(s, direction)][tile][bin];
      const double error = rms_error(results[direction], right[direction]) /
                           std::max(rms_error(definition[direction], right[direction]), kSmallestError);
      ++cell.results;
      cell.too_inexact += error > 3;
      cell.worst = std::max(cell.worst, error);
    }
  }
}

void print(const Table& table) {
  std::printf("%-26s tile", "result \\ terms");
  for (const int begin : kBins) std::printf("  from %-7d", begin);
  std::printf("\n");
  for (const auto& [name, of_tiles] : table)
    for (std::size_t tile = 0; tile < kTiles.size(); ++tile) {
      std::printf("%-26s %-4s", name.c_str(), kTileNames[tile]);
      for (const Cell& cell : of_tiles[tile])
        cell.results == 0 ? std::printf("  %-12s", "-")
                          : std::printf("  %-5.2f %5.1f%%", cell.worst, 100.0 * cell.too_inexact / cell.results);
      std::printf("\n");
    }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::stoul(argv[1]) : 6000;
  Table table;
  int used = 0;
  for (const Case& s : shapes(count, argc > 2 ? std::stoul(argv[2]) : 1)) {
    if (s.k != 3 || s.stride != 1 || std::min(s.c, s.o) < fast::kWinogradChannels) continue;
    add(s, table);
    ++used;
  }
  std::printf("%d shapes. In each cell: the worst error in units of the definition's, and how many are above 3.\n",
              used);
  print(table);
}
