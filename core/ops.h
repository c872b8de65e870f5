// The elementary differentiable operations. Layers have their own files in layers/.
#pragma once

#include "core/tensor.h"

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

/// out = a * b for matrices, in blocks of rows of `out` that threads share. Not differentiable: for use inside ops.
/// a and b are `.matrix()` expressions of views, transposed or not.
template <class A, class B>
void multiply_into(ArrayView out, const A& a, const B& b);

}  // namespace norma

#include "core/parallel.h"

template <class A, class B>
void norma::multiply_into(ArrayView out, const A& a, const B& b) {
  parallel_blocks(out.rows(), 64, [&](Index first, Index n, Index) {
    out.middleRows(first, n).matrix().noalias() = a.middleRows(first, n) * b;
  });
}
