// Y = A^T [U . V] A for every tile, every pair of channels, and the sum over the input channels:
//   M[plane][tile, o] = sum over c of V[plane][tile, c] U[plane][c, o]
// a product of matrices for each plane. The work on a group of tiles is
//   x -> V = B^T d B, tile by tile;   M = V U, plane by plane;   M -> y = A^T M A, tile by tile
// with a group so small that V and M stay in the cache.
//
// Backward. dx is the convolution of dy with the turned filters, padded by 2 - padding. For the weights,
//   dU[plane][o, c] = sum over tiles of D[plane][tile, o] V[plane][tile, c],   D = A dY A^T,   dweight = G^T dU G
// where a fixed number of tasks does so with tiles of its own, and their dweight are added up.
//
// Which tile. The larger, the fewer products, and the larger the rounding errors: those of 4x4 outputs are like those
// of a direct sum of some hundred terms. Sums that are shorter are exact enough to notice, and take tiles of 4x2 or
// 2x2.
#include "norma/layers/fast/conv2d_kernels.h"
#include "norma/layers/fast/conv2d_tiles.h"

namespace norma::fast {
namespace {

/// U = G g G^T for every pair of channels, as panels: for each plane, for each kPanel outputs (or the kLanes that
/// remain), a row for each input. filters(i, j, c) points to the filters' numbers at row i, column j for input c, one
/// for each output.
template <class T, class Filters>
Tensor transform_filters(Index inputs, Index outputs, const Filters& filters) {
  const Index plane = inputs * padded(outputs) + kLanes;  // longer than needed, as in Planes
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

/// Size of groups of at most `most` tiles, about equal and even in number: a small batch keeps two threads busy, too.
Index even_groups(Index tiles, Index most) { return blocks_of(tiles, 2 * blocks_of(tiles, 2 * most)); }

/// y from x and transformed filters, a group of tiles at a time.
template <class T>
void convolve(const Tensor& x, const Tensor& U, Index padding, Index terms_per_sum, Tensor& y) {
  const Index inputs = x.dim(1), outputs = y.dim(1);
  // Tiles whose V and M leave room for U in a core's second-level cache.
  const Index fitting = (384 << 10) / (T::planes * (inputs + outputs) * static_cast<Index>(sizeof(Real)));
  const Grid<T> grid{y};
  const Index group = even_groups(grid.count, std::clamp<Index>(fitting, 2 * kTileRows, 72));
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

/// A task adds up dU over its tiles and makes its share of dweight of it, which has fewer numbers: with 4x4, a quarter.
template <class T>
void weight_gradient_by(const Tensor& x, const Tensor& dy, Index padding, Tensor& dweight) {
  const Index inputs = x.dim(1), outputs = dy.dim(1);
  const Grid<T> grid{dy};
  // With every group dU is read and written, and where it is large, that takes longest.
  const Index group_size = even_groups(grid.count, inputs * outputs > 128 * 128 ? 96 : 48);
  const Planes in(group_size, inputs), out(group_size, outputs), pairs(outputs, inputs);
  const Tensor zeros({std::max(inputs, outputs)});
  const Shape of_threads{omp_get_max_threads(), T::planes * (in.plane + out.plane + pairs.plane)};
  Tensor scratch = Tensor::empty(of_threads);
  add_up(blocks_of(grid.count, group_size), scratch, dweight, [&](Index begin, Index end, Real* V, Real* share) {
    Real *D = V + T::planes * in.plane, *dU = D + T::planes * out.plane;
    // Lanes behind the last channel are multiplied too; nobody reads what they give, but leftovers may make it slow.
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

/// How many of the 9 numbers under a window lie inside the image, on average over the h x w outputs.
double inside(const Shape& in, const Shape& out, Index padding) {
  const auto pairs = [padding](Index size_in, Index size_out) {
    Index count = 0;
    for (Index u = 0; u < 3; ++u)
      count += std::max<Index>(0, std::min(size_out, size_in + padding - u) - std::max<Index>(0, padding - u));
    return static_cast<double>(count) / static_cast<double>(size_out);
  };
  return pairs(in[2], out[2]) * pairs(in[3], out[3]);
}

/// Calls run with the largest tile whose errors sums of so many terms hide, and which the images fill. Where most
/// windows lie at the border, many hold fewer terms than the average. The bounds were found with random shapes; whoever
/// passes at most 200 terms gets no 4x4.
template <class Run>
void choose_tile(double terms, const Shape& y, const Run& run) {
  const Index side = std::min(y[2], y[3]);
  if (side <= 4) terms *= 0.7;
  if (side < 3 || terms < 52)
    run(Tile<2, 2>{});
  else if (terms < 210)
    run(Tile<4, 2>{});
  else
    run(Tile<4, 4>{});
}

void forward(const Tensor& x, const Tensor& weight, Index /*stride*/, Index padding, Tensor& y) {
  const Index inputs = x.dim(1), outputs = y.dim(1);
  Tensor by_output = Tensor::empty({9 * inputs, outputs});  // an output's number beside the next one's
  parallel_blocks(9 * inputs, kLanes, [&](Index first, Index n, Index) {
    by_output.rows().middleRows(first, n) = weight.rows().middleCols(first, n).transpose();
  });
  const Real* filters = by_output.rows().data();
  const auto filter = [=](Index i, Index j, Index c) { return filters + ((i * 3 + j) * inputs + c) * outputs; };
  // With few filters, Eigen adds up the definition's sums in several parts, which is more exact.
  const double terms = inside(x.shape(), y.shape(), padding) * static_cast<double>(inputs);
  choose_tile(outputs < 32 ? std::min(terms / 3, 200.0) : terms, y.shape(), [&]<class T>(T) {
    convolve<T>(x, transform_filters<T>(inputs, outputs, filter), padding, inputs < 48 ? 16 : 32, y);
  });
}

void input_gradient(const Tensor& dy, const Tensor& weight, Index /*stride*/, Index padding, Tensor& dx) {
  const Index inputs = dy.dim(1), outputs = dx.dim(1);
  const Real* filters = weight.rows().data();
  const auto turned = [=](Index i, Index j, Index c) { return filters + ((c * 3 + 2 - i) * 3 + 2 - j) * outputs; };
  // The definition adds nine sums of `inputs` terms, which is about as exact as one of twice that length.
  const double terms = inside(dy.shape(), dx.shape(), 2 - padding) / 9 * 2 * static_cast<double>(inputs);
  choose_tile(terms, dx.shape(), [&]<class T>(T) {
    convolve<T>(dy, transform_filters<T>(inputs, outputs, turned), 2 - padding, inputs < 200 ? 16 : 32, dx);
  });
}

void weight_gradient(const Tensor& x, const Tensor& dy, Index /*stride*/, Index padding, Tensor& dweight) {
  const double terms = inside(x.shape(), dy.shape(), padding) / 9 * static_cast<double>(dy.pixels().rows());
  // With few filters, as in forward().
  choose_tile(dy.dim(1) < 16 ? std::min(terms / 2, 200.0) : terms, dy.shape(),
              [&]<class T>(T) { weight_gradient_by<T>(x, dy, padding, dweight); });
}

}  // namespace

const Conv2dKernels& winograd_kernels() {
  static constexpr Conv2dKernels kernels{forward, input_gradient, weight_gradient};
  return kernels;
}

}  // namespace norma::fast
