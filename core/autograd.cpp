// record() builds the graph, backward() walks it once from the loss to the leaves.
//
// A graph is made of Nodes. A tensor computed by a recorded operation holds its Node, the Node holds the input
// tensors, and so on down to the leaves (parameters and inputs), which have none. backward() puts the tensors in an
// order in which each comes after everything that was computed from it; then d loss / d y is complete when y's turn
// comes, y's rule adds its share to the inputs' gradients, and y's gradient and history are dropped at once.
#include "norma/core/autograd.h"

#include <algorithm>
#include <unordered_set>

#include "norma/core/check.h"
#include "norma/core/parallel.h"

namespace norma {
namespace {

thread_local int no_grad_depth = 0;

}  // namespace

NoGrad::NoGrad() { ++no_grad_depth; }
NoGrad::~NoGrad() { --no_grad_depth; }
bool recording() { return no_grad_depth == 0; }

Tensor record(const char* op, Tensor y, std::vector<Tensor> inputs, std::function<void(const Tensor& dy)> backward) {
  std::erase_if(inputs, [](const Tensor& x) { return !x.defined(); });
  const bool wanted = std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
  if (!recording() || !wanted) return y;
  check(!y.requires_grad(), "record: the result of ", op, " must be a new tensor, it has a history or is an input");
  y.body().requires_grad = true;
  y.body().node = std::make_shared<Node>(op, std::move(inputs), std::move(backward));
  return y;
}

Tensor& Tensor::requires_grad(bool on) {
  check(!body().node, "requires_grad: only a leaf can be told to want a gradient; this tensor was computed by ",
        body().node ? body().node->op : "");
  body().requires_grad = on;
  return *this;
}

bool Tensor::requires_grad() const { return body().requires_grad; }

const Tensor& Tensor::grad() const { return body().grad; }

void Tensor::zero_grad() const { body().grad = Tensor(); }

void Tensor::accumulate_grad(Tensor g) const {
  if (!requires_grad()) return;
  check(g.shape() == shape(), "accumulate_grad: a tensor ", shape(), " received a gradient ", g.shape());
  Tensor& sum = body().grad;
  if (sum.defined()) {
    Real* const out = sum.rows().data();
    const Real* const in = g.rows().data();
    parallel_blocks(sum.size(), kBlockNumbers, [=](Index first, Index n, Index) {
      for (Index i = first; i < first + n; ++i) out[i] += in[i];
    });
    return;
  }
  const bool sole_owner = g.body_.use_count() == 1 && g.body_->storage.use_count() == 1;
  sum = sole_owner ? std::move(g) : g.clone();
}

/// Needs access to the inside of Tensor.
class Graph {
 public:
  /// Every tensor of the graph below `root` that has a rule, each after all that it was computed from.
  /// Depth first with an explicit stack: a graph may be deeper than the call stack.
  static std::vector<Tensor> inputs_first(const Tensor& root) {
    struct Visit {
      Tensor tensor;
      std::size_t next_input = 0;
    };
    std::vector<Tensor> order;
    std::vector<Visit> path;
    std::unordered_set<const Node*> seen;
    const auto enter = [&](const Tensor& t) {
      const Node* node = t.body().node.get();
      if (!node || !seen.insert(node).second) return;
      check(static_cast<bool>(node->backward), "backward: the graph of ", node->op,
            " was used by an earlier backward(); run the forward pass again");
      path.push_back({t});
    };
    enter(root);
    while (!path.empty()) {
      Visit& top = path.back();
      const std::vector<Tensor>& inputs = top.tensor.body().node->inputs;
      if (top.next_input < inputs.size()) {
        enter(inputs[top.next_input++]);
      } else {
        order.push_back(top.tensor);
        path.pop_back();
      }
    }
    return order;
  }

  /// Runs the rule of y and drops y's gradient, rule and inputs.
  static void pull_back(const Tensor& y) {
    Node& node = *y.body().node;
    const Tensor dy = std::exchange(y.body().grad, Tensor());
    const auto rule = std::exchange(node.backward, nullptr);
    if (dy.defined()) rule(dy);
    node.inputs.clear();
  }

  /// Takes the history out of t if t and its node belong to nobody else.
  static std::shared_ptr<Node> last_owner_of_node(Tensor& t) {
    const bool last = t.body_ && t.body_.use_count() == 1 && t.body_->node.use_count() == 1;
    return last ? std::move(t.body_->node) : nullptr;
  }
};

void Tensor::backward() const {
  check(size() == 1, "backward: starts from a tensor of one element (the loss), got ", shape());
  check(requires_grad(), "backward: nothing that this tensor was computed from wants a gradient");
  const NoGrad rules_are_not_recorded;
  std::vector<Tensor> order = Graph::inputs_first(*this);
  accumulate_grad(full(shape(), 1));
  for (; !order.empty(); order.pop_back()) Graph::pull_back(order.back());
}

/// A graph that is dropped without backward() is a chain of handles; freeing it must not recurse once per operation.
Node::~Node() {
  std::vector<Tensor> pending = std::move(inputs);
  backward = nullptr;
  while (!pending.empty()) {
    Tensor t = std::move(pending.back());
    pending.pop_back();
    if (const auto node = Graph::last_owner_of_node(t)) {
      std::move(node->inputs.begin(), node->inputs.end(), std::back_inserter(pending));
      node->inputs.clear();
    }
  }
}

}  // namespace norma
