// Y = A^T [U . V] A for every tile, every pair of channels, and the sum over the input channels:
//   M[plane][tile, o] = sum over c of V[plane][tile, c] U[plane][c, o]
// for each of the n*n places ("planes") of a tile: n*n products of matrices. The work of a group of tiles is
//   x -> V = B^T d B, tile by tile;   M = V U, plane by plane;   M -> y = A^T M A, tile by tile
// with a group so small that V and M stay in the cache. All transforms do the same to every channel, and channels are
// neighbours in memory: a vector holds one number of each of kLanes channels.
//
// Backward. dx is the convolution of dy with the turned filters, padded by 2 - padding. For the weights,
//   dU[plane][o, c] = sum over tiles of D[plane][tile, o] V[plane][tile, c],   D = A dY A^T,   dweight = G^T dU G
// Here the sum runs over tiles. Some 500 tiles at a time, threads first share the tiles to make V and D, then the planes.
//
// Which tile. Rounding errors of 4x4 tiles are those of a direct sum of some 500 terms; 2x2 tiles, at less gain, have those of a
// direct sum of 20. So that no result is far less exact than the definition's, short sums take the small tiles.
#include "layers/fast/conv2d_winograd.h"

#include <omp.h>

#include "core/parallel.h"
#include "layers/fast/conv2d_panels.h"
#include "layers/fast/conv2d_transforms.h"

namespace norma::fast {
namespace {

constexpr Index kTilesOfGradient = 72;  // dU is read and written once a group: larger groups than forward's
constexpr Index kPartialSums = (40 << 20) / static_cast<Index>(sizeof(Real));

Index padded(Index channels) { return (channels + kLanes - 1) / kLanes * kLanes; }

/// Calls visit(first channel, load, store) for vectors of channels that cover all. The last overlaps its neighbour if it must:
/// what both compute is the same. load(pointer) and store(pointer, v) move the vector that begins there.
template <class Visit>
void for_each_vector(Index channels, const Visit& visit) {
  if (channels < kLanes) {
    visit(
        0, [channels](const Real* from) { return load_some(from, channels); },
        [channels](Real* to, Vector v) { store_some(to, v, channels); });
    return;
  }
  const auto visit_whole = [&](Index c) __attribute__((always_inline)) {
    visit(
        c, [](const Real* from) { return load(from); }, [](Real* to, Vector v) { store(to, v); });
  };
  Index c = 0;
  for (; c + kLanes <= channels; c += kLanes) visit_whole(c);
  if (c < channels) visit_whole(channels - kLanes);
}

/// How the outputs of a batch are cut into tiles of m x m: numbered image by image, row by row. Tiles may stand out at the border.
struct Grid {
  Index rows, columns, count;
};

template <int m>
Grid grid_of(const Tensor& y) {
  const Index rows = blocks_of(y.dim(2), m), columns = blocks_of(y.dim(3), m);
  return {rows, columns, y.dim(0) * rows * columns};
}

/// Pointers to the channels of size x size pixels. Number is Real or const Real.
template <int size, class Number>
using Square = std::array<Number*, static_cast<std::size_t>(size) * size>;

/// The square of `images` (a batch of h x w pixels) whose corner lies `offset` above and left of the tile's. What lies outside of
/// the image is at `outside`: a pixel of zeros, or one that nobody reads.
template <int m, int size, class Number>
Square<size, Number> square_of(Number* images, const Shape& shape, const Grid& grid, Index tile, Index offset,
                               Number* outside) {
  const Index channels = shape[1], h = shape[2], w = shape[3], per_image = grid.rows * grid.columns;
  const Index top = tile % per_image / grid.columns * m - offset, left = tile % grid.columns * m - offset;
  Number* image = images + tile / per_image * h * w * channels;
  Square<size, Number> pixels;
  for (Index i = 0; i < size; ++i)
    for (Index j = 0; j < size; ++j) {
      const bool inside = top + i >= 0 && top + i < h && left + j >= 0 && left + j < w;
      pixels[static_cast<std::size_t>(i * size + j)] = inside ? image + ((top + i) * w + left + j) * channels : outside;
    }
  return pixels;
}

/// Memory for one matrix (tiles x channels) a plane. Its rows are one vector longer than needed: where the distance of
/// rows or planes is a power of two, too many of their numbers share a place in the cache.
struct Planes {
  Index row, plane;
  Planes(Index tiles, Index channels) : row(padded(channels) + kLanes), plane(tiles * row + kLanes) {}
};

/// Transforms the squares of `count` tiles from tile `first` on. `sandwich_of(in, out)` is the transform, from size x size numbers.
template <int m, int size, class Sandwich>
void transform_tiles(const Tensor& x, const Grid& grid, Index first, Index count, Index offset, const Real* zeros,
                     Planes planes, Real* out, const Sandwich& sandwich_of) {
  const Real* images = x.pixels().data();
  for (Index t = 0; t < count; ++t) {
    const auto pixels = square_of<m, size>(images, x.shape(), grid, first + t, offset, zeros);
    for_each_vector(x.dim(1), [&](Index c, const auto& load_vector, const auto& store_vector) {
      Real* to = out + t * planes.row + c;
      sandwich_of(
          [&](auto i, auto j) __attribute__((always_inline)) { return load_vector(pixels[i * size + j] + c); },
          [&](auto i, auto j, Vector v)
              __attribute__((always_inline)) { store_vector(to + (i * (m + 2) + j) * planes.plane, v); });
    });
  }
}

/// V = B^T d B of the tiles' inputs.
template <int m>
void transform_input(const Tensor& x, const Grid& grid, Index first, Index count, Index padding, const Real* zeros,
                     Planes planes, Real* V) {
  transform_tiles<m, m + 2>(
      x, grid, first, count, padding, zeros, planes, V,
      [](const auto& in, const auto& out) __attribute__((always_inline)) { sandwich<transforms<m>.BT>(in, out); });
}

/// D = A dY A^T of the gradients of the tiles' outputs.
template <int m>
void transform_gradient(const Tensor& dy, const Grid& grid, Index first, Index count, const Real* zeros, Planes planes,
                        Real* D) {
  transform_tiles<m, m>(
      dy, grid, first, count, 0, zeros, planes, D,
      [](const auto& in, const auto& out) __attribute__((always_inline)) { sandwich<transforms<m>.A>(in, out); });
}

/// y = A^T M A.
template <int m>
void transform_output(const Real* M, Planes planes, const Grid& grid, Index first, Index count, Real* nowhere,
                      Tensor& y) {
  Real* images = y.pixels().data();
  for (Index t = 0; t < count; ++t) {
    const auto pixels = square_of<m, m>(images, y.shape(), grid, first + t, 0, nowhere);
    for_each_vector(y.dim(1), [&](Index o, const auto& load_vector, const auto& store_vector) {
      const Real* from = M + t * planes.row + o;
      sandwich_transposed<transforms<m>.A>(
          [&](auto i, auto j)
              __attribute__((always_inline)) { return load_vector(from + (i * (m + 2) + j) * planes.plane); },
          [&](auto i, auto j, Vector v) __attribute__((always_inline)) { store_vector(pixels[i * m + j] + o, v); });
    });
  }
}

/// U = G g G^T for every pair of channels, as panels: for each plane, for each kPanel outputs (or the kLanes that remain), a
/// row for each input. filter(i, j, c, o, count) gives the filter's number at row i, column j for input c and the
/// `count` outputs from o on.
template <int m, class Filter>
Tensor transform_filters(Index inputs, Index outputs, const Filter& filter) {
  constexpr int n = m + 2;
  const Index plane = inputs * padded(outputs);
  Tensor U = Tensor::empty({n * n, plane});
  Real* all = U.rows().data();
  parallel_blocks(blocks_of(outputs, kLanes), 1, [&](Index block, Index, Index) {
    const Index o = block * kLanes, first = o / kPanel * kPanel;
    const Index width = std::min<Index>(kPanel, padded(outputs) - first), count = std::min<Index>(kLanes, outputs - o);
    for (Index c = 0; c < inputs; ++c) {
      Real* to = all + first * inputs + c * width + (o - first);
      sandwich<transforms<m>.G>(
          [&](auto i, auto j) __attribute__((always_inline)) { return filter(i, j, c, o, count); },
          [&](auto i, auto j, Vector v) __attribute__((always_inline)) { store(to + (i * n + j) * plane, v); });
    }
  });
  return U;
}

/// Tiles whose V and M fill about half of a core's second-level cache, a multiple of every kTileRows.
Index tiles_per_group(Index planes, Index channels) {
  const Index fitting = (768 << 10) / (planes * channels * static_cast<Index>(sizeof(Real)));
  return std::clamp<Index>(fitting / 24 * 24, 24, 72);
}

/// y from x and transformed filters: a group of tiles at a time. Sums are taken terms_per_sum at a time.
template <int m>
void convolve(const Tensor& x, const Tensor& U, Index padding, Index terms_per_sum, Tensor& y) {
  constexpr int planes = (m + 2) * (m + 2);
  const Index inputs = x.dim(1), outputs = y.dim(1);
  const Grid grid = grid_of<m>(y);
  const Index group = tiles_per_group(planes, inputs + outputs);
  const Planes in(group, inputs), out(group, outputs);
  const Real* filters = U.rows().data();
  const Tensor zeros({inputs});
  Tensor scratch = Tensor::empty({omp_get_max_threads(), planes * (in.plane + out.plane) + outputs});
  parallel_blocks(grid.count, group, [&](Index first, Index count, Index) {
    Real* V = scratch.rows().row(omp_get_thread_num()).data();
    Real *M = V + planes * in.plane, *nowhere = M + planes * out.plane;
    transform_input<m>(x, grid, first, count, padding, zeros.rows().data(), in, V);
    for (Index p = 0; p < planes; ++p)
      for (Index o = 0; o < outputs; o += kPanel) {
        const Index width = std::min<Index>(kPanel, padded(outputs) - o);
        multiply_panel(count, {V + p * in.plane, in.row, 1}, filters + p * U.dim(1) + o * inputs, width, width, inputs,
                       terms_per_sum, M + p * out.plane + o, out.row, false);
      }
    transform_output<m>(M, out, grid, first, count, nowhere, y);
  });
}

template <int m>
void weight_gradient(const Tensor& x, const Tensor& dy, Index padding, Tensor& dweight) {
  constexpr int n = m + 2, planes = n * n;
  const Index inputs = x.dim(1), outputs = dy.dim(1);
  const Grid grid = grid_of<m>(dy);
  const Index group = kTilesOfGradient, groups = blocks_of(grid.count, group);
  const Planes in(group, inputs), out(group, outputs), product(outputs, inputs);
  const Index tasks = std::min(groups, std::clamp<Index>(kPartialSums / (planes * product.plane), 4, 16));
  const Tensor zeros({std::max(inputs, outputs)});
  Tensor scratch = Tensor({omp_get_max_threads(), planes * (in.plane + out.plane)});
  Tensor partial = Tensor::empty({tasks, planes * product.plane});
  parallel_blocks(tasks, 1, [&](Index task, Index, Index) {
    Real* V = scratch.rows().row(omp_get_thread_num()).data();
    Real *D = V + planes * in.plane, *dU = partial.rows().row(task).data();
    const Index begin = task * groups / tasks, end = (task + 1) * groups / tasks;
    for (Index g = begin; g < end; ++g) {
      const Index first = g * group, count = std::min(group, grid.count - first);
      transform_input<m>(x, grid, first, count, padding, zeros.rows().data(), in, V);
      transform_gradient<m>(dy, grid, first, count, zeros.rows().data(), out, D);
      for (Index p = 0; p < planes; ++p)
        for (Index c = 0; c < inputs; c += kPanel)
          multiply_panel(outputs, {D + p * out.plane, 1, out.row}, V + p * in.plane + c, in.row,
                         std::min<Index>(kPanel, padded(inputs) - c), count, group, dU + p * product.plane + c,
                         product.row, g > begin);
    }
  });
  const Real* sums = partial.rows().data();
  Real* filters = dweight.rows().data();
  parallel_blocks(outputs, 1, [&](Index o, Index, Index) {
    for_each_vector(inputs, [&](Index c, const auto& load_vector, const auto& store_vector) {
      const Real* from = sums + o * product.row + c;
      Real* to = filters + o * 9 * inputs + c;
      sandwich_transposed<transforms<m>.G>(
          [&](auto i, auto j) __attribute__((always_inline)) {
            const Real* first = from + (i * n + j) * product.plane;
            Vector sum = load_vector(first);
            for (Index task = 1; task < tasks; ++task) sum += load_vector(first + task * planes * product.plane);
            return sum;
          },
          [&](auto i, auto j, Vector v) __attribute__((always_inline)) { store_vector(to + (i * 3 + j) * inputs, v); });
    });
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

/// Calls run(4) or run(2), the size of the tiles, as a constant: 4 where sums of so many terms hide its rounding errors,
/// and where images are large enough to fill such tiles.
template <class Run>
void choose_tiles(double terms, const Shape& y, const Run& run) {
  if (terms >= 200 && std::max(y[2], y[3]) > 2)
    run(std::integral_constant<int, 4>{});
  else
    run(std::integral_constant<int, 2>{});
}

}  // namespace

void winograd_forward(const Tensor& x, const Tensor& weight, Index padding, Tensor& y) {
  const Index inputs = x.dim(1), outputs = y.dim(1);
  const Real* filters = weight.rows().data();
  const auto filter = [=](Index i, Index j, Index c, Index o, Index count) {
    Vector v{};
    for (Index lane = 0; lane < count; ++lane) v[lane] = filters[(((o + lane) * 3 + i) * 3 + j) * inputs + c];
    return v;
  };
  const double terms = inside(x.shape(), y.shape(), padding) * static_cast<double>(inputs);
  choose_tiles(terms, y.shape(),
               [&](auto m) { convolve<m>(x, transform_filters<m>(inputs, outputs, filter), padding, 64, y); });
}

void winograd_input_gradient(const Tensor& dy, const Tensor& weight, Index padding, Tensor& dx) {
  const Index inputs = dy.dim(1), outputs = dx.dim(1);
  const Real* filters = weight.rows().data();
  const auto turned = [=](Index i, Index j, Index c, Index o, Index count) {
    return load_some(filters + ((c * 3 + 2 - i) * 3 + 2 - j) * outputs + o, count);
  };
  // The definition adds nine sums of `inputs` terms, which is about as exact as one of twice that length.
  const double terms = inside(dy.shape(), dx.shape(), 2 - padding) / 9 * 2 * static_cast<double>(inputs);
  choose_tiles(terms, dx.shape(),
               [&](auto m) { convolve<m>(dy, transform_filters<m>(inputs, outputs, turned), 2 - padding, 16, dx); });
}

void winograd_weight_gradient(const Tensor& x, const Tensor& dy, Index padding, Tensor& dweight) {
  const double terms = inside(x.shape(), dy.shape(), padding) / 9 * static_cast<double>(dy.pixels().rows());
  choose_tiles(terms, dy.shape(), [&](auto m) { weight_gradient<m>(x, dy, padding, dweight); });
}

const Conv2dKernels* winograd_kernels(const Shape& weight, Index stride, Index padding) {
  static constexpr Conv2dKernels kernels{winograd_forward, winograd_input_gradient, winograd_weight_gradient};
  const bool pays = weight[2] == 3 && stride == 1 && padding <= 2 && weight[0] >= 8 && weight[1] >= 8;
  return pays ? &kernels : nullptr;
}

}  // namespace norma::fast
