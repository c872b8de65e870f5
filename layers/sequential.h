// Sequential: layers applied one after the other.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// After torch.nn.Sequential; children are named "0", "1", ... An Error thrown by a layer is passed on with the layer's
/// place in front: "layer 3, BatchNorm2d(64): batch_norm: ...", and the buffers of all layers are what they were.
///   Sequential net(Conv2d(3, 32, {.padding = 1, .bias = false}), BatchNorm2d(32), ReLU());
/// (Sequential(Sequential(a, b)) with a single argument is a move, not a nesting; add() nests.)
class Sequential : public Module {
 public:
  Sequential() = default;
  template <std::derived_from<Module>... Layers>
  explicit Sequential(Layers... layers) {
    (add(std::move(layers)), ...);
  }

  /// Appends a layer.
  template <std::derived_from<Module> Layer>
  Sequential& add(Layer layer) {
    child(std::to_string(children().size()), std::move(layer));
    return *this;
  }

  /// Appends a layer that others may hold too.
  Sequential& add(std::shared_ptr<Module> layer) {
    adopt(std::to_string(children().size()), std::move(layer));
    return *this;
  }

  Tensor forward(const Tensor& x) override {
    if (!training()) return layer_by_layer(x);
    KeepBuffers if_a_layer_throws(*this);  // those before it have moved their running statistics
    Tensor y = layer_by_layer(x);
    if_a_layer_throws.release();
    return y;
  }

  std::string describe() const override { return "Sequential"; }

  /// Of all layers. An input of zeros goes through them, to see the shapes between them.
  Index multiply_adds(const Shape& in, const Shape& /*out*/) const override {
    const NoGrad shapes_only;
    Tensor x(in);
    Index total = 0;
    for (const auto& [name, layer] : children()) {
      const EvalMode nothing_is_learnt(*layer);
      const Tensor y = layer->forward(x);
      total += layer->multiply_adds(x.shape(), y.shape());
      x = y;
    }
    return total;
  }

 private:
  Tensor layer_by_layer(const Tensor& x) const {
    Tensor y = x;
    for (std::size_t i = 0; i < children().size(); ++i) {
      const auto& [name, layer] = children()[i];
      const bool takes_relu =
          layer->can_take_relu() && i + 1 < children().size() && children()[i + 1].second->is_relu();
      y = forward_child(name, *layer, y, takes_relu);
      if (takes_relu) ++i;
    }
    return y;
  }
};

}  // namespace norma
