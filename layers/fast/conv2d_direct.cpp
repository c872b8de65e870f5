// A convolution without its patch matrix: the matrix is there already, if one looks at the image in the right way.
//
// Take an image with its zero padding, stored row, column, channel. The k C numbers under one row of a window are
// neighbours in memory, and the window of the next output begins s C numbers further on (s: stride). So for output row
// i and window row u
//   X_u = (numbers at ((i s + u) W + j s) C + t):    row j, column t < k C
// is a matrix that lies in memory, with rows s C numbers apart (they overlap if s < k). With W_u (k C x Cout), the part
// of the filters that belongs to window row u, and Y_i, dY_i (W' x Cout), a row of outputs,
//   Y_i  = sum over u of X_u W_u                        dW_u = sum over images, i of X_u^T dY_i
//   dX   : for every u and v, dY_i W_uv^T (W' x Cin) is added to the pixels ((i s + u), (j s + v))
// Only the padded copy of one image is made, and it stays in the cache.
#include <omp.h>

#include "core/parallel.h"
#include "layers/fast/conv2d_kernels.h"
#include "layers/fast/conv2d_panels.h"

namespace norma::fast {
namespace {

constexpr Index kTermsPerSum = 64, kTasks = 16;

/// Sizes: k x k windows, stride s; C inputs and O outputs; H x W is the padded image, h x w the output.
struct Sizes {
  Index images, k, s, padding, C, O, H, W, h, w;
  Sizes(const Shape& x, const Shape& weight, const Shape& y, Index stride, Index pad)
      : images(x[0]),
        k(weight[2]),
        s(stride),
        padding(pad),
        C(x[1]),
        O(y[1]),
        H(x[2] + 2 * pad),
        W(x[3] + 2 * pad),
        h(y[2]),
        w(y[3]) {}
};

/// Calls body(images' first, count, task, scratch of `size` zeros) for tasks that share the images.
template <class Body>
void for_tasks(Index images, Index tasks, Index size, const Body& body) {
  Tensor scratch({omp_get_max_threads(), size});
  parallel_blocks(tasks, 1, [&](Index task, Index, Index) {
    const Index first = task * images / tasks, end = (task + 1) * images / tasks;
    body(first, end - first, task, scratch.rows().row(omp_get_thread_num()).data());
  });
}

/// Image n of x into the middle of `padded_image`, whose border is 0.
void copy_in(const Sizes& g, const Tensor& x, Index n, Real* padded_image) {
  const Index row = x.dim(3) * g.C, rows = x.dim(2);
  const Real* from = x.pixels().data() + n * rows * row;
  for (Index i = 0; i < rows; ++i)
    std::copy_n(from + i * row, row, padded_image + ((i + g.padding) * g.W + g.padding) * g.C);
}

/// The matrix of entry(row, column) in panels, as multiply_panels takes them.
template <class Entry>
Tensor panels_of(Index rows, Index columns, const Entry& entry) {
  Tensor panels({rows * padded(columns)});
  Real* to = panels.rows().data();
  for (Index first = 0; first < columns; first += kPanel) {
    const Index width = std::min<Index>(kPanel, padded(columns) - first);
    for (Index r = 0; r < rows; ++r, to += width)
      for (Index c = first; c < std::min(first + width, columns); ++c) to[c - first] = entry(r, c);
  }
  return panels;
}

void forward(const Tensor& x, const Tensor& weight, Index stride, Index padding, Tensor& y) {
  const Sizes g(x.shape(), weight.shape(), y.shape(), stride, padding);
  const Real* filters = weight.rows().data();
  const Index run = g.k * g.C, out_row = padded(g.O);
  std::vector<Tensor> W;
  for (Index u = 0; u < g.k; ++u)
    W.push_back(panels_of(run, g.O, [&](Index t, Index o) { return filters[(o * g.k + u) * run + t]; }));
  Real* out = y.pixels().data();
  for_tasks(g.images, g.images, g.H * g.W * g.C + g.w * out_row, [&](Index n, Index, Index, Real* image) {
    copy_in(g, x, n, image);
    for (Index i = 0; i < g.h; ++i) {
      Real *to = out + (n * g.h + i) * g.w * g.O, *row = g.O == out_row ? to : image + g.H * g.W * g.C;
      for (Index u = 0; u < g.k; ++u)
        multiply_panels(g.w, {image + (i * g.s + u) * g.W * g.C, g.s * g.C, 1},
                        W[static_cast<std::size_t>(u)].rows().data(), g.O, run, kTermsPerSum, row, out_row, u > 0);
      if (row != to)
        for (Index j = 0; j < g.w; ++j) std::copy_n(row + j * out_row, g.O, to + j * g.O);
    }
  });
}

void input_gradient(const Tensor& dy, const Tensor& weight, Index stride, Index padding, Tensor& dx) {
  const Sizes g(dx.shape(), weight.shape(), dy.shape(), stride, padding);
  const Real* filters = weight.rows().data();
  const Index pixel = padded(g.C);
  std::vector<Tensor> W;
  for (Index uv = 0; uv < g.k * g.k; ++uv)
    W.push_back(panels_of(g.O, g.C, [&](Index o, Index c) { return filters[(o * g.k * g.k + uv) * g.C + c]; }));
  const Real* slopes = dy.pixels().data();
  Real* out = dx.pixels().data();
  for_tasks(g.images, g.images, g.H * g.W * pixel, [&](Index n, Index, Index, Real* image) {
    std::fill_n(image, g.H * g.W * pixel, Real{0});
    for (Index i = 0; i < g.h; ++i)
      for (Index u = 0; u < g.k; ++u)
        for (Index v = 0; v < g.k; ++v)
          multiply_panels(g.w, {slopes + (n * g.h + i) * g.w * g.O, g.O, 1},
                          W[static_cast<std::size_t>(u * g.k + v)].rows().data(), g.C, g.O, kTermsPerSum,
                          image + ((i * g.s + u) * g.W + v) * pixel, g.s * pixel, true);
    for (Index i = 0; i < dx.dim(2); ++i)
      for (Index j = 0; j < dx.dim(3); ++j)
        std::copy_n(image + ((i + padding) * g.W + j + padding) * pixel, g.C,
                    out + ((n * dx.dim(2) + i) * dx.dim(3) + j) * g.C);
  });
}

void weight_gradient(const Tensor& x, const Tensor& dy, Index stride, Index padding, Tensor& dweight) {
  const Sizes g(x.shape(), dweight.shape(), dy.shape(), stride, padding);
  const Index run = g.k * g.C, sum_row = padded(run), tasks = std::min(kTasks, g.images);
  const Real* slopes = dy.pixels().data();
  Tensor partial({tasks, g.k * g.O * sum_row});
  // The last window's vectors may reach kPanel numbers past the image; what they find there goes to columns nobody
  // reads.
  for_tasks(g.images, tasks, g.H * g.W * g.C + kPanel, [&](Index first, Index count, Index task, Real* image) {
    Real* sums = partial.rows().row(task).data();
    for (Index n = first; n < first + count; ++n) {
      copy_in(g, x, n, image);
      for (Index i = 0; i < g.h; ++i)
        for (Index u = 0; u < g.k; ++u)
          for (Index t = 0; t < run; t += kPanel)
            multiply_panel(g.O, {slopes + (n * g.h + i) * g.w * g.O, 1, g.O}, image + (i * g.s + u) * g.W * g.C + t,
                           g.s * g.C, std::min<Index>(kPanel, sum_row - t), g.w, kTermsPerSum,
                           sums + u * g.O * sum_row + t, sum_row, true);
    }
  });
  const Real* sums = partial.rows().data();
  ArrayView out = dweight.rows();
  parallel_blocks(g.O, 1, [&](Index o, Index, Index) {
    for (Index u = 0; u < g.k; ++u) {
      Real* to = out.row(o).data() + u * run;
      for (Index task = 0; task < tasks; ++task)
        for (Index t = 0; t < run; ++t)
          to[t] = (task == 0 ? 0 : to[t]) + sums[((task * g.k + u) * g.O + o) * sum_row + t];
    }
  });
}

}  // namespace

const Conv2dKernels& direct_kernels() {
  static constexpr Conv2dKernels kernels{forward, input_gradient, weight_gradient};
  return kernels;
}

}  // namespace norma::fast
