// Winograd's convolution of a whole batch, and its gradients. The derivation is in conv2d_transforms.h.
//
// For every tile and every pair of channels Y = A^T [U . V] A, and the sum over the input channels comes before A:
//   M[plane][tile, o] = sum over c of V[plane][tile, c] U[plane][c, o]
// This is one matrix product per plane. A group of tiles is computed in three steps,
//   x -> V = B^T d B, tile by tile;   M = V U, plane by plane;   M -> y = A^T M A, tile by tile
// and the group is so small that V and M stay in the cache.
//
// Gradients. dx is a convolution of dy, see input_gradient. For the weights,
//   dU[plane][o, c] = sum over tiles of D[plane][tile, o] V[plane][tile, c],   D = A dY A^T,   dweight = G^T dU G
// Each of a fixed number of tasks does this with its own tiles, and then their dweight are added up.
//
// Which tile. A larger tile needs fewer products and makes larger rounding errors. Those of 4x4 outputs are as large as
// those of a direct sum of a few hundred terms. So long sums use 4x4 tiles, shorter ones 4x2 and the shortest 2x2.
#include "norma/layers/fast/conv2d_kernels.h"
#include "norma/layers/fast/conv2d_tiles.h"

namespace norma::fast {
namespace {

// With fewer terms (products per sum) than this, errors of the tile may be more than three times the definition's.
// Found with tests/bench/tile_rules.cpp; its table is in docs/fast_convolution.md. So are the next two rules.
constexpr double kTermsFor4x2 = 52, kTermsFor4x4 = 210;
// Thin images: most windows lie at the border, and many hold fewer terms than the average.
constexpr Index kThinSide = 4;
constexpr double kThinTerms = 0.7;
// With few filters Eigen splits the definition's sums into parts. They are as exact as sums of a third (y) or half
// (dweight) of the terms, and 4x4 is never exact enough.
constexpr Index kFewFilters = 32, kFewFiltersOfGradient = 16;
constexpr double kParts = 3, kPartsOfGradient = 2;

// These decide the speed. `tests/bench/found_numbers.py BUILD group_bytes` times other values of the first, and so on.
constexpr Index kCacheBytes = 384 << 10;  // group_bytes: for V and M of a group; U needs the rest of the L2 cache
constexpr Index kMostTiles = 72;          // group_tiles: per group, where channels are few
// gradient_tiles, large_gradient_tiles: per group for dweight. Each group reads and writes dU; if dU is large, that
// takes longest, so the groups are larger.
constexpr Index kTilesOfGradient = 48, kTilesOfLargeGradient = 96, kLargeGradient = 128 * 128;
// short_sum, long_sum: terms per partial sum. Long ones are faster, short ones more exact; with so many channels the
// definition's sums are long and inexact, too, and long ones are exact enough.
constexpr Index kShortSum = 16, kLongSum = 32;
constexpr Index kChannelsForLongSum = 48, kChannelsForLongSumOfGradient = 200;

/// U = G g G^T for every pair of channels, in panels as multiply_panels wants them: per plane, per kPanel outputs (the
/// last panel may have kLanes), one row per input. filters(i, j, c) points to the numbers at row i, column j of all
/// filters for input c, one per output.
template <class T, class Filters>
Tensor transform_filters(Index inputs, Index outputs, const Filters& filters) {
  const Index plane = inputs * padded(outputs) + kLanes;  // longer than needed: see Planes
  Tensor U = Tensor::empty({T::planes, plane});
  Real* all = U.rows().data();
  parallel_blocks(blocks_of(outputs, kLanes), 1, [&](Index block, Index, Index) {
    const Index o = block * kLanes, first = o / kPanel * kPanel;
    const Index width = std::min<Index>(kPanel, padded(outputs) - first), count = std::min<Index>(kLanes, outputs - o);
    for (Index c = 0; c < inputs; ++c) {
      Real* to = all + first * inputs + c * width + (o - first);
      sandwich<kG<T::height>, kG<T::width>>(
          [&](auto i, auto j) __attribute__((always_inline)) { return load_some(filters(i, j, c) + o, count); },
          [&](auto i, auto j, Vector v)
              __attribute__((always_inline)) { store(to + (i * T::columns + j) * plane, v); });
    }
  });
  return U;
}

/// The size of groups of at most `most` tiles each. The groups are about equal, and their number is even, so that a
/// small batch keeps two threads busy.
Index even_groups(Index tiles, Index most) { return blocks_of(tiles, 2 * blocks_of(tiles, 2 * most)); }

/// y from x and transformed filters, one group of tiles after another.
template <class T>
void convolve(const Tensor& x, const Tensor& U, Index padding, Index terms_per_sum, Tensor& y) {
  const Index inputs = x.dim(1), outputs = y.dim(1);
  const Index fitting = kCacheBytes / (T::planes * (inputs + outputs) * static_cast<Index>(sizeof(Real)));
  const Grid<T> grid{y};
  const Index group = even_groups(grid.count, std::clamp<Index>(fitting, 2 * kTileRows, kMostTiles));
  const Planes in(group, inputs), out(group, outputs);
  const Tensor zeros({inputs});
  Tensor scratch = Tensor::empty({omp_get_max_threads(), T::planes * (in.plane + out.plane) + outputs});
  parallel_blocks(grid.count, group, [&](Index first, Index count, Index) {
    Real *V = row_of_thread(scratch), *M = V + T::planes * in.plane, *nowhere = M + T::planes * out.plane;
    transform_pixels<kBT<T::height>, kBT<T::width>>(images_of(x), grid, first, count, padding, zeros, in, V);
    for (Index p = 0; p < T::planes; ++p)
      multiply_panels(count, {V + p * in.plane, in.row, 1}, U.rows().row(p).data(), outputs, inputs, terms_per_sum,
                      M + p * out.plane, out.row, false);
    transform_output(M, out, grid, first, count, nowhere, images_of(y));
  });
}

/// dweight = G^T dU G for every pair of channels.
template <class T>
void filters_of(const Real* dU, Planes planes, Index inputs, Index outputs, Real* dweight) {
  for (Index o = 0; o < outputs; ++o)
    for_each_vector(inputs, [&](Index c, const auto& load_vector, const auto& store_vector) {
      const Real* from = dU + o * planes.row + c;
      Real* to = dweight + o * 9 * inputs + c;
      sandwich<kG<T::height>, kG<T::width>, kTransposed>(
          [&](auto i, auto j)
              __attribute__((always_inline)) { return load_vector(from + (i * T::columns + j) * planes.plane); },
          [&](auto i, auto j, Vector v) __attribute__((always_inline)) { store_vector(to + (i * 3 + j) * inputs, v); });
    });
}

/// Each task adds up dU over its tiles and turns it into its share of dweight, which is smaller (with 4x4, a quarter).
template <class T>
void weight_gradient_by(const Tensor& x, const Tensor& dy, Index padding, Tensor& dweight) {
  const Index inputs = x.dim(1), outputs = dy.dim(1);
  const Grid<T> grid{dy};
  const Index most = inputs * outputs > kLargeGradient ? kTilesOfLargeGradient : kTilesOfGradient;
  const Index group_size = even_groups(grid.count, most);
  const Planes in(group_size, inputs), out(group_size, outputs), pairs(outputs, inputs);
  const Tensor zeros({std::max(inputs, outputs)});
  const Shape of_threads{omp_get_max_threads(), T::planes * (in.plane + out.plane + pairs.plane)};
  Tensor scratch = Tensor::empty(of_threads);
  add_up(blocks_of(grid.count, group_size), scratch, dweight, [&](Index begin, Index end, Real* V, Real* share) {
    Real *D = V + T::planes * in.plane, *dU = D + T::planes * out.plane;
    // Lanes after the last channel are multiplied too. Nobody reads the result, but leftover denormal numbers are slow.
    if (inputs % kLanes != 0) std::fill_n(V, T::planes * in.plane, Real{0});
    for (Index group = begin; group < end; ++group) {
      const Index first = group * group_size, count = std::min(group_size, grid.count - first);
      transform_pixels<kBT<T::height>, kBT<T::width>>(images_of(x), grid, first, count, padding, zeros, in, V);
      transform_pixels<kA<T::height>, kA<T::width>>(images_of(dy), grid, first, count, 0, zeros, out, D);
      for (Index p = 0; p < T::planes; ++p)
        for (Index c = 0; c < inputs; c += kPanel)
          multiply_panel(outputs, {D + p * out.plane, 1, out.row}, V + p * in.plane + c, in.row,
                         std::min<Index>(kPanel, padded(inputs) - c), count, count, dU + p * pairs.plane + c, pairs.row,
                         group > begin);
    }
    filters_of<T>(dU, pairs, inputs, outputs, share);
  });
}

/// How many of the 9 numbers under a window lie inside the image, on average over the outputs. Shapes as of x and y.
double inside(const Shape& in, const Shape& out, Index padding) {
  const auto pairs = [padding](Index size_in, Index size_out) {
    Index count = 0;
    for (Index u = 0; u < 3; ++u)
      count += std::max<Index>(0, std::min(size_out, size_in + padding - u) - std::max<Index>(0, padding - u));
    return static_cast<double>(count) / static_cast<double>(size_out);
  };
  return pairs(in[2], out[2]) * pairs(in[3], out[3]);
}

/// The number of terms that stands for `terms` where Eigen splits the definition's sums; too few for 4x4.
double split_terms(double terms, double parts) { return std::min(terms / parts, kTermsFor4x4 - 1); }

/// Calls run with the largest tile whose errors are small beside those of sums of `terms` terms, and which y fills.
template <WinogradTile forced, class Run>
void choose_tile(double terms, const Shape& y, const Run& run) {
  const Index side = std::min(y[2], y[3]);
  if (side <= kThinSide) terms *= kThinTerms;
  WinogradTile tile = forced;
  if (forced == WinogradTile::by_error)
    tile = side < 3 || terms < kTermsFor4x2 ? WinogradTile::of_2x2
           : terms < kTermsFor4x4           ? WinogradTile::of_4x2
                                            : WinogradTile::of_4x4;
  if (tile == WinogradTile::of_2x2) return run(Tile<2, 2>{});
  if (tile == WinogradTile::of_4x2) return run(Tile<4, 2>{});
  run(Tile<4, 4>{});
}

template <WinogradTile tile>
void forward(const Tensor& x, const Tensor& weight, Index /*stride*/, Index padding, Tensor& y) {
  const Index inputs = x.dim(1), outputs = y.dim(1);
  Tensor by_output = Tensor::empty({9 * inputs, outputs});  // the outputs are neighbours in memory
  parallel_blocks(9 * inputs, kLanes, [&](Index first, Index n, Index) {
    by_output.rows().middleRows(first, n) = weight.rows().middleCols(first, n).transpose();
  });
  const Real* filters = by_output.rows().data();
  const auto filter = [=](Index i, Index j, Index c) { return filters + ((i * 3 + j) * inputs + c) * outputs; };
  const double terms = inside(x.shape(), y.shape(), padding) * static_cast<double>(inputs);
  const Index terms_per_sum = inputs < kChannelsForLongSum ? kShortSum : kLongSum;
  choose_tile<tile>(outputs < kFewFilters ? split_terms(terms, kParts) : terms, y.shape(), [&]<class T>(T) {
    convolve<T>(x, transform_filters<T>(inputs, outputs, filter), padding, terms_per_sum, y);
  });
}

/// dx is a convolution, too. Along one axis y_i = sum over u of x_{i+u-p} w_u, with padding p, so pixel x_a is in
/// output i under w_u where i = a + p - u, and
///   dx_a = sum over u of dy_{a+p-u} w_u = sum over v of dy_{a+v-(2-p)} w_{2-v}      (v = 2 - u)
/// This is y's formula with dy for x, the filter turned round, and padding 2 - p: with p = 0, y is two pixels shorter
/// than x, and the first pixel x_0 is in y_0 alone, so that two of dx_0's three terms are padding.
template <WinogradTile tile>
void input_gradient(const Tensor& dy, const Tensor& weight, Index /*stride*/, Index padding, Tensor& dx) {
  const Index inputs = dy.dim(1), outputs = dx.dim(1);
  const Real* filters = weight.rows().data();
  const auto turned = [=](Index i, Index j, Index c) { return filters + ((c * 3 + 2 - i) * 3 + 2 - j) * outputs; };
  // The definition adds up nine sums of `inputs` terms, which is about as exact as one of twice that length.
  const double terms = inside(dy.shape(), dx.shape(), 2 - padding) / 9 * 2 * static_cast<double>(inputs);
  const Index terms_per_sum = inputs < kChannelsForLongSumOfGradient ? kShortSum : kLongSum;
  choose_tile<tile>(terms, dx.shape(), [&]<class T>(T) {
    convolve<T>(dy, transform_filters<T>(inputs, outputs, turned), 2 - padding, terms_per_sum, dx);
  });
}

template <WinogradTile tile>
void weight_gradient(const Tensor& x, const Tensor& dy, Index /*stride*/, Index padding, Tensor& dweight) {
  const double terms = inside(x.shape(), dy.shape(), padding) / 9 * static_cast<double>(dy.pixels().rows());
  const bool few = dy.dim(1) < kFewFiltersOfGradient;
  choose_tile<tile>(few ? split_terms(terms, kPartsOfGradient) : terms, dy.shape(),
                    [&]<class T>(T) { weight_gradient_by<T>(x, dy, padding, dweight); });
}

template <WinogradTile tile>
constexpr Conv2dKernels kKernels{forward<tile>, input_gradient<tile>, weight_gradient<tile>};

}  // namespace

const Conv2dKernels& winograd_kernels(WinogradTile tile) {
  static constexpr Conv2dKernels kernels[] = {kKernels<WinogradTile::by_error>, kKernels<WinogradTile::of_2x2>,
                                              kKernels<WinogradTile::of_4x2>, kKernels<WinogradTile::of_4x4>};
  return kernels[static_cast<std::size_t>(tile)];
}

}  // namespace norma::fast
