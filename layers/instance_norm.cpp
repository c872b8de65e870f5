// Derivation and arithmetic: image_norm.cpp. Every channel is a group of its own.
#include "norma/layers/instance_norm.h"

#include "norma/layers/image_norm.h"

namespace norma {
namespace {

void check_pixels(const Tensor& x) {
  check(x.rank() == 4, "instance_norm: x must be (N,C,H,W), got ", x.shape());
  check(x.dim(2) * x.dim(3) != 1, "instance_norm: the statistics of an image need more than 1 pixel, got x ",
        x.shape());
}

}  // namespace

Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  check_pixels(x);
  return normalise_images("instance_norm", x, ImageStats::of(x, x.dim(1)), gamma, beta, {x.dim(1)}, eps);
}

InstanceNorm2d::InstanceNorm2d(Index num_features, InstanceNormOptions options)
    : num_features_(num_features), options_(options) {
  check(num_features > 0, "InstanceNorm2d: num_features must be positive, got ", num_features);
  check_eps("InstanceNorm2d", options.eps);
  check_momentum("InstanceNorm2d", options.momentum);
  if (options.affine) {
    weight_ = parameter("weight", Tensor::full({num_features}, 1));
    bias_ = parameter("bias", Tensor({num_features}));
  }
  if (options.track_running_stats) {
    running_mean_ = buffer("running_mean", Tensor({num_features}));
    running_var_ = buffer("running_var", Tensor::full({num_features}, 1));
    buffer("num_batches_tracked", Tensor::full({}, 0));
  }
}

Tensor InstanceNorm2d::forward(const Tensor& x) {
  check(x.rank() == 4 && x.dim(1) == num_features_, "instance_norm: needs x (N,", num_features_, ",H,W), got ",
        x.shape());
  const bool tracks = options_.track_running_stats;
  if (tracks && !training()) {
    const ChannelStats running{running_mean_.pixels().row(0).cast<double>(),
                               running_var_.pixels().row(0).cast<double>()};
    return normalise_images("instance_norm", x, ImageStats::fixed(running, x.dim(0)), weight_, bias_, {num_features_},
                            options_.eps);
  }
  check_pixels(x);
  const ImageStats images = ImageStats::of(x, num_features_);
  const bool finite = x.size() == 0 || (images.mean.isFinite().all() && images.variance.isFinite().all());
  if (tracks && !finite)
    throw NonFiniteError(
        join("instance_norm: x ", x.shape(), " holds NaN or infinity; the running statistics were kept"));
  Tensor y = normalise_images("instance_norm", x, images, weight_, bias_, {num_features_}, options_.eps);
  if (!tracks || x.size() == 0) return y;
  const double pixels = static_cast<double>(x.dim(2) * x.dim(3));
  update_average(running_mean_, images.mean.colwise().mean(), options_.momentum);
  update_average(running_var_, images.variance.colwise().mean() * (pixels / (pixels - 1)), options_.momentum);
  return y;
}

void InstanceNorm2d::reset_parameters(Random) {
  for (const auto& [name, buffer] : named_buffers()) Tensor(buffer).rows().setConstant(name == "running_var" ? 1 : 0);
  reset_affine(weight_, bias_);
}

std::string InstanceNorm2d::describe() const {
  const InstanceNormOptions usual;
  std::string text = join("InstanceNorm2d(", num_features_);
  if (options_.eps != usual.eps) text += join(", eps=", options_.eps);
  if (options_.momentum != usual.momentum) text += join(", momentum=", options_.momentum);
  if (options_.affine) text += ", affine=true";
  if (options_.track_running_stats) text += ", track_running_stats=true";
  return text + ")";
}

}  // namespace norma
