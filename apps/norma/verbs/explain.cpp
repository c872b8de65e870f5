// norma explain bn: batch norm on a tensor so small that every number of it can be printed, and checked by hand.
#include <fmt/format.h>

#include <cmath>

#include "norma/apps/norma/options/verb.h"
#include "norma/apps/norma/verbs/by_hand.h"
#include "norma/core/check.h"
#include "norma/core/ops.h"
#include "norma/layers/batch_norm.h"

namespace norma {
namespace {

using by_hand::Channel, by_hand::Channels, by_hand::Numbers;

/// Without the sign of -0.0000.
double shown(double value) { return std::abs(value) < 5e-5 ? 0 : value; }

void print_pixels(const Channels& channels, const char* name, Numbers Channel::*of) {
  for (std::size_t k = 0; k < channels.size(); ++k) {
    fmt::print("{:<28}channel {} ", k == 0 ? name : "", k);
    for (double value : channels[k].*of) fmt::print("{:9.4f}", shown(value));
    fmt::print("\n");
  }
}

void print_sum(const Channels& channels, const char* name, double Channel::*of, int decimals = 4) {
  fmt::print("{:<37} {:>9.{}f}{:>12.{}f}\n", name, shown(channels[0].*of), decimals, shown(channels[1].*of), decimals);
}

void print_pixel_header() {
  fmt::print("\n{:<40}image 0{:<29}image 1\n{:<37}", "", "", "");
  for (int image = 0; image < 2; ++image) fmt::print("{:>9}{:>9}{:>9}{:>9}", "[0,0]", "[0,1]", "[1,0]", "[1,1]");
  fmt::print("\n");
}

void print_sum_header() { fmt::print("\n{:<37} channel 0   channel 1\n", ""); }

void print_forward(const Channels& channels) {
  fmt::print(
      "Batch norm in numbers\n\n"
      "x holds N=2 images of C=2 channels of H=2 times W=2 pixels, (N,C,H,W) = (2,2,2,2). Batch norm treats each "
      "channel by\n"
      "itself, so here a channel is a line: its m = N*H*W = 8 numbers, first those of image 0, then those of image "
      "1.\n\n"
      "1. Forward in train()\n");
  print_pixel_header();
  print_pixels(channels, "x", &Channel::x);
  fmt::print("\nThe statistics of a channel run over both images: that is the batch in batch norm.\n");
  print_sum_header();
  print_sum(channels, "sum x", &Channel::sum);
  print_sum(channels, "mean = 1/m sum x", &Channel::mean);
  print_sum(channels, "sum (x - mean)^2, the distances below", &Channel::squares);
  print_sum(channels, "variance, biased: 1/m of it", &Channel::variance);
  print_sum(channels, "variance, unbiased: 1/(m-1) of it", &Channel::unbiased);
  print_sum(channels, "inv_std = 1/sqrt(variance + eps)", &Channel::inv_std, 7);
  print_sum(channels, "gamma, the layer's weight", &Channel::gamma);
  print_sum(channels, "beta, the layer's bias", &Channel::beta);
  fmt::print(
      "\ninv_std takes the biased variance and eps = 0.00001; without eps it would be 1/2 and 1/4. x_hat has mean 0 "
      "and, but\n"
      "for eps, variance 1 in every channel, whatever the scale of x. gamma and beta are trained: the scale and the "
      "mean of\n"
      "the channel are theirs to choose.\n");
  print_pixel_header();
  print_pixels(channels, "x - mean", &Channel::distance);
  print_pixels(channels, "x_hat = (x - mean) inv_std", &Channel::x_hat);
  print_pixels(channels, "y = gamma x_hat + beta", &Channel::y);
}

void print_running(const Channels& channels, const Channels& later) {
  fmt::print(
      "\n2. Running statistics\n\n"
      "For eval(), the layer keeps running = (1 - momentum) running + momentum batch, here with momentum 0.1: the new "
      "batch\n"
      "has a tenth of the weight. The variance that goes in is the unbiased one.\n\n"
      "{:<37}    before       batch       after\n",
      "");
  const auto print = [](const std::string& name, double before, double batch, double after) {
    fmt::print("{:<37} {:>9.4f}{:>12.4f}{:>12.4f}\n", name, before, batch, after);
  };
  for (std::size_t k = 0; k < 2; ++k)
    print(fmt::format("running_mean, channel {}", k), 0, channels[k].mean, later[k].mean);
  for (std::size_t k = 0; k < 2; ++k)
    print(fmt::format("running_var, channel {}", k), 1, channels[k].unbiased, later[k].variance);
  fmt::print("{:<37} {:>9}{:>12}{:>12}\n", "num_batches_tracked", 0, "", 1);
}

void print_backward(const Channels& channels) {
  fmt::print(
      "\n3. Backward in train()\n\n"
      "The layers behind send back dy, the gradient of the loss with respect to y; these numbers are made up. The "
      "loss\n"
      "sum dy y has this gradient. g = dy gamma is the gradient with respect to x_hat.\n");
  print_pixel_header();
  print_pixels(channels, "dy", &Channel::dy);
  print_pixels(channels, "g = dy gamma", &Channel::g);
  print_sum_header();
  print_sum(channels, "dbeta = sum dy", &Channel::dbeta);
  print_sum(channels, "  measured", &Channel::dbeta_measured);
  print_sum(channels, "dgamma = sum dy x_hat", &Channel::dgamma);
  print_sum(channels, "  measured", &Channel::dgamma_measured);
  print_sum(channels, "1/m sum g", &Channel::mean_g);
  print_sum(channels, "1/m sum g x_hat", &Channel::mean_g_x_hat);
  fmt::print(
      "\nMeasured: (loss(v + h) - loss(v - h)) / 2h for each number v, with h = 0.00001, all others unchanged. It "
      "knows nothing\n"
      "of the formulas. x reaches the loss in three ways, and dx is the sum of three terms:\n"
      "  direct                  g inv_std                             through its own x_hat\n"
      "  through the mean       -inv_std 1/m sum g                     the same for all pixels of a channel\n"
      "  through the variance   -inv_std x_hat 1/m sum g x_hat         in proportion to x_hat\n");
  print_pixel_header();
  print_pixels(channels, "direct", &Channel::direct);
  print_pixels(channels, "through the mean", &Channel::through_mean);
  print_pixels(channels, "through the variance", &Channel::through_variance);
  print_pixels(channels, "dx, the sum of the three", &Channel::dx);
  print_pixels(channels, "dx measured", &Channel::dx_measured);
  print_sum_header();
  print_sum(channels, "sum dx", &Channel::sum_dx);
  print_sum(channels, "sum dx x_hat", &Channel::sum_dx_x_hat);
  fmt::print(
      "\nBoth are 0, the second but for eps: a small step against dx moves neither the mean nor the size of a channel. "
      "Either\n"
      "would be in vain, because batch norm takes it away again.\n");
}

void print_eval(const Channels& later) {
  fmt::print(
      "\n4. The same x in eval()\n\n"
      "mean and variance are now the running ones, which no longer depend on x. Two of the three ways are gone, and dx "
      "is the\n"
      "direct term. After one batch the running statistics are still near their start, mean 0 and variance 1, so x_hat "
      "is far\n"
      "from mean 0 and variance 1: statistics that saw one batch are not fit for eval().\n");
  print_sum_header();
  print_sum(later, "mean = running_mean", &Channel::mean);
  print_sum(later, "variance = running_var", &Channel::variance);
  print_sum(later, "inv_std = 1/sqrt(variance + eps)", &Channel::inv_std, 7);
  print_pixel_header();
  print_pixels(later, "x_hat = (x - mean) inv_std", &Channel::x_hat);
  print_pixels(later, "y = gamma x_hat + beta", &Channel::y);
  print_pixels(later, "dx = g inv_std", &Channel::dx);
  print_sum_header();
  print_sum(later, "dbeta = sum dy", &Channel::dbeta);
  print_sum(later, "dgamma = sum dy x_hat", &Channel::dgamma);
}

double number(const Numbers& numbers, std::size_t i) { return numbers[i]; }
double number(double one, std::size_t) { return one; }

void print_check(const char* what, const char* bound, bool agree) {
  fmt::print("{:<52}agree {}: {}\n", what, bound, agree ? "yes" : "NO");
}

template <class Member>
void check_measured(const char* what, const Channels& channels, Member Channel::*formula, Member Channel::*measured) {
  bool agree = true;  // NaN is no agreement
  for (const Channel& c : channels)
    for (std::size_t i = 0; i < by_hand::kM; ++i)
      agree = agree && std::abs(number(c.*formula, i) - number(c.*measured, i)) <= 1e-6;
  print_check(what, "to 1e-6", agree);
}

/// t: (2,2,2,2) or (2).
template <class Member>
void check_layer(const char* what, const Tensor& t, const Channels& channels, Member Channel::*formula) {
  const ConstArrayView pixels = t.pixels();
  bool agree = true;
  for (Index k = 0; k < pixels.cols(); ++k)
    for (Index i = 0; i < pixels.rows(); ++i) {
      const double expected = number(channels[static_cast<std::size_t>(k)].*formula, static_cast<std::size_t>(i));
      agree = agree && std::abs(static_cast<double>(pixels(i, k)) - expected) <= 1e-5;
    }
  print_check(what, "to 1e-5", agree);
}

template <class Member>
Tensor tensor_of(const Shape& shape, const Channels& channels, Member Channel::*of) {
  Tensor t(shape);
  ArrayView pixels = t.pixels();
  for (Index k = 0; k < pixels.cols(); ++k)
    for (Index i = 0; i < pixels.rows(); ++i)
      pixels(i, k) = static_cast<Real>(number(channels[static_cast<std::size_t>(k)].*of, static_cast<std::size_t>(i)));
  return t;
}

/// forward() and backward() of the layer in its present mode. Not operator(): it warns of eval() after a single batch,
/// which is what is shown here.
void check_mode(BatchNorm2d& layer, const std::string& mode, const Channels& channels) {
  Tensor x = tensor_of({2, 2, 2, 2}, channels, &Channel::x);
  x.requires_grad(true);
  const Tensor y = layer.forward(x);
  const NamedTensors parameters = layer.named_parameters();
  for (const auto& [name, parameter] : parameters) parameter.zero_grad();
  sum(mul(y, tensor_of(x.shape(), channels, &Channel::dy))).backward();
  const auto label = [&](const char* what) { return "BatchNorm2d, " + mode + ": " + what; };
  check_layer(label("y").c_str(), y, channels, &Channel::y);
  check_layer(label("dx, x.grad()").c_str(), x.grad(), channels, &Channel::dx);
  check_layer(label("dgamma, weight.grad()").c_str(), parameters[0].second.grad(), channels, &Channel::dgamma);
  check_layer(label("dbeta, bias.grad()").c_str(), parameters[1].second.grad(), channels, &Channel::dbeta);
}

void print_checks(const Channels& train, const Channels& eval) {
  fmt::print(
      "\n5. Checks\n\n"
      "The numbers above come from plain loops in double. They are compared with the measured gradients, and with "
      "what\n"
      "Norma's BatchNorm2d computes for the same x and dy, which gives its results as floats.\n\n");
  check_measured("formula and measured, train(): dx", train, &Channel::dx, &Channel::dx_measured);
  check_measured("formula and measured, train(): dgamma", train, &Channel::dgamma, &Channel::dgamma_measured);
  check_measured("formula and measured, train(): dbeta", train, &Channel::dbeta, &Channel::dbeta_measured);

  BatchNorm2d layer(2, {.eps = by_hand::kEps, .momentum = by_hand::kMomentum});
  NamedTensors parameters = layer.named_parameters(), buffers = layer.named_buffers();
  parameters[0].second.pixels() = tensor_of({2}, train, &Channel::gamma).pixels();
  parameters[1].second.pixels() = tensor_of({2}, train, &Channel::beta).pixels();
  check_mode(layer, "train()", train);
  check_layer("BatchNorm2d, train(): running_mean", buffers[0].second, eval, &Channel::mean);
  check_layer("BatchNorm2d, train(): running_var", buffers[1].second, eval, &Channel::variance);
  print_check("BatchNorm2d, train(): num_batches_tracked", "exactly", buffers[2].second.item() == 1);
  layer.eval();
  check_mode(layer, "eval()", eval);
}

struct ExplainOptions {
  std::string topic;
};

int explain(const ExplainOptions& o) {
  check(o.topic == "bn", o.topic.empty() ? "needs a topic" : "there is no topic '" + o.topic + "'",
        "; choose one of: bn");
  const Channels train = by_hand::in_train(), eval = by_hand::in_eval(train);
  print_forward(train);
  print_running(train, eval);
  print_backward(train);
  print_eval(eval);
  print_checks(train, eval);
  return kDone;
}

}  // namespace

Verb explain_verb() {
  const auto declare = [](Options& o, ExplainOptions& s) { o.add("topic", &s.topic, any("bn"), "What to explain"); };
  return make_verb<ExplainOptions>("explain", "Work a small example by hand, every number printed", declare, explain);
}

}  // namespace norma
