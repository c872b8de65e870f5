#include "norma/core/tensor.h"

#include <algorithm>

#include "norma/core/check.h"
#include "norma/core/ops.h"
#include "norma/core/storage.h"

namespace norma {
namespace {

/// (C,H,W) as a batch of one.
Shape as_batch(const Shape& s) { return s.rank() == 3 ? Shape{1, s[0], s[1], s[2]} : s; }

/// Note [Storage order]: where logical element (n,c,h,w) of an (N,C,H,W) tensor lies.
Index offset(const Shape& s, Index n, Index c, Index h, Index w) { return ((n * s[2] + h) * s[3] + w) * s[1] + c; }

/// Calls visit(logical position, storage position) for every element.
template <class Visit>
void for_each_element(const Shape& shape, Visit visit) {
  const Shape s = as_batch(shape);
  if (s.rank() < 4) {
    for (Index i = 0; i < s.size(); ++i) visit(i, i);
    return;
  }
  Index logical = 0;
  for (Index n = 0; n < s[0]; ++n)
    for (Index c = 0; c < s[1]; ++c)
      for (Index h = 0; h < s[2]; ++h)
        for (Index w = 0; w < s[3]; ++w) visit(logical++, offset(s, n, c, h, w));
}

struct MatrixSize {
  Index rows, columns;
};

MatrixSize pixels_size(const Shape& shape) {
  const Shape s = as_batch(shape);
  switch (s.rank()) {
    case 0: return {1, 1};
    case 1: return {1, s[0]};
    case 2: return {s[0], s[1]};
    default: return {s[0] * s[2] * s[3], s[1]};
  }
}

MatrixSize rows_size(const Shape& shape) {
  const Shape s = as_batch(shape);
  switch (s.rank()) {
    case 0: return {1, 1};
    case 1: return {s[0], 1};
    case 2: return {s[0], s[1]};
    default: return {s[0], s[1] * s[2] * s[3]};
  }
}

}  // namespace

Tensor::Body& Tensor::body() const {
  check(defined(), "Tensor: used before it was given a value (a default-constructed Tensor, or a gradient that ",
        "backward() did not compute)");
  return *body_;
}

Tensor Tensor::empty(Shape shape) {
  Tensor t;
  t.body_ = std::make_shared<Body>(Body{shape, std::make_shared<Storage>(shape.size()), nullptr});
  return t;
}

Tensor Tensor::full(Shape shape, Real value) {
  Tensor t = empty(shape);
  t.rows().setConstant(value);
  return t;
}

Tensor::Tensor(Shape shape) : Tensor(full(shape, 0)) {}

Tensor Tensor::from_values(Shape shape, std::span<const Real> values) {
  check(static_cast<Index>(values.size()) == shape.size(), "from_values: shape ", shape, " holds ", shape.size(),
        " numbers, got ", values.size());
  Tensor t = empty(shape);
  Real* stored = t.body_->storage->data();
  for_each_element(shape,
                   [&](Index logical, Index place) { stored[place] = values[static_cast<std::size_t>(logical)]; });
  return t;
}

std::vector<Real> Tensor::to_values() const {
  std::vector<Real> values(static_cast<std::size_t>(size()));
  const Real* stored = body().storage->data();
  for_each_element(shape(),
                   [&](Index logical, Index place) { values[static_cast<std::size_t>(logical)] = stored[place]; });
  return values;
}

Real Tensor::at(Index n, Index c, Index h, Index w) const {
  const Shape& s = shape();
  check(s.rank() == 4, "at: four indices need a tensor (N,C,H,W), got ", s);
  check(0 <= n && n < s[0] && 0 <= c && c < s[1] && 0 <= h && h < s[2] && 0 <= w && w < s[3], "at: index (", n, ",", c,
        ",", h, ",", w, ") lies outside ", s);
  return body().storage->data()[offset(s, n, c, h, w)];
}

Real Tensor::item() const {
  check(size() == 1, "item: needs a tensor of one element, got ", shape());
  return body().storage->data()[0];
}

const Shape& Tensor::shape() const { return body().shape; }

ArrayView Tensor::pixels() {
  const auto [rows, columns] = pixels_size(shape());
  return {body().storage->data(), rows, columns};
}

ConstArrayView Tensor::pixels() const {
  const auto [rows, columns] = pixels_size(shape());
  return {body().storage->data(), rows, columns};
}

ArrayView Tensor::rows() {
  const auto [rows, columns] = rows_size(shape());
  return {body().storage->data(), rows, columns};
}

ConstArrayView Tensor::rows() const {
  const auto [rows, columns] = rows_size(shape());
  return {body().storage->data(), rows, columns};
}

Tensor Tensor::detach() const {
  Tensor t;
  t.body_ = std::make_shared<Body>(Body{shape(), body().storage, nullptr});
  return t;
}

Tensor Tensor::clone() const {
  return elementwise([](Real value) { return value; }, *this);
}

}  // namespace norma
