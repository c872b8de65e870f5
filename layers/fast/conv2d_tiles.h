// The batch as tiles: which pixels belong to a tile, and the transforms between pixels and planes.
//
// A tile is mh x mw neighbouring outputs. It depends on (mh+2) x (mw+2) inputs, which overlap those of the next tile.
// All transforms do the same to every channel, and the channels of a pixel are neighbours in memory, so a vector holds
// one number of each of kLanes channels. A pixel outside the image is read from zeros and written to a place that
// nobody reads.
#pragma once

#include "norma/core/parallel.h"
#include "norma/core/tensor.h"
#include "norma/layers/fast/conv2d_panels.h"
#include "norma/layers/fast/conv2d_transforms.h"

namespace norma::fast {

/// mh x mw outputs. A tile has (mh+2) x (mw+2) transformed numbers; those at one place of all tiles are a "plane".
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

/// The tiles of a batch of outputs, numbered image by image, row by row. The last of a row or column may reach over the
/// border.
template <class T>
struct Grid {
  const Tensor& y;
  Index rows = blocks_of(y.dim(2), T::height), columns = blocks_of(y.dim(3), T::width);
  Index count = y.dim(0) * rows * columns;
};

/// Pointers to the channels of rows x columns pixels, row by row. The first is `offset` pixels above and left of the
/// first output of the tile. Pixels outside the image are replaced by `outside`.
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
      // NOLINTNEXTLINE(bugprone-misplaced-widening-cast): at most 35
      pixels[static_cast<std::size_t>(i * columns + j)] = inside ? row + j * images.channels : outside;
    }
  }
  return pixels;
}

/// Distances in memory of planes, each a matrix (tiles x channels), and of their rows. Both are one vector longer than
/// needed: numbers at distances that are a power of two would compete for the same few places in the cache.
struct Planes {
  Index row, plane;
  Planes(Index tiles, Index channels) : row(padded(channels) + kLanes), plane(tiles * row + kLanes) {}
};

/// Calls visit(first channel, load, store) for vectors that cover all channels. The last vector may overlap the one
/// before; both compute the same numbers. load(pointer) and store(pointer, v) move the vector that begins there.
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

/// out = P d Q^T for the pixels d of `count` tiles from tile `first` on: V = B^T d B of the inputs, D = A dY A^T of the
/// gradients of the outputs. `offset` as in pixels_of. It prefetches the columns that are new in the next tile:
/// processors predict the next addresses along a row, but not those of a square.
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

/// y = A^T M A. Pixels outside the image are written to `nowhere`, which has room for one pixel.
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
