// Each operation computes its result and states, in the same function, what it passes back:
//   y = a + b        da = dy,       db = dy
//   y = a * b        da = dy * b,   db = dy * a            (elementwise)
//   y = s x          dx = s dy
//   Y = A B          dA = dY B^T,   dB = A^T dY
//   y = sum x        dx = dy in every element
#include "norma/core/ops.h"

namespace norma {
namespace {

void check_same_shape(const char* op, const Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape(), op, ": shapes must be equal, got ", a.shape(), " and ", b.shape());
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  check_same_shape("add", a, b);
  const Tensor y = elementwise([](Real p, Real q) { return p + q; }, a, b);
  return record("add", y, {a, b}, [a = a.edge(), b = b.edge()](const Tensor& dy) {
    a.accumulate_grad(dy);
    b.accumulate_grad(dy);
  });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  check_same_shape("mul", a, b);
  const auto product = [](Real p, Real q) { return p * q; };
  // The gradient of one factor reads the other, which is kept only if that gradient is wanted.
  const Edge to_a = a.edge(), to_b = b.edge();
  const Tensor kept_a = to_b.requires_grad() ? a : Tensor(), kept_b = to_a.requires_grad() ? b : Tensor();
  return record("mul", elementwise(product, a, b), {a, b}, [to_a, to_b, kept_a, kept_b, product](const Tensor& dy) {
    if (to_a.requires_grad()) to_a.accumulate_grad(elementwise(product, dy, kept_b));
    if (to_b.requires_grad()) to_b.accumulate_grad(elementwise(product, dy, kept_a));
  });
}

Tensor scale(const Tensor& x, Real factor) {
  const auto scaled = [factor](Real value) { return factor * value; };
  return record("scale", elementwise(scaled, x), {x},
                [x = x.edge(), scaled](const Tensor& dy) { x.accumulate_grad(elementwise(scaled, dy)); });
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  check(a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(0), "matmul: needs (N,K) and (K,M), got ", a.shape(),
        " and ", b.shape());
  Tensor y = Tensor::empty({a.dim(0), b.dim(1)});
  multiply_into(y.rows(), a.rows().matrix(), b.rows().matrix());
  const Edge to_a = a.edge(), to_b = b.edge();  // as in mul
  const Tensor kept_a = to_b.requires_grad() ? a : Tensor(), kept_b = to_a.requires_grad() ? b : Tensor();
  return record("matmul", y, {a, b}, [to_a, to_b, kept_a, kept_b](const Tensor& dy) {
    if (to_a.requires_grad()) {
      Tensor da = Tensor::empty(to_a.shape());
      multiply_into(da.rows(), dy.rows().matrix(), kept_b.rows().matrix().transpose());
      to_a.accumulate_grad(std::move(da));
    }
    if (to_b.requires_grad()) {
      Tensor db = Tensor::empty(to_b.shape());
      multiply_into(db.rows(), kept_a.rows().matrix().transpose(), dy.rows().matrix());
      to_b.accumulate_grad(std::move(db));
    }
  });
}

Tensor sum(const Tensor& x) {
  const ConstArrayView in = x.pixels();
  const DoubleRow columns = column_sum(in.rows(), in.cols(), [&](Index first, Index n) -> Row {
    return in.middleRows(first, n).cast<double>().colwise().sum().cast<Real>();
  });
  const Tensor y = Tensor::full({}, static_cast<Real>(columns.sum()));
  return record("sum", y, {x},
                [x = x.edge()](const Tensor& dy) { x.accumulate_grad(Tensor::full(x.shape(), dy.item())); });
}

void accumulate_bias_grad(const Edge& bias, const Tensor& dy) {
  if (!bias.requires_grad()) return;
  const ConstArrayView slope = dy.pixels();
  Tensor dbias = Tensor::empty(bias.shape());
  dbias.pixels().row(0) = column_sum(slope.rows(), slope.cols(), [&](Index first, Index n) -> Row {
                            return slope.middleRows(first, n).colwise().sum();
                          }).cast<Real>();
  bias.accumulate_grad(std::move(dbias));
}

Tensor mean(const Tensor& x) {
  check(x.size() > 0, "mean: needs at least one element, got ", x.shape());
  return scale(sum(x), 1 / static_cast<Real>(x.size()));
}

}  // namespace norma
