// Y = X W^T + b      dX = dY W      dW = dY^T X      db = column sums of dY
#include "norma/layers/linear.h"

#include "norma/core/ops.h"
#include "norma/layers/init.h"

namespace norma {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(x.rank() == 2 && weight.rank() == 2 && x.dim(1) == weight.dim(1), "linear: weight ", weight.shape(),
        " (out,in) does not fit x ", x.shape(), " (N,in)");
  check(!bias.defined() || bias.shape() == Shape{weight.dim(0)}, "linear: weight ", weight.shape(), " needs a bias (",
        weight.dim(0), "), got ", bias.defined() ? bias.shape() : Shape{});
  Tensor y = Tensor::empty({x.dim(0), weight.dim(0)});
  multiply_into(y.rows(), x.rows().matrix(), weight.rows().matrix().transpose());
  if (bias.defined()) y.rows().rowwise() += bias.pixels().row(0);

  return record("linear", y, {x, weight, bias}, [x, weight, bias](const Tensor& dy) {
    if (x.requires_grad()) {
      Tensor dx = Tensor::empty(x.shape());
      multiply_into(dx.rows(), dy.rows().matrix(), weight.rows().matrix());
      x.accumulate_grad(std::move(dx));
    }
    if (weight.requires_grad()) {
      Tensor dweight = Tensor::empty(weight.shape());
      multiply_into(dweight.rows(), dy.rows().matrix().transpose(), x.rows().matrix());
      weight.accumulate_grad(std::move(dweight));
    }
    accumulate_bias_grad(bias, dy);
  });
}

Linear::Linear(Index in_features, Index out_features, LinearOptions options) {
  check(in_features > 0 && out_features > 0, "Linear: features must be positive, got in_features ", in_features,
        ", out_features ", out_features);
  weight_ = parameter("weight", Tensor::empty({out_features, in_features}));
  if (options.bias) bias_ = parameter("bias", Tensor::empty({out_features}));
  reset_parameters(default_stream(weight_.shape()));
}

void Linear::reset_parameters(Random random) { uniform_by_fan_in(weight_, bias_, random); }

std::string Linear::describe() const {
  return join("Linear(", weight_.dim(1), ", ", weight_.dim(0), bias_.defined() ? ")" : ", bias=false)");
}

Index Linear::multiply_adds(const Shape& /*in*/, const Shape& out) const { return out.size() * weight_.dim(1); }

}  // namespace norma
