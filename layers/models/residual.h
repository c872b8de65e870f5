// Residual: a body of layers, and a shortcut past it.
#pragma once

#include "norma/layers/module.h"

namespace norma {

/// y = body(x) + shortcut(x); without a shortcut module y = body(x) + x. Children "body" and "shortcut".
/// Where body changes the shape the shortcut must too, by a 1x1 convolution of the same stride:
///   Residual(Sequential(Conv2d(32, 64, {.stride = 2, .padding = 1, .bias = false}), BatchNorm2d(64), ReLU(), ...),
///            Sequential(Conv2d(32, 64, {.kernel_size = 1, .stride = 2, .bias = false}), BatchNorm2d(64)))
/// Throws Error if the two shapes differ.
/// Source: He, Zhang, Ren & Sun 2016, "Deep Residual Learning for Image Recognition", section 3.2, equations 1 and 2.
class Residual : public Module {
 public:
  template <std::derived_from<Module> Body>
  explicit Residual(Body body) : body_(child("body", std::move(body))) {}
  template <std::derived_from<Module> Body, std::derived_from<Module> Shortcut>
  Residual(Body body, Shortcut shortcut)
      : body_(child("body", std::move(body))), shortcut_(child("shortcut", std::move(shortcut))) {}
  /// Of modules that others may hold too; `shortcut` may be nullptr.
  Residual(std::shared_ptr<Module> body, std::shared_ptr<Module> shortcut);

  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  Index multiply_adds(const Shape& in, const Shape& out) const override;

 private:
  std::shared_ptr<Module> body_, shortcut_;  // shortcut_ is nullptr for the identity
};

}  // namespace norma
