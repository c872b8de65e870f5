// Derivation and arithmetic: image_norm.cpp.
#include "norma/layers/layer_norm.h"

#include "norma/layers/image_norm.h"

namespace norma {
namespace {

Shape one_image(const Tensor& x) { return x.rank() == 4 ? Shape{x.dim(1), x.dim(2), x.dim(3)} : Shape{x.dim(1)}; }

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  check(x.rank() == 2 || x.rank() == 4, "layer_norm: x must be (N,C,H,W) or (N,C), got ", x.shape());
  return normalise_images("layer_norm", x, ImageStats::of(x, 1), gamma, beta, one_image(x), eps);
}

LayerNorm::LayerNorm(Shape normalized_shape, LayerNormOptions options)
    : normalized_shape_(normalized_shape), options_(options) {
  check((normalized_shape.rank() == 1 || normalized_shape.rank() == 3) && normalized_shape.size() > 0,
        "LayerNorm: normalized_shape must be (C,H,W) or (C), got ", normalized_shape);
  check_eps("LayerNorm", options.eps);
  if (!options.elementwise_affine) return;
  weight_ = parameter("weight", Tensor::full(normalized_shape, 1));
  if (options.bias) bias_ = parameter("bias", Tensor(normalized_shape));
}

Tensor LayerNorm::forward(const Tensor& x) {
  check(x.rank() >= 2 && one_image(x) == normalized_shape_, "layer_norm: normalized_shape ", normalized_shape_,
        " does not fit x ", x.shape());
  return layer_norm(x, weight_, bias_, options_.eps);
}

void LayerNorm::reset_parameters(Random) { reset_affine(weight_, bias_); }

std::string LayerNorm::describe() const {
  std::string text = join("LayerNorm(", normalized_shape_);
  if (options_.eps != LayerNormOptions().eps) text += join(", eps=", options_.eps);
  if (!options_.elementwise_affine) return text + ", elementwise_affine=false)";
  return text + (options_.bias ? ")" : ", bias=false)");
}

}  // namespace norma
