// A convolution without a patch matrix: the padded image already contains that matrix, piece by piece.
//
// Take an image with its zero padding, stored row, column, channel. The k C numbers under one row of a window are
// neighbours in memory, and the window of the next output begins s C numbers later (s: stride). So for output row i and
// window row u
//   X_u = (numbers at ((i s + u) W + j s) C + t):    row j, column t < k C
// is a matrix in memory whose rows begin s C numbers apart (they overlap if s < k). W_u (k C x Cout) is the part of the
// filters that belongs to window row u; Y_i and dY_i (W' x Cout) are a row of outputs and its gradient. Then
//   Y_i  = sum over u of X_u W_u                        dW_u = sum over images, i of X_u^T dY_i
//   dX   : for every u and v, dY_i W_uv^T (W' x Cin) is added to the pixels ((i s + u), (j s + v))
// Each thread copies one image at a time, with its padding, and this copy stays in the cache.
#include "norma/layers/fast/conv2d_kernels.h"
#include "norma/layers/fast/conv2d_panels.h"

namespace norma::fast {
namespace {

// Terms per partial sum. Longer ones are less exact: tests/bench/found_numbers.py BUILD direct_sum.
constexpr Index kTermsPerSum = 64;

/// Sizes: k x k windows, stride s; C inputs and O outputs; H x W is the padded image, h x w the output.
struct Sizes {
  const Tensor &x, &weight, &y;
  Index s, padding;
  Index images = x.dim(0), k = weight.dim(2), C = x.dim(1), O = y.dim(1);
  Index H = x.dim(2) + 2 * padding, W = x.dim(3) + 2 * padding, h = y.dim(2), w = y.dim(3);
};

/// Calls body(n, scratch) for every image n. Each thread has its own scratch of `size` numbers, 0 at first.
template <class Body>
void for_images(Index images, Index size, const Body& body) {
  Tensor scratch({omp_get_max_threads(), size});
  parallel_blocks(images, 1, [&](Index n, Index, Index) { body(n, row_of_thread(scratch)); });
}

/// Image n of x into the middle of `padded_image`, whose border is 0.
void copy_in(const Sizes& g, Index n, Real* padded_image) {
  const Index row = g.x.dim(3) * g.C, rows = g.x.dim(2);
  const Real* from = g.x.pixels().data() + n * rows * row;
  for (Index i = 0; i < rows; ++i)
    std::copy_n(from + i * row, row, padded_image + ((i + g.padding) * g.W + g.padding) * g.C);
}

/// Matrices with the entries entry(matrix, row, column), in panels as multiply_panels wants them, one matrix per row.
template <class Entry>
Tensor panels_of(Index matrices, Index rows, Index columns, const Entry& entry) {
  Tensor panels({matrices, rows * padded(columns)});
  Real* to = panels.rows().data();
  for (Index m = 0; m < matrices; ++m)
    for (Index first = 0; first < columns; first += kPanel) {
      const Index width = std::min<Index>(kPanel, padded(columns) - first);
      for (Index r = 0; r < rows; ++r, to += width)
        for (Index c = first; c < std::min(first + width, columns); ++c) to[c - first] = entry(m, r, c);
    }
  return panels;
}

void forward(const Tensor& x, const Tensor& weight, Index stride, Index padding, Tensor& y) {
  const Sizes g{x, weight, y, stride, padding};
  const Real* filters = weight.rows().data();
  const Index run = g.k * g.C, out_row = padded(g.O), image_size = g.H * g.W * g.C;
  const Tensor W =
      panels_of(g.k, run, g.O, [&](Index u, Index t, Index o) { return filters[(o * g.k + u) * run + t]; });
  for_images(g.images, image_size + g.w * out_row, [&](Index n, Real* image) {
    copy_in(g, n, image);
    for (Index i = 0; i < g.h; ++i) {
      Real *to = y.pixels().data() + (n * g.h + i) * g.w * g.O, *row = g.O == out_row ? to : image + image_size;
      for (Index u = 0; u < g.k; ++u)
        multiply_panels(g.w, {image + (i * g.s + u) * g.W * g.C, g.s * g.C, 1}, W.rows().row(u).data(), g.O, run,
                        kTermsPerSum, row, out_row, u > 0);
      if (row != to)
        for (Index j = 0; j < g.w; ++j) std::copy_n(row + j * out_row, g.O, to + j * g.O);
    }
  });
}

void input_gradient(const Tensor& dy, const Tensor& weight, Index stride, Index padding, Tensor& dx) {
  const Sizes g{dx, weight, dy, stride, padding};
  const Real *filters = weight.rows().data(), *slopes = dy.pixels().data();
  const Index pixel = padded(g.C), windows = g.k * g.k;
  const Tensor W =
      panels_of(windows, g.O, g.C, [&](Index uv, Index o, Index c) { return filters[(o * windows + uv) * g.C + c]; });
  for_images(g.images, g.H * g.W * pixel, [&](Index n, Real* image) {
    std::fill_n(image, g.H * g.W * pixel, Real{0});
    for (Index i = 0; i < g.h; ++i)
      for (Index uv = 0; uv < windows; ++uv)
        multiply_panels(g.w, {slopes + (n * g.h + i) * g.w * g.O, g.O, 1}, W.rows().row(uv).data(), g.C, g.O,
                        kTermsPerSum, image + ((i * g.s + uv / g.k) * g.W + uv % g.k) * pixel, g.s * pixel, true);
    for (Index i = 0; i < dx.dim(2); ++i)
      for (Index j = 0; j < dx.dim(3); ++j)
        std::copy_n(image + ((i + padding) * g.W + j + padding) * pixel, g.C,
                    dx.pixels().data() + ((n * dx.dim(2) + i) * dx.dim(3) + j) * g.C);
  });
}

void weight_gradient(const Tensor& x, const Tensor& dy, Index stride, Index padding, Tensor& dweight) {
  const Sizes g{x, dweight, dy, stride, padding};
  const Real* slopes = dy.pixels().data();
  const Index run = g.k * g.C, sum_row = padded(run), sums_size = g.k * g.O * sum_row;
  // The last window's vectors may reach kPanel numbers past the image; these go to columns that nobody reads.
  Tensor scratch({omp_get_max_threads(), padded(sums_size + g.H * g.W * g.C + kPanel)});
  add_up(g.images, scratch, dweight, [&](Index begin, Index end, Real* sums, Real* share) {
    Real* image = sums + sums_size;
    std::fill_n(sums, sums_size, Real{0});
    for (Index n = begin; n < end; ++n) {
      copy_in(g, n, image);
      for (Index i = 0; i < g.h; ++i)
        for (Index u = 0; u < g.k; ++u)
          for (Index t = 0; t < run; t += kPanel)
            multiply_panel(g.O, {slopes + (n * g.h + i) * g.w * g.O, 1, g.O}, image + (i * g.s + u) * g.W * g.C + t,
                           g.s * g.C, std::min<Index>(kPanel, sum_row - t), g.w, kTermsPerSum,
                           sums + u * g.O * sum_row + t, sum_row, true);
    }
    for (Index u = 0; u < g.k; ++u)
      for (Index o = 0; o < g.O; ++o) std::copy_n(sums + (u * g.O + o) * sum_row, run, share + (o * g.k + u) * run);
  });
}

}  // namespace

const Conv2dKernels& direct_kernels() {
  static constexpr Conv2dKernels kernels{forward, input_gradient, weight_gradient};
  return kernels;
}

}  // namespace norma::fast
