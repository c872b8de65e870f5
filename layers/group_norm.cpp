// Derivation and arithmetic: image_norm.cpp.
#include "norma/layers/group_norm.h"

#include "norma/layers/image_norm.h"

namespace norma {

Tensor group_norm(const Tensor& x, Index groups, const Tensor& gamma, const Tensor& beta, double eps) {
  check(x.rank() == 2 || x.rank() == 4, "group_norm: x must be (N,C,H,W) or (N,C), got ", x.shape());
  check(groups >= 1 && x.dim(1) % groups == 0, "group_norm: ", groups, " groups do not divide the channels of x ",
        x.shape());
  check(x.size() != groups, "group_norm: the batch needs more than 1 number per group, got x ", x.shape(), " in ",
        groups, " groups");
  return normalise_images("group_norm", x, ImageStats::of(x, groups), gamma, beta, {x.dim(1)}, eps);
}

GroupNorm::GroupNorm(Index num_groups, Index num_channels, GroupNormOptions options)
    : num_groups_(num_groups), num_channels_(num_channels), options_(options) {
  check(num_groups > 0 && num_channels > 0 && num_channels % num_groups == 0,
        "GroupNorm: num_groups must divide num_channels, got ", num_groups, " groups of ", num_channels, " channels");
  check_eps("GroupNorm", options.eps);
  if (!options.affine) return;
  weight_ = parameter("weight", Tensor::full({num_channels}, 1));
  bias_ = parameter("bias", Tensor({num_channels}));
}

Tensor GroupNorm::forward(const Tensor& x) {
  check((x.rank() == 2 || x.rank() == 4) && x.dim(1) == num_channels_, "group_norm: needs x (N,", num_channels_,
        ",H,W) or (N,", num_channels_, "), got ", x.shape());
  return group_norm(x, num_groups_, weight_, bias_, options_.eps);
}

void GroupNorm::reset_parameters(Random) { reset_affine(weight_, bias_); }

std::string GroupNorm::describe() const {
  std::string text = join("GroupNorm(", num_groups_, ", ", num_channels_);
  if (options_.eps != GroupNormOptions().eps) text += join(", eps=", options_.eps);
  return text + (options_.affine ? ")" : ", affine=false)");
}

}  // namespace norma
