// Inside of the autograd engine: what a Tensor handle points at, and a node of the graph.
#pragma once

#include <functional>
#include <vector>

#include "norma/core/storage.h"
#include "norma/core/tensor.h"

namespace norma {

/// One recorded operation. `backward` is empty once backward() has used it.
struct Node {
  const char* op;
  std::vector<Tensor> inputs;
  std::function<void(const Tensor& dy)> backward;

  Node(const char* name, std::vector<Tensor> in, std::function<void(const Tensor&)> rule)
      : op(name), inputs(std::move(in)), backward(std::move(rule)) {}
  ~Node();
};

/// The numbers are owned by `storage` (shared with detach()ed handles), the history by `node`, the gradient by `grad`.
struct Tensor::Body {
  Shape shape;
  std::shared_ptr<Storage> storage;
  bool requires_grad = false;
  std::shared_ptr<Node> node;  // the operation that computed this tensor; null for a leaf
  Tensor grad;
};

}  // namespace norma
