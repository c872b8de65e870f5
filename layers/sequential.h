// Sequential: layers applied one after the other.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// After torch.nn.Sequential; children are named "0", "1", ...
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

  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return "Sequential"; }

  /// Of all layers. An input of zeros goes through them, to see the shapes between them.
  Index multiply_adds(const Shape& in, const Shape& out) const override;
};

}  // namespace norma
