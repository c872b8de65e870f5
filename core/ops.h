// The elementary differentiable operations. Layers have their own files in layers/.
#pragma once

#include "norma/core/parallel.h"
#include "norma/core/tensor.h"

namespace norma {

/// a + b, elementwise; equal shapes.
Tensor add(const Tensor& a, const Tensor& b);
/// a * b, elementwise; equal shapes.
Tensor mul(const Tensor& a, const Tensor& b);
/// factor * x.
Tensor scale(const Tensor& x, Real factor);
/// The matrix product (N,K) x (K,M) -> (N,M).
Tensor matmul(const Tensor& a, const Tensor& b);
/// Sum of all elements, a scalar.
Tensor sum(const Tensor& x);
/// Mean of all elements, a scalar; x must not be empty.
Tensor mean(const Tensor& x);

// For use inside operations; not differentiable.

/// The tensor of f(x[i], others[i]...) for every element. Throws Error unless all have one shape.
template <class F, class... Others>
Tensor elementwise(const F& f, const Tensor& x, const Others&... others) {
  (check(others.shape() == x.shape(), "elementwise: shapes must be equal, got ", x.shape(), " and ", others.shape()),
   ...);
  Tensor y = Tensor::empty(x.shape());
  const auto compute = [&f](Index size, Real* out, const auto*... in) {
    parallel_blocks(size, kBlockNumbers, [=, &f](Index first, Index n, Index) {
      for (Index i = first; i < first + n; ++i) out[i] = f(in[i]...);
    });
  };
  compute(x.size(), y.rows().data(), x.rows().data(), others.rows().data()...);
  return y;
}

/// Gives a bias that was added to every row of y.pixels() its gradient: the column sums of dy. Does nothing without a bias.
void accumulate_bias_grad(const Edge& bias, const Tensor& dy);
inline void accumulate_bias_grad(const Tensor& bias, const Tensor& dy) { accumulate_bias_grad(bias.edge(), dy); }

/// out = a * b for matrices, computed as a product of exactly `fixed_rows` rows, a multiple of 4 and at least out.rows();
/// rows that are missing are filled up with zeros.
///
/// Note [A row does not know its neighbours]
///   Eigen picks its kernels by the sizes of a product (one row is not even computed as a product of matrices), and they
///   round differently. An image's logits would then depend, in the last bit, on how many others are in its batch.
///   Among products of one fixed number of rows, a multiple of 4, every row is computed alike.
template <class A, class B>
void multiply_fixed_rows(ArrayView out, const A& a, const B& b, Index fixed_rows) {
  if (out.rows() == fixed_rows) {
    out.matrix().noalias() = a * b;
    return;
  }
  RowMajorArray filled = RowMajorArray::Zero(fixed_rows, a.cols()), product(fixed_rows, out.cols());
  filled.topRows(out.rows()) = a.array();
  product.matrix().noalias() = filled.matrix() * b;
  out = product.topRows(out.rows());
}

/// out = a * b for matrices, in blocks of rows of `out` that threads share.
/// a and b are `.matrix()` expressions of views, transposed or not.
template <class A, class B>
void multiply_into(ArrayView out, const A& a, const B& b) {
  constexpr Index kRows = 64;
  parallel_blocks(out.rows(), kRows, [&](Index first, Index n, Index) {
    multiply_fixed_rows(ArrayView(out.row(first).data(), n, out.cols()), a.middleRows(first, n), b, kRows);
  });
}

}  // namespace norma
