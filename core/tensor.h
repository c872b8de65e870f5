// Tensor: a handle on numbers with a shape, and on the graph that computed them.
//
// Note [Storage order]
//   The shape of a tensor is always PyTorch's: an image batch is (N,C,H,W), one image (C,H,W). In memory these lie in the
//   order N,H,W,C and H,W,C ("channels last"); ranks 0 to 2 are row-major. So the C numbers of one pixel are neighbours, an
//   image batch *is* a matrix with one row per pixel and one column per channel, and that matrix is what pixels()
//   shows: batch norm is column statistics, a bias is a row added to every row, a 1x1 convolution is a product.
//   A convolution weight (Cout,Cin,k,k) lies Cout,k,k,Cin: rows() of it is the filter matrix.
//   The order is never visible from outside: numbers enter and leave in logical order (from_values, to_values, at).
//   The index formula stands once, in offset() in tensor.cpp.
//
// Note [Who owns what]
//   A Tensor is a shared pointer to a Body, and a Body points to two things of independent lifetime:
//     Storage   the numbers. They are freed with the last Body that points to them: the last handle is gone, no rule of
//               the graph has captured one, and no detach()ed tensor, which has a Body of its own, shares them.
//     Node      what the graph knows of this tensor, without its numbers: its shape, its gradient, and the operation
//               that computed it, with the Nodes of that operation's inputs and its rule. Made by requires_grad(true)
//               and by record(); a tensor that wants no gradient has none. Defined in autograd.cpp.
//   So a graph keeps the shapes of all tensors on the way, but only those numbers that a rule has captured.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "norma/core/autograd.h"
#include "norma/core/shape.h"

namespace norma {

class Storage;

/// A handle: copies name the same numbers, as in PyTorch. A default-constructed Tensor names nothing
/// (`defined()` is false): an absent bias, a gradient not computed.
class Tensor {
 public:
  Tensor() = default;
  /// All zeros.
  explicit Tensor(Shape shape);
  /// Uninitialised: for results that are written in full right away.
  static Tensor empty(Shape shape);
  static Tensor full(Shape shape, Real value);
  /// `values` in logical order (N,C,H,W). Throws unless there are exactly shape.size() of them.
  static Tensor from_values(Shape shape, std::span<const Real> values);
  static Tensor from_values(Shape shape, std::initializer_list<Real> values) {
    return from_values(shape, std::span(values.begin(), values.size()));
  }

  /// All numbers in logical order (N,C,H,W).
  std::vector<Real> to_values() const;
  /// One number of a rank-4 tensor.
  Real at(Index n, Index c, Index h, Index w) const;
  /// The number of a tensor that holds exactly one.
  Real item() const;

  bool defined() const { return body_ != nullptr; }
  const Shape& shape() const;
  int rank() const { return shape().rank(); }
  Index dim(int i) const { return shape()[i]; }
  Index size() const { return shape().size(); }

  // Views of the numbers, valid as long as the tensor. Numbers that a recorded operation has used must not be changed
  // before backward(): its gradient would be silently wrong.

  /// The numbers as a matrix with one column per channel: (N*H*W) x C of (N,C,H,W), (H*W) x C of (C,H,W), N x C of (N,C),
  /// 1 x C of (C).
  ArrayView pixels();
  ConstArrayView pixels() const;
  /// The numbers as a matrix with one row per first dimension: N x (the rest, in storage order); one row of (C,H,W).
  ArrayView rows();
  ConstArrayView rows() const;

  // Gradients, defined in autograd.cpp.

  /// Asks for a gradient. Only for tensors that no recorded operation computed (parameters and inputs).
  Tensor& requires_grad(bool on);
  bool requires_grad() const;
  /// d loss / d this after backward(); not defined() before, and after zero_grad(). A handle: the next backward() adds
  /// to the same numbers; clone() what shall stay.
  const Tensor& grad() const;
  void zero_grad() const;
  /// Adds g to grad(); does nothing if no gradient is wanted. Adopts g's memory when nobody else holds it.
  /// Throws Error if g has another shape.
  void accumulate_grad(Tensor g) const;
  /// This tensor without its numbers, for a rule that only hands a gradient on to it. Empty if the tensor is not
  /// defined() or wants no gradient.
  Edge edge() const;
  /// Computes grad() of every leaf this scalar depends on, and frees the graph on the way.
  void backward() const;
  /// The same numbers without history.
  Tensor detach() const;
  /// A copy of the numbers, without history.
  Tensor clone() const;

 private:
  friend class Edge;
  friend Tensor record(const char*, Tensor, std::vector<Tensor>, std::function<void(const Tensor&)>);
  struct Body {
    Shape shape;
    std::shared_ptr<Storage> storage;
    std::shared_ptr<Node> node;
  };
  std::shared_ptr<Body> body_;

  Body& body() const;
};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

}  // namespace norma
