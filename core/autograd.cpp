// record() builds the graph, backward() walks it once from the loss to the leaves.
//
// A graph is made of Nodes, one for each tensor that wants a gradient. The tensor owns its Node, the Node owns the Nodes
// of the tensors it was computed from, and so on down to the leaves (parameters and inputs). A graph is freed with the
// last tensor at its top. Nodes do not own the numbers of tensors: what the backward pass reads, the rules captured.
//
// backward() puts the Nodes in an order in which each comes after everything that was computed from it. Then
// d loss / d y is complete when y's turn comes; y's rule adds its share to the gradients of the inputs. y's gradient,
// its rule with all that it captured, and its inputs are dropped at once.
#include "norma/core/autograd.h"

#include <algorithm>
#include <unordered_set>

#include "norma/core/check.h"
#include "norma/core/parallel.h"
#include "norma/core/tensor.h"

namespace norma {

/// What the graph knows of one tensor, t.
struct Node {
  Shape shape;
  bool requires_grad = true;
  Tensor grad;  // d loss / d t

  // The operation that computed t; a leaf has none.
  const char* op = nullptr;
  std::vector<std::shared_ptr<Node>> inputs;     // those that want a gradient
  std::function<void(const Tensor& dt)> rule{};  // empty once backward() has used it

  explicit Node(const Shape& of_t) : shape(of_t) {}
  ~Node();
};

namespace {

thread_local int no_grad_depth = 0;

}  // namespace

NoGrad::NoGrad() { ++no_grad_depth; }
NoGrad::~NoGrad() { --no_grad_depth; }
bool recording() { return no_grad_depth == 0; }

Tensor record(const char* op, Tensor y, std::vector<Tensor> inputs, std::function<void(const Tensor& dy)> rule) {
  std::erase_if(inputs, [](const Tensor& x) { return !x.defined() || !x.requires_grad(); });
  if (!recording() || inputs.empty()) return y;
  check(!y.requires_grad(), "record: the result of ", op, " must be a new tensor, it has a history or is an input");
  const auto node = std::make_shared<Node>(y.shape());
  node->op = op;
  for (const Tensor& x : inputs) node->inputs.push_back(x.body_->node);
  node->rule = std::move(rule);
  y.body_->node = node;
  return y;
}

Tensor record(const char* op, const Tensor& y, std::vector<Tensor> inputs,
              std::function<void(const Tensor& dy, const Tensor& y)> rule) {
  // With y itself in its rule the graph would own itself: detach() has y's numbers, but not its Node.
  return record(op, y, std::move(inputs),
                [rule = std::move(rule), numbers = y.detach()](const Tensor& dy) { rule(dy, numbers); });
}

Tensor& Tensor::requires_grad(bool on) {
  std::shared_ptr<Node>& node = body().node;
  if (!node && on) node = std::make_shared<Node>(shape());
  if (!node) return *this;
  check(!node->op, "requires_grad: only a leaf can be told to want a gradient; this tensor was computed by ",
        node->op ? node->op : "");
  node->requires_grad = on;
  return *this;
}

bool Tensor::requires_grad() const { return body().node && body_->node->requires_grad; }

const Tensor& Tensor::grad() const {
  static const Tensor none;
  return body().node ? body_->node->grad : none;
}

void Tensor::zero_grad() const {
  if (body().node) body_->node->grad = Tensor();
}

void Tensor::accumulate_grad(Tensor g) const {
  if (requires_grad()) edge().accumulate_grad(std::move(g));
}

Edge Tensor::edge() const { return Edge(defined() && requires_grad() ? body_->node : nullptr); }

bool Edge::requires_grad() const { return node_ && node_->requires_grad; }

const Shape& Edge::shape() const {
  check(node_ != nullptr, "Edge: no gradient was wanted when it was made, so it has no shape");
  return node_->shape;
}

void Edge::accumulate_grad(Tensor g) const {
  if (!requires_grad()) return;
  check(g.shape() == shape(), "accumulate_grad: a tensor ", shape(), " received a gradient ", g.shape());
  Tensor& sum = node_->grad;
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

namespace {

/// Every Node below `root` that has a rule, each after all that it was computed from.
/// Depth first with an explicit stack: a graph may be deeper than the call stack.
std::vector<std::shared_ptr<Node>> inputs_first(const std::shared_ptr<Node>& root) {
  struct Visit {
    std::shared_ptr<Node> node;
    std::size_t next_input = 0;
  };
  std::vector<std::shared_ptr<Node>> order;
  std::vector<Visit> path;
  std::unordered_set<const Node*> seen;
  const auto enter = [&](const std::shared_ptr<Node>& node) {
    if (!node->op || !seen.insert(node.get()).second) return;
    check(static_cast<bool>(node->rule), "backward: the graph of ", node->op,
          " was used by an earlier backward(); run the forward pass again");
    path.push_back({node});
  };
  enter(root);
  while (!path.empty()) {
    Visit& top = path.back();
    if (top.next_input < top.node->inputs.size()) {
      enter(top.node->inputs[top.next_input++]);
    } else {
      order.push_back(std::move(top.node));
      path.pop_back();
    }
  }
  return order;
}

/// Runs the rule of y and drops y's gradient, rule and inputs.
void pull_back(Node& y) {
  const Tensor dy = std::exchange(y.grad, Tensor());
  const auto rule = std::exchange(y.rule, nullptr);
  if (dy.defined()) rule(dy);
  y.inputs.clear();
}

}  // namespace

void Tensor::backward() const {
  check(size() == 1, "backward: starts from a tensor of one element (the loss), got ", shape());
  check(requires_grad(), "backward: nothing that this tensor was computed from wants a gradient");
  const NoGrad rules_are_not_recorded;
  std::vector<std::shared_ptr<Node>> order = inputs_first(body().node);
  accumulate_grad(full(shape(), 1));
  for (; !order.empty(); order.pop_back()) pull_back(*order.back());
}

/// A graph that is dropped without backward() is a chain of owners; freeing it must not recurse once per operation. So
/// the Nodes below that nobody else owns are unlinked here one by one, each before those that it was computed from.
/// A rule may own inputs too, through tensors that it captured: it is dropped while `pending` still holds them.
Node::~Node() {
  std::vector<std::shared_ptr<Node>> pending = std::move(inputs);
  rule = nullptr;
  while (!pending.empty()) {
    const std::shared_ptr<Node> node = std::move(pending.back());
    pending.pop_back();
    if (node.use_count() > 1) continue;
    std::move(node->inputs.begin(), node->inputs.end(), std::back_inserter(pending));
    node->inputs.clear();
  }
}

}  // namespace norma
