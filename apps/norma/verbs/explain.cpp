// norma explain bn: batch norm on a tensor so small that every number of it can be printed, and checked by hand.
//
// The formulas and letters are those of layers/batch_norm.cpp, but in double and in plain loops, so that they check the
// layer instead of repeating it. Each number is printed where it is computed.
#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/verbs/by_hand.h"
#include "norma/core/check.h"
#include "norma/core/ops.h"
#include "norma/layers/batch_norm.h"

namespace norma {
namespace {

using by_hand::Example, by_hand::Numbers, by_hand::sum, by_hand::measured;
using by_hand::kChannels, by_hand::kEps, by_hand::kM, by_hand::kMomentum, by_hand::kPixels;

/// What forward and backward of one mode give.
struct Pass {
  Numbers mean, variance, inv_std, x_hat, y, dx, dgamma, dbeta;
};

/// Without the sign of -0.0000.
double shown(double value) { return std::abs(value) < 5e-5 ? 0 : value; }

void pixel_head() {
  constexpr const char* kPlaces = "    [0,0]    [0,1]    [1,0]    [1,1]";
  fmt::print("\n{:<40}image 0{:<29}image 1\n{:<37}{}{}\n", "", "", "", kPlaces, kPlaces);
}

/// Prints numbers of pixels; returns them.
Numbers pixels(const char* name, const Numbers& v) {
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (i % kPixels == 0) fmt::print("{:<28}channel {} ", i == 0 ? name : "", i / kPixels);
    fmt::print("{:9.4f}{}", shown(v[i]), (i + 1) % kPixels == 0 ? "\n" : "");
  }
  return v;
}

void channel_head() { fmt::print("\n{:<37} channel 0   channel 1\n", ""); }

/// Prints numbers of channels; returns them.
Numbers channels(const char* name, const Numbers& v, int decimals = 4) {
  fmt::print("{:<37} {:>9.{}f}{:>12.{}f}\n", name, shown(v[0]), decimals, shown(v[kPixels]), decimals);
  return v;
}

void forward(const Example& e, Pass& p) {
  fmt::print(R"(Batch norm in numbers

x holds N=2 images of C=2 channels of H=2 times W=2 pixels, (N,C,H,W) = (2,2,2,2). Batch norm treats each channel by
itself, so here a channel is a line: its m = N*H*W = 8 numbers, first those of image 0, then those of image 1.

1. Forward in train()
)");
  pixel_head();
  pixels("x", e.x);
  fmt::print("\nThe statistics of a channel run over both images: that is the batch in batch norm.\n");
  channel_head();
  p.mean = channels("sum x", sum(e.x)) / kM;
  channels("mean = 1/m sum x", p.mean);
  const Numbers squares = channels("sum (x - mean)^2, the distances below", sum(std::pow(e.x - p.mean, 2.0)));
  p.variance = channels("variance, biased: 1/m of it", squares / kM);
  channels("variance, unbiased: 1/(m-1) of it", squares / (kM - 1));
  p.inv_std = channels("inv_std = 1/sqrt(variance + eps)", 1.0 / std::sqrt(p.variance + kEps), 7);
  channels("gamma, the layer's weight", e.gamma);
  channels("beta, the layer's bias", e.beta);
  fmt::print(R"(
inv_std takes the biased variance and eps = 0.00001; without eps it would be 1/2 and 1/4. x_hat has mean 0 and, but
for eps, variance 1 in every channel, whatever the scale of x. gamma and beta are trained: the scale and the mean of
the channel are theirs to choose.
)");
  pixel_head();
  const Numbers distance = pixels("x - mean", e.x - p.mean);
  p.x_hat = pixels("x_hat = (x - mean) inv_std", distance * p.inv_std);
  p.y = pixels("y = gamma x_hat + beta", e.gamma * p.x_hat + e.beta);
}

/// The mean and variance of eval(), from those of train().
void running(const Pass& train, Pass& eval) {
  const Numbers unbiased = train.variance * kM / (kM - 1);
  eval.mean = (1 - kMomentum) * 0 + kMomentum * train.mean;
  eval.variance = (1 - kMomentum) * 1 + kMomentum * unbiased;
  fmt::print(R"(
2. Running statistics

For eval(), the layer keeps running = (1 - momentum) running + momentum batch, here with momentum 0.1: the new batch
has a tenth of the weight. The variance that goes in is the unbiased one.

                                         before       batch       after
)");
  const auto print = [](const char* name, double before, const Numbers& batch, const Numbers& after) {
    for (std::size_t k = 0; k < kChannels; ++k)
      fmt::print("{:<37} {:>9.4f}{:>12.4f}{:>12.4f}\n", fmt::format("{}, channel {}", name, k), before,
                 batch[k * kPixels], after[k * kPixels]);
  };
  print("running_mean", 0, train.mean, eval.mean);
  print("running_var", 1, unbiased, eval.variance);
  fmt::print("{:<37} {:>9}{:>12}{:>12}\n", "num_batches_tracked", 0, "", 1);
}

/// Returns what was measured.
Pass backward(const Example& e, Pass& p) {
  Pass m;
  fmt::print(R"(
3. Backward in train()

The layers after it send back dy, the gradient of the loss with respect to y; these numbers are made up. The loss
sum dy y has this gradient. g = dy gamma is the gradient with respect to x_hat.
)");
  pixel_head();
  pixels("dy", e.dy);
  const Numbers g = pixels("g = dy gamma", e.dy * e.gamma);
  channel_head();
  p.dbeta = channels("dbeta = sum dy", sum(e.dy));
  m.dbeta = channels("  measured", measured(e, &Example::beta, true));
  p.dgamma = channels("dgamma = sum dy x_hat", sum(e.dy * p.x_hat));
  m.dgamma = channels("  measured", measured(e, &Example::gamma, true));
  const Numbers mean_g = channels("1/m sum g", sum(g) / kM);
  const Numbers mean_g_x_hat = channels("1/m sum g x_hat", sum(g * p.x_hat) / kM);
  fmt::print(R"(
Measured: (loss(v + h) - loss(v - h)) / 2h for each number v, with h = 0.00001, all others unchanged. It knows nothing
of the formulas. x reaches the loss in three ways, and dx is the sum of three terms:
  direct                  g inv_std                             through its own x_hat
  through the mean       -inv_std 1/m sum g                     the same for all pixels of a channel
  through the variance   -inv_std x_hat 1/m sum g x_hat         in proportion to x_hat
)");
  pixel_head();
  const Numbers direct = pixels("direct", g * p.inv_std);
  const Numbers through_mean = pixels("through the mean", -p.inv_std * mean_g);
  const Numbers through_variance = pixels("through the variance", -p.inv_std * p.x_hat * mean_g_x_hat);
  p.dx = pixels("dx, the sum of the three", direct + through_mean + through_variance);
  m.dx = pixels("dx measured", measured(e, &Example::x, false));
  channel_head();
  channels("sum dx", sum(p.dx));
  channels("sum dx x_hat", sum(p.dx * p.x_hat));
  fmt::print(R"(
Both are 0, the second but for eps: a small step against dx moves neither the mean nor the size of a channel. Either
would be in vain, because batch norm takes it away again.
)");
  return m;
}

void in_eval(const Example& e, Pass& p) {
  fmt::print(R"(
4. The same x in eval()

mean and variance are now the running ones, which no longer depend on x. Two of the three ways are gone, and dx is the
direct term. After one batch the running statistics are still near their start, mean 0 and variance 1, so x_hat is far
from mean 0 and variance 1: statistics that saw one batch are not fit for eval().
)");
  channel_head();
  channels("mean = running_mean", p.mean);
  channels("variance = running_var", p.variance);
  p.inv_std = channels("inv_std = 1/sqrt(variance + eps)", 1.0 / std::sqrt(p.variance + kEps), 7);
  pixel_head();
  p.x_hat = pixels("x_hat = (x - mean) inv_std", (e.x - p.mean) * p.inv_std);
  p.y = pixels("y = gamma x_hat + beta", e.gamma * p.x_hat + e.beta);
  p.dx = pixels("dx = g inv_std", e.dy * e.gamma * p.inv_std);
  channel_head();
  p.dbeta = channels("dbeta = sum dy", sum(e.dy));
  p.dgamma = channels("dgamma = sum dy x_hat", sum(e.dy * p.x_hat));
}

void print_check(const std::string& what, const char* bound, bool agree) {
  fmt::print("{:<52}agree {}: {}\n", what, bound, agree ? "yes" : "NO");
}

/// Pixel x channel.
Eigen::Map<const Eigen::ArrayXXd> matrix(const Numbers& v) { return {&v[0], kPixels, kChannels}; }

void check_measured(const char* what, const Numbers& formula, const Numbers& difference) {  // NaN: no agreement
  print_check(join("formula and measured, train(): ", what), "to 1e-6",
              ((matrix(formula) - matrix(difference)).abs() <= 1e-6).all());
}

/// t: (2,2,2,2) or (2).
void check_layer(const std::string& what, const Tensor& t, const Numbers& v) {
  const ConstArrayView pixels = t.pixels();
  print_check("BatchNorm2d, " + what, "to 1e-5",
              ((pixels.cast<double>() - matrix(v).topRows(pixels.rows())).abs() <= 1e-5).all());
}

Tensor tensor_of(const Shape& shape, const Numbers& v) {
  Tensor t(shape);
  t.pixels() = matrix(v).topRows(t.pixels().rows()).cast<Real>();
  return t;
}

/// forward() and backward() of the layer in its mode. Not operator(): that warns of eval() after a single batch.
void check_mode(BatchNorm2d& layer, const std::string& mode, const Example& e, const Pass& p) {
  Tensor x = tensor_of({2, 2, 2, 2}, e.x);
  x.requires_grad(true);
  const Tensor y = layer.forward(x);
  const NamedTensors parameters = layer.named_parameters();
  for (const auto& [name, parameter] : parameters) parameter.zero_grad();
  sum(mul(y, tensor_of(x.shape(), e.dy))).backward();
  check_layer(mode + ": y", y, p.y);
  check_layer(mode + ": dx, x.grad()", x.grad(), p.dx);
  check_layer(mode + ": dgamma, weight.grad()", parameters[0].second.grad(), p.dgamma);
  check_layer(mode + ": dbeta, bias.grad()", parameters[1].second.grad(), p.dbeta);
}

void checks(const Example& e, const Pass& train, const Pass& measured, const Pass& eval) {
  fmt::print(R"(
5. Checks

The numbers above come from plain loops in double. They are compared with the measured gradients, and with what
Norma's BatchNorm2d computes for the same x and dy, which gives its results as floats.

)");
  check_measured("dx", train.dx, measured.dx);
  check_measured("dgamma", train.dgamma, measured.dgamma);
  check_measured("dbeta", train.dbeta, measured.dbeta);

  BatchNorm2d layer(2, {.eps = kEps, .momentum = kMomentum});
  NamedTensors parameters = layer.named_parameters(), buffers = layer.named_buffers();
  parameters[0].second.pixels() = tensor_of({2}, e.gamma).pixels();
  parameters[1].second.pixels() = tensor_of({2}, e.beta).pixels();
  check_mode(layer, "train()", e, train);
  check_layer("train(): running_mean", buffers[0].second, eval.mean);
  check_layer("train(): running_var", buffers[1].second, eval.variance);
  print_check("BatchNorm2d, train(): num_batches_tracked", "exactly", buffers[2].second.item() == 1);
  layer.eval();
  check_mode(layer, "eval()", e, eval);
}

int explain(const std::string& topic) {
  check(topic == "bn", topic.empty() ? "needs a topic" : "there is no topic '" + topic + "'", "; choose one of: bn");
  const Example example;
  Pass train, eval;
  forward(example, train);
  running(train, eval);
  const Pass measured = backward(example, train);
  in_eval(example, eval);
  checks(example, train, measured, eval);
  return kDone;
}

}  // namespace

Verb explain_verb() {
  const auto declare = [](Options& o, std::string& topic) { o.add("topic", &topic, any("bn"), "What to explain"); };
  return make_verb<std::string>("explain", "Work a small example by hand, every number printed", declare, explain);
}

}  // namespace norma
