// The batch as tiles: which pixels belong to one, and the transforms between pixels and planes.
//
// A tile is mh x mw neighbouring outputs; it depends on (mh+2) x (mw+2) inputs, which overlap those of the next tile.
// All transforms do the same to every channel, and the channels of a pixel are neighbours in memory: a vector holds one
// number of each of kLanes channels. A pixel that lies outside of the image is read from zeros and written to where
// nobody looks.
#pragma once

#include "norma/core/parallel.h"
#include "norma/core/tensor.h"
#include "norma/layers/fast/conv2d_panels.h"
#include "norma/layers/fast/conv2d_transforms.h"

namespace norma::fast {

/// mh x mw outputs. Its transformed numbers are (mh+2) x (mw+2) "planes".
template <int mh, int mw>
struct Tile {
  static constexpr int height = mh, width = mw, rows = mh + 2, columns = mw + 2, planes = rows * columns;
};

/// A batch of images stored N,H,W,C. Number is Real or const Real.
template <class Number>
struct Images {
  Number* data;
  Index h, w, channels;
};

inline Images<const Real> images_of(const Tensor& x) { return {x.pixels().data(), x.dim(2), x.dim(3), x.dim(1)}; }
inline Images<Real> images_of(Tensor& x) { return {x.pixels().data(), x.dim(2), x.dim(3), x.dim(1)}; }

/// The tiles of a batch of outputs: numbered image by image, row by row. Those at the border may stand out.
template <class T>
struct Grid {
  const Tensor& y;
  Index rows = blocks_of(y.dim(2), T::height), columns = blocks_of(y.dim(3), T::width);
  Index count = y.dim(0) * rows * columns;
};

/// Pointers to the channels of rows x columns pixels, row by row: those whose corner lies `offset` pixels above and
/// left of a tile's.
template <int rows, int columns, class T, class Number>
auto pixels_of(const Images<Number>& images, const Grid<T>& grid, Index tile, Index offset, Number* outside) {
  const Index of_image = tile % (grid.rows * grid.columns), image = tile / (grid.rows * grid.columns);
  const Index top = of_image / grid.columns * T::height - offset, left = of_image % grid.columns * T::width - offset;
  std::array<Number*, std::size_t{rows} * columns> pixels;
  for (int i = 0; i < rows; ++i) {
    const bool row_inside = top + i >= 0 && top + i < images.h;
    Number* row = images.data + ((image * images.h + top + i) * images.w + left) * images.channels;
    for (int j = 0; j < columns; ++j) {
      const bool inside = row_inside && left + j >= 0 && left + j < images.w;
      pixels[static_cast<std::size_t>(i * columns + j)] = inside ? row + j * images.channels : outside;
    }
  }
  return pixels;
}

/// Memory for planes: each a matrix (tiles x channels). Rows are one vector longer than needed: where the distance of
/// rows or planes is a power of two, too many of their numbers compete for the same place in the cache.
struct Planes {
  Index row, plane;
  Planes(Index tiles, Index channels) : row(padded(channels) + kLanes), plane(tiles * row + kLanes) {}
};

/// Calls visit(first channel, load, store) for vectors of channels that cover all. The last overlaps its neighbour if
/// it must: what both compute is the same. load(pointer) and store(pointer, v) move the vector that begins there.
template <class Visit>
void for_each_vector(Index channels, const Visit& visit) {
  if (channels < kLanes) {
    visit(
        0, [channels](const Real* from) { return load_some(from, channels); },
        [channels](Real* to, Vector v) { store_some(to, v, channels); });
    return;
  }
  for (Index c = 0; c < channels; c += kLanes)
    visit(
        std::min(c, channels - kLanes), [](const Real* from) { return load(from); },
        [](Real* to, Vector v) { store(to, v); });
}

/// out = P d Q^T of the pixels d of `count` tiles from tile `first` on, which begin `offset` above and left of their
/// outputs: V = B^T d B of the inputs, D = A dY A^T of the gradients of the outputs. Processors foresee rows of
/// addresses, not squares: what the next tile has and this one has not is asked for.
template <const auto& P, const auto& Q, class T>
void transform_pixels(const Images<const Real>& x, const Grid<T>& grid, Index first, Index count, Index offset,
                      const Tensor& zeros, Planes planes, Real* out) {
  constexpr int rows = P[0].size(), columns = Q[0].size();
  const Real* outside = zeros.rows().data();
  for (Index t = 0; t < count; ++t) {
    const auto pixels = pixels_of<rows, columns>(x, grid, first + t, offset, outside);
    for_each_vector(x.channels, [&](Index c, const auto& load_vector, const auto& store_vector) {
      Real* to = out + t * planes.row + c;
      sandwich<P, Q>(
          [&](auto i, auto j) __attribute__((always_inline)) {
            const Real* from = pixels[i * columns + j] + c;
            if constexpr (j >= columns - T::width) __builtin_prefetch(from + T::width * x.channels);
            return load_vector(from);
          },
          [&](auto i, auto j, Vector v)
              __attribute__((always_inline)) { store_vector(to + (i * T::columns + j) * planes.plane, v); });
    });
  }
}

/// y = A^T M A. `nowhere` has room for a pixel.
template <class T>
void transform_output(const Real* M, Planes planes, const Grid<T>& grid, Index first, Index count, Real* nowhere,
                      const Images<Real>& y) {
  for (Index t = 0; t < count; ++t) {
    const auto pixels = pixels_of<T::height, T::width>(y, grid, first + t, 0, nowhere);
    for_each_vector(y.channels, [&](Index o, const auto& load_vector, const auto& store_vector) {
      const Real* from = M + t * planes.row + o;
      sandwich<kA<T::height>, kA<T::width>, kTransposed>(
          [&](auto i, auto j) __attribute__((always_inline)) {
            const Real* number = from + (i * T::columns + j) * planes.plane;
            __builtin_prefetch(number + planes.row);
            return load_vector(number);
          },
          [&](auto i, auto j, Vector v)
              __attribute__((always_inline)) { store_vector(pixels[i * T::width + j] + o, v); });
    });
  }
}

}  // namespace norma::fast
