// A convolution is a matrix product.
//
// Take output pixel p = (n,i,j). The k*k*Cin numbers under the window that belongs to it, in the order u,v,c, are one
// row of the patch matrix X (P x K; P = N H' W' output pixels, K = k k Cin). A filter, in the same order, is one row of
// the weight matrix W (Cout x K), which is just how weight lies in memory (Note [Storage order]). So
//   Y  = X W^T              (P x Cout)
//   dW = dY^T X             each pixel adds its patch, weighted by its gradient
//   dX = dY W               the gradient of every patch entry; adding each back to the pixel it was copied from gives dx
//   db = column sums of dY
// Chellapilla, Puri, Simard 2006, "High performance convolutional neural networks for document processing", section 3.
//
// X repeats every pixel k*k times, so it is never made for the whole batch: a few images at a time, few enough that
// their part of X stays in the cache between being written and being read.
#include "norma/layers/conv2d.h"

#include <omp.h>

#include <vector>

#include "norma/core/ops.h"
#include "norma/layers/init.h"
#include "norma/layers/kernels.h"

namespace norma {
namespace {

/// Sizes of one convolution: N images of height H, width W, C channels; O filters of k x k; output height i, width j.
struct Geometry {
  Index n, h, w, c, o, k, stride, padding, out_h, out_w;

  Index out_pixels() const { return out_h * out_w; }  // of one image
  Index patch() const { return k * k * c; }
  /// Images whose patches make up to 512 rows and about a megabyte; one image at least.
  Index images_per_block() const {
    const Index rows = std::min<Index>(512, (1 << 20) / (patch() * static_cast<Index>(sizeof(Real))));
    return std::max<Index>(1, rows / out_pixels());
  }
  /// Rows of the product taken for a block: Note [A row does not know its neighbours], core/ops.h.
  Index rows_per_block() const { return (images_per_block() * out_pixels() + 3) / 4 * 4; }
};

Geometry geometry(const Tensor& x, const Tensor& weight, const Tensor& bias, Index stride, Index padding) {
  check(x.rank() == 4, "conv2d: x must be (N,C,H,W), got ", x.shape());
  check(weight.rank() == 4 && weight.dim(2) == weight.dim(3) && weight.dim(2) > 0 && weight.dim(1) > 0,
        "conv2d: weight must be (Cout,Cin,k,k) with Cin > 0 and k > 0, got ", weight.shape());
  check(weight.dim(1) == x.dim(1), "conv2d: weight ", weight.shape(), " needs ", weight.dim(1),
        " input channels, got x ", x.shape());
  check(!bias.defined() || bias.shape() == Shape{weight.dim(0)}, "conv2d: weight ", weight.shape(), " needs a bias (",
        weight.dim(0), "), got ", bias.defined() ? bias.shape() : Shape{});
  check(stride >= 1 && padding >= 0 && padding < (1 << 30),
        "conv2d: needs stride >= 1 and 0 <= padding < 2^30, got stride ", stride, ", padding ", padding);
  const Index k = weight.dim(2), padded_h = x.dim(2) + 2 * padding, padded_w = x.dim(3) + 2 * padding;
  check(k <= padded_h && k <= padded_w, "conv2d: kernel ", k, "x", k, " is larger than the padded image ", padded_h,
        "x", padded_w, " of x ", x.shape());
  const Index out_h = (padded_h - k) / stride + 1, out_w = (padded_w - k) / stride + 1;
  return {x.dim(0), x.dim(2), x.dim(3), x.dim(1), weight.dim(0), k, stride, padding, out_h, out_w};
}

/// Calls visit(patch entry, image entry, count) for each run of neighbouring numbers that the patch matrix of one image
/// shares with that image, and pad(patch entry, count) for those that lie outside it.
template <class Visit, class Pad>
void for_each_run(const Geometry& g, const Visit& visit, const Pad& pad) {
  Index entry = 0;
  for (Index i = 0; i < g.out_h; ++i)
    for (Index j = 0; j < g.out_w; ++j)
      for (Index u = 0; u < g.k; ++u, entry += g.k * g.c) {
        const Index row = i * g.stride + u - g.padding, left = j * g.stride - g.padding;
        const Index first = std::clamp<Index>(-left, 0, g.k), last = std::clamp<Index>(g.w - left, first, g.k);
        if (row < 0 || row >= g.h) {
          pad(entry, g.k * g.c);
          continue;
        }
        pad(entry, first * g.c);
        if (first < last) visit(entry + first * g.c, (row * g.w + left + first) * g.c, (last - first) * g.c);
        pad(entry + last * g.c, (g.k - last) * g.c);
      }
}

/// The patch matrix of one image.
void gather_patches(const Geometry& g, const Real* image, Real* patches) {
  for_each_run(
      g, [&](Index to, Index from, Index count) { std::copy_n(image + from, count, patches + to); },
      [&](Index to, Index count) { std::fill_n(patches + to, count, Real{0}); });
}

/// Adds every entry of a patch matrix back to the pixel it came from.
void scatter_patches(const Geometry& g, const Real* patches, Real* image) {
  for_each_run(
      g,
      [&](Index from, Index to, Index count) {
        for (Index e = 0; e < count; ++e) image[to + e] += patches[from + e];
      },
      [](Index, Index) {});
}

constexpr Index kMaxTasks = 16;
Index tasks_of(const Geometry& g) { return std::min(kMaxTasks, blocks_of(g.n, g.images_per_block())); }

/// Runs body(first image, images, patches, task) for the images in blocks that fit the cache, where `patches` is
/// scratch for the patch matrix of a block. Blocks are dealt to tasks, at most 16, by the shape alone; each task may
/// keep a partial sum of its own (Note [Same bits on any thread count]).
template <class Body>
void for_image_blocks(const Geometry& g, const Body& body) {
  const Index per_block = g.images_per_block(), blocks = blocks_of(g.n, per_block), tasks = tasks_of(g);
  Tensor scratch = Tensor::empty({omp_get_max_threads(), per_block * g.out_pixels() * g.patch()});
  parallel_blocks(tasks, 1, [&](Index task, Index, Index) {
    Real* patches = scratch.rows().row(omp_get_thread_num()).data();
    for (Index b = task * blocks / tasks; b < (task + 1) * blocks / tasks; ++b) {
      const Index first = b * per_block, images = std::min(per_block, g.n - first);
      body(first, images, ArrayView(patches, images * g.out_pixels(), g.patch()), task);
    }
  });
}

void gather_block(const Geometry& g, const Tensor& x, Index first, ArrayView patches) {
  const Index image = g.h * g.w * g.c, matrix = g.out_pixels() * g.patch();
  for (Index n = 0; n * matrix < patches.size(); ++n)
    gather_patches(g, x.pixels().data() + (first + n) * image, patches.data() + n * matrix);
}

void forward(const Geometry& g, const Tensor& x, const Tensor& weight, Tensor& y) {
  ArrayView out = y.pixels();
  const ConstArrayView filters = weight.rows();
  for_image_blocks(g, [&](Index first, Index, ArrayView patches, Index) {
    gather_block(g, x, first, patches);
    ArrayView block(out.row(first * g.out_pixels()).data(), patches.rows(), g.o);
    multiply_fixed_rows(block, patches.matrix(), filters.matrix().transpose(), g.rows_per_block());
  });
}

void input_gradient(const Geometry& g, const Tensor& weight, const Tensor& dy, Tensor& dx) {
  ArrayView out = dx.rows();
  const ConstArrayView slope = dy.pixels(), filters = weight.rows();
  for_image_blocks(g, [&](Index first, Index images, ArrayView dpatches, Index) {
    dpatches.matrix().noalias() =
        slope.middleRows(first * g.out_pixels(), images * g.out_pixels()).matrix() * filters.matrix();
    out.middleRows(first, images).setZero();
    for (Index n = 0; n < images; ++n)
      scatter_patches(g, dpatches.data() + n * g.out_pixels() * g.patch(), out.row(first + n).data());
  });
}

void weight_gradient(const Geometry& g, const Tensor& x, const Tensor& dy, Tensor& dweight) {
  ArrayView total = dweight.rows();
  if (g.n == 0) total.setZero();
  std::vector<Tensor> partial{dweight};
  while (static_cast<Index>(partial.size()) < tasks_of(g)) partial.push_back(Tensor::empty(dweight.shape()));
  std::vector<char> begun(partial.size(), false);
  const ConstArrayView slope = dy.pixels();
  for_image_blocks(g, [&](Index first, Index images, ArrayView patches, Index task) {
    gather_block(g, x, first, patches);
    const ConstArrayView dy_block(slope.row(first * g.out_pixels()).data(), images * g.out_pixels(), g.o);
    ArrayView sum = partial[static_cast<std::size_t>(task)].rows();
    if (std::exchange(begun[static_cast<std::size_t>(task)], true))
      sum.matrix().noalias() += dy_block.matrix().transpose() * patches.matrix();
    else
      sum.matrix().noalias() = dy_block.matrix().transpose() * patches.matrix();
  });
  parallel_blocks(g.o, 4, [&](Index first, Index n, Index) {
    for (std::size_t task = 1; task < partial.size(); ++task)
      total.middleRows(first, n) += std::as_const(partial[task]).rows().middleRows(first, n);
  });
}

void add_bias(const Tensor& bias, Tensor& y) {
  ArrayView out = y.pixels();
  const Row numbers = bias.pixels().row(0);
  parallel_rows(out.rows(), [&](Index first, Index n) { out.middleRows(first, n).rowwise() += numbers; });
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Index stride, Index padding,
              ConvMethod method) {
  const Geometry g = geometry(x, weight, bias, stride, padding);
  const bool may_be_fast = method == ConvMethod::automatic && x.size() > 0;
  const fast::Conv2dKernels* fast = may_be_fast ? fast::conv2d_kernels(weight.shape(), stride, padding) : nullptr;
  Tensor y = Tensor::empty({g.n, g.o, g.out_h, g.out_w});
  if (fast)
    fast->forward(x, weight, stride, padding, y);
  else
    forward(g, x, weight, y);
  if (bias.defined()) add_bias(bias, y);

  // dX reads W and dW reads X: each is kept only if that gradient is wanted.
  const Edge to_x = x.edge(), to_w = weight.edge();
  const Tensor kept_x = to_w.requires_grad() ? x : Tensor(), kept_w = to_x.requires_grad() ? weight : Tensor();
  return record("conv2d", y, {x, weight, bias},
                [to_x, to_w, kept_x, kept_w, bias = bias.edge(), g, fast](const Tensor& dy) {
                  if (to_x.requires_grad()) {
                    Tensor dx = Tensor::empty(to_x.shape());
                    fast ? fast->input_gradient(dy, kept_w, g.stride, g.padding, dx)
                         : input_gradient(g, kept_w, dy, dx);
                    to_x.accumulate_grad(std::move(dx));
                  }
                  if (to_w.requires_grad()) {
                    Tensor dweight = Tensor::empty(to_w.shape());
                    fast ? fast->weight_gradient(kept_x, dy, g.stride, g.padding, dweight)
                         : weight_gradient(g, kept_x, dy, dweight);
                    to_w.accumulate_grad(std::move(dweight));
                  }
                  accumulate_bias_grad(bias, dy);
                });
}

Conv2d::Conv2d(Index in_channels, Index out_channels, Conv2dOptions options) : options_(options) {
  check(in_channels > 0 && out_channels > 0 && options.kernel_size > 0,
        "Conv2d: channels and kernel_size must be positive, got in_channels ", in_channels, ", out_channels ",
        out_channels, ", kernel_size ", options.kernel_size);
  check(options.stride >= 1 && options.padding >= 0, "Conv2d: needs stride >= 1 and padding >= 0, got stride ",
        options.stride, ", padding ", options.padding);
  weight_ = parameter("weight", Tensor::empty({out_channels, in_channels, options.kernel_size, options.kernel_size}));
  if (options.bias) bias_ = parameter("bias", Tensor::empty({out_channels}));
  reset_parameters(default_stream(weight_.shape()));
}

Tensor Conv2d::forward(const Tensor& x) {
  return conv2d(x, weight_, bias_, options_.stride, options_.padding, options_.method);
}

void Conv2d::reset_parameters(Random random) { uniform_by_fan_in(weight_, bias_, random); }

std::string Conv2d::describe() const {
  std::string text = join("Conv2d(", weight_.dim(1), ", ", weight_.dim(0), ", kernel_size=", options_.kernel_size);
  if (options_.stride != 1) text += join(", stride=", options_.stride);
  if (options_.padding != 0) text += join(", padding=", options_.padding);
  return text + (options_.bias ? ")" : ", bias=false)");
}

Index Conv2d::multiply_adds(const Shape& /*in*/, const Shape& out) const {
  return out.size() * weight_.dim(1) * options_.kernel_size * options_.kernel_size;
}

}  // namespace norma
