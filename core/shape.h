// Shape: the sizes of a tensor, in PyTorch's logical order.
#pragma once

#include <algorithm>
#include <array>
#include <initializer_list>
#include <ostream>

#include "norma/core/check.h"
#include "norma/core/types.h"

namespace norma {

/// Sizes of a tensor of rank 0 (a scalar), 1 (C), 2 (N,C), 3 (C,H,W) or 4 (N,C,H,W). Sizes may be 0 (an empty batch).
class Shape {
 public:
  Shape(std::initializer_list<Index> sizes) : rank_(static_cast<int>(sizes.size())) {
    check(rank_ <= 4, "Shape: rank must be 0 to 4, got ", rank_, " sizes");
    std::size_t filled = 0;
    for (Index size : sizes) {
      check(size >= 0, "Shape: size ", filled, " must not be negative, got ", size);
      sizes_.at(filled++) = size;
    }
    Index product = 1;
    for (Index size : sizes)
      check(!__builtin_mul_overflow(product, std::max<Index>(size, 1), &product), "Shape: ", *this,
            " holds more numbers than can be counted");
  }

  int rank() const { return rank_; }
  Index operator[](int i) const {
    check(0 <= i && i < rank_, "Shape: ", *this, " has no dimension ", i);
    return sizes_[static_cast<std::size_t>(i)];
  }
  /// Number of elements; 1 for a scalar.
  Index size() const {
    Index product = 1;
    for (int i = 0; i < rank_; ++i) product *= (*this)[i];
    return product;
  }
  bool operator==(const Shape&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const Shape& shape) {
    out << '(';
    for (int i = 0; i < shape.rank_; ++i) out << (i ? "," : "") << shape.sizes_[static_cast<std::size_t>(i)];
    return out << ')';
  }

 private:
  int rank_;
  std::array<Index, 4> sizes_{};
};

}  // namespace norma
