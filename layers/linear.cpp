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

  // dX reads W and dW reads X: each is kept only if that gradient is wanted.
  const Edge to_x = x.edge(), to_w = weight.edge();
  const Tensor kept_x = to_w.requires_grad() ? x : Tensor(), kept_w = to_x.requires_grad() ? weight : Tensor();
  return record("linear", y, {x, weight, bias}, [to_x, to_w, kept_x, kept_w, bias = bias.edge()](const Tensor& dy) {
    if (to_x.requires_grad()) {
      Tensor dx = Tensor::empty(to_x.shape());
      multiply_into(dx.rows(), dy.rows().matrix(), kept_w.rows().matrix());
      to_x.accumulate_grad(std::move(dx));
    }
    if (to_w.requires_grad()) {
      Tensor dweight = Tensor::empty(to_w.shape());
      multiply_into(dweight.rows(), dy.rows().matrix().transpose(), kept_x.rows().matrix());
      to_w.accumulate_grad(std::move(dweight));
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
