// The graph of recorded operations: record() builds it, Tensor::backward() walks it, both in autograd.cpp.
// Include core/tensor.h, which includes this file.
#pragma once

#include <functional>
#include <memory>
#include <vector>

namespace norma {

class Shape;
class Tensor;
struct Node;

/// An input of an operation without its numbers: all that a rule needs to hand a gradient on. Made by Tensor::edge().
class Edge {
 public:
  /// Whether the gradient is wanted; false for good if it was not when the edge was made. So what a rule captures for
  /// this gradient alone is there whenever this is true.
  bool requires_grad() const;
  /// The tensor's shape. Throws Error if no gradient was wanted when the edge was made.
  const Shape& shape() const;
  /// As Tensor::accumulate_grad.
  void accumulate_grad(Tensor g) const;

 private:
  friend class Tensor;
  explicit Edge(std::shared_ptr<Node> node) : node_(std::move(node)) {}
  std::shared_ptr<Node> node_;  // nullptr if no gradient was wanted
};

/// The one door into the graph. Every differentiable function computes y and ends with its rule,
///   return record("scale", y, {x}, [x = x.edge(), factor](const Tensor& dy) { x.accumulate_grad(...); });
/// `inputs` are the tensors that the rule gives gradients to; those not defined() are skipped. The capture list is the
/// list of what is kept for the backward pass: write it out, never `[=]`. Capture x where the rule reads the numbers
/// of x, x.edge() where it only hands a gradient on. Never capture y: the graph would hold itself for ever.
/// Where recording is off (NoGrad) or no input wants a gradient, y comes back as it is.
/// Throws Error if y wants a gradient already: it must be a new tensor.
Tensor record(const char* op, Tensor y, std::vector<Tensor> inputs, std::function<void(const Tensor& dy)> rule);
/// The same for a rule that reads the numbers of its result: it is given them.
///   return record("exp", result, {x}, [x = x.edge()](const Tensor& dy, const Tensor& y) { x.accumulate_grad(...); });
Tensor record(const char* op, const Tensor& y, std::vector<Tensor> inputs,
              std::function<void(const Tensor& dy, const Tensor& y)> rule);

/// No graph is recorded on this thread while one of these is alive.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
};

/// Whether operations on this thread are recorded.
bool recording();

}  // namespace norma
