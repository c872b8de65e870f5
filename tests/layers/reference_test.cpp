// Norma against PyTorch: values, gradients, optimiser steps, learning rates and a whole training, from the files in
// tests/reference/. The number of cases is asserted, so that nothing can be left out unseen.
#include "norma/tests/reference.h"

#include <set>

#include "norma/core/ops.h"
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/flatten.h"
#include "norma/layers/group_norm.h"
#include "norma/layers/instance_norm.h"
#include "norma/layers/layer_norm.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/schedule.h"
#include "norma/optim/sgd.h"

namespace norma::reference {
namespace {

constexpr Tolerance kForward{"forward", 1e-5, 1e-6};
constexpr Tolerance kGradient{"gradient", 1e-4, 1e-6};
constexpr Tolerance kRunning{"running", 1e-6, 1e-7};
constexpr Tolerance kExact{"exact", 0, 0};
constexpr Tolerance kSgd{"sgd", 1e-6, 0};
constexpr Tolerance kTraceLoss{"trace_loss", 1e-4, 0};
// Twenty steps carry rounding on, and a weight may pass near 0.
constexpr Tolerance kTraceState{"trace_state", 1e-4, 1e-5};

/// Gives every leaf the gradient that comes from the upstream gradient `dy`.
void backward_from(const Tensor& y, const Tensor& dy) { sum(mul(y, dy)).backward(); }

/// Writes the numbers of `source` into `target`, which keeps its identity.
void assign(Tensor target, const Tensor& source) {
  ASSERT_EQ(target.shape(), source.shape());
  target.rows() = source.rows();
}

NamedTensors state_of(const Module& model) {
  NamedTensors all = model.named_parameters();
  const NamedTensors buffers = model.named_buffers();
  all.insert(all.end(), buffers.begin(), buffers.end());
  return all;
}

class ReferenceTest : public Reference {
 protected:
  /// The cases of a function of x alone.
  template <class Function>
  void check_function(const std::string& kind, int count, const Function& function) {
    for_each_case("layers.txt", kind, count, [&](const Case& c) {
      const Tensor x = c.leaf("x"), y = function(x, c);
      backward_from(y, c.tensor("dy"));
      expect_close(c, "y", y, kForward);
      expect_close(c, "dx", x.grad(), kGradient);
    });
  }

  /// The cases of a function of x, weight and, if option bias is set, bias.
  template <class Function>
  void check_weighted(const std::string& file, const std::string& kind, int count, const Function& function) {
    for_each_case(file, kind, count, [&](const Case& c) {
      const Tensor x = c.leaf("x"), weight = c.leaf("weight"), bias = c.flag("bias") ? c.leaf("bias") : Tensor();
      const Tensor y = function(x, weight, bias, c);
      backward_from(y, c.tensor("dy"));
      expect_close(c, "y", y, kForward);
      expect_close(c, "dx", x.grad(), kGradient);
      expect_close(c, "dweight", weight.grad(), kGradient);
      if (bias.defined()) expect_close(c, "dbias", bias.grad(), kGradient);
    });
  }

  /// y and every gradient for the batches in `tested` ("_eval" is one in eval()), then the buffers.
  void check_norm(Module& layer, const Case& c, const std::vector<std::string>& tested) {
    for (const std::string& batch : tested) {
      layer.train(batch != "_eval");
      for (const Tensor& p : layer.parameters()) p.zero_grad();
      const Tensor x = c.leaf("x" + batch), y = layer.forward(x);
      backward_from(y, c.tensor("dy" + batch));
      expect_close(c, "y" + batch, y, kForward);
      expect_close(c, "dx" + batch, x.grad(), kGradient);
      for (const auto& [name, p] : layer.named_parameters()) expect_close(c, "d" + name + batch, p.grad(), kGradient);
    }
    for (const auto& [name, buffer] : layer.named_buffers())
      expect_close(c, name, buffer, name == "num_batches_tracked" ? kExact : kRunning);
  }
  /// Gives the layer the case's parameters, once their number and that of the buffers is right.
  void start_norm(const Module& layer, const Case& c, std::size_t parameters, std::size_t buffers) {
    ASSERT_EQ(layer.named_parameters().size(), parameters) << c.kind << " " << c.name;
    ASSERT_EQ(layer.named_buffers().size(), buffers) << c.kind << " " << c.name;
    for (const auto& [name, p] : layer.named_parameters()) assign(p, c.tensor(name));
  }
};

BatchNormOptions batch_norm_options(const Case& c) {
  BatchNormOptions options{.eps = c.number("eps"),
                           .momentum = std::nullopt,
                           .affine = c.flag("affine"),
                           .track_running_stats = c.flag("track")};
  if (c.option("momentum") != "None") options.momentum = c.number("momentum");
  return options;
}

TEST_F(ReferenceTest, Conv2d) {
  check_weighted("conv2d.txt", "conv2d", 40, [](const Tensor& x, const Tensor& w, const Tensor& b, const Case& c) {
    return conv2d(x, w, b, c.index("stride"), c.index("padding"));
  });
}

TEST_F(ReferenceTest, BatchNorm2d) {
  for_each_case("batch_norm.txt", "batch_norm", 63, [&](const Case& c) {
    BatchNorm2d layer(c.values("x1").sizes[1], batch_norm_options(c));
    start_norm(layer, c, c.flag("affine") ? 2 : 0, c.flag("track") ? 3 : 0);
    layer.forward(c.tensor("x1"));
    layer.forward(c.tensor("x2"));
    check_norm(layer, c, {"3", "_eval"});
  });
}

TEST_F(ReferenceTest, BatchNorm1d) {
  for_each_case("norm_family.txt", "batch_norm1d", 9, [&](const Case& c) {
    BatchNorm1d layer(c.values("x1").sizes[1], batch_norm_options(c));
    start_norm(layer, c, c.flag("affine") ? 2 : 0, c.flag("track") ? 3 : 0);
    check_norm(layer, c, {"1", "2", "_eval"});
  });
}

TEST_F(ReferenceTest, GroupNorm) {
  for_each_case("norm_family.txt", "group_norm", 14, [&](const Case& c) {
    GroupNorm layer(c.index("groups"), c.values("x1").sizes[1], {.eps = c.number("eps"), .affine = c.flag("affine")});
    start_norm(layer, c, c.flag("affine") ? 2 : 0, 0);
    check_norm(layer, c, {"1"});
  });
}

TEST_F(ReferenceTest, LayerNorm) {
  for_each_case("norm_family.txt", "layer_norm", 10, [&](const Case& c) {
    const Shape x = c.values("x1").shape();
    const bool affine = c.flag("affine"), bias = c.flag("bias");
    LayerNorm layer(x.rank() == 4 ? Shape{x[1], x[2], x[3]} : Shape{x[1]},
                    {.eps = c.number("eps"), .elementwise_affine = affine, .bias = bias});
    start_norm(layer, c, !affine ? 0 : bias ? 2 : 1, 0);
    check_norm(layer, c, {"1"});
  });
}

TEST_F(ReferenceTest, InstanceNorm2d) {
  for_each_case("norm_family.txt", "instance_norm", 9, [&](const Case& c) {
    InstanceNorm2d layer(c.values("x1").sizes[1], {.eps = c.number("eps"),
                                                   .momentum = c.number("momentum"),
                                                   .affine = c.flag("affine"),
                                                   .track_running_stats = c.flag("track")});
    start_norm(layer, c, c.flag("affine") ? 2 : 0, c.flag("track") ? 3 : 0);
    check_norm(layer, c, {"1", "2", "_eval"});
  });
}

TEST_F(ReferenceTest, ReLU) {
  check_function("relu", 3, [](const Tensor& x, const Case&) { return relu(x); });
}

TEST_F(ReferenceTest, MaxPool2d) {
  check_function("max_pool2d", 10, [](const Tensor& x, const Case& c) { return max_pool2d(x, c.index("kernel")); });
}

TEST_F(ReferenceTest, GlobalAvgPool) {
  check_function("global_avg_pool", 3, [](const Tensor& x, const Case&) { return global_avg_pool(x); });
}

TEST_F(ReferenceTest, Flatten) {
  check_function("flatten", 3, [](const Tensor& x, const Case&) { return flatten(x); });
}

TEST_F(ReferenceTest, Linear) {
  check_weighted("layers.txt", "linear", 5,
                 [](const Tensor& x, const Tensor& w, const Tensor& b, const Case&) { return linear(x, w, b); });
}

TEST_F(ReferenceTest, CrossEntropy) {
  for_each_case("layers.txt", "cross_entropy", 12, [&](const Case& c) {
    const Tensor logits = c.leaf("logits");
    const Tensor loss = cross_entropy(logits, c.labels("labels"), c.number("label_smoothing"));
    loss.backward();
    expect_close(c, "loss", loss, kForward);
    expect_close(c, "dlogits", logits.grad(), kGradient);
  });
}

TEST_F(ReferenceTest, SGD) {
  for_each_case("optim.txt", "sgd", 15, [&](const Case& c) {
    const Tensor p = c.leaf("initial");
    SGD optimiser({p}, {.momentum = c.number("momentum"),
                        .weight_decay = c.number("weight_decay"),
                        .nesterov = c.flag("nesterov")});
    const Tensor gradients = c.tensor("gradients");
    std::vector<double> path;
    for (Index step = 0; step < gradients.dim(0); ++step) {
      optimiser.learning_rate(c.values("rates").numbers[static_cast<std::size_t>(step)]);
      optimiser.zero_grad();
      Tensor gradient(p.shape());
      gradient.pixels() = gradients.rows().row(step);
      p.accumulate_grad(gradient);
      optimiser.step();
      for (Real number : p.to_values()) path.push_back(number);
    }
    expect_close(c, "path", path, kSgd);
  });
}

TEST_F(ReferenceTest, Schedules) {
  std::set<std::string> covered;
  for_each_case("optim.txt", "schedule", 12, [&](const Case& c) {
    const double peak = c.number("peak");
    const Schedule schedule({.name = c.option("schedule"),
                             .peak = peak,
                             .steps = c.index("steps"),
                             .warmup = c.index("warmup"),
                             .every = c.index("every"),
                             .factor = c.number("factor")});
    std::vector<double> rates;
    for (Index step = 0; step < c.index("steps"); ++step) rates.push_back(schedule.at(step));
    expect_close(c, "rates", rates, {"schedule", 0, 1e-6 * peak});
    covered.insert(c.option("schedule"));
  });
  EXPECT_EQ(covered, std::set(Schedule::names().begin(), Schedule::names().end()));
}

TEST_F(ReferenceTest, TrainingTrace) {
  for_each_case("trace.txt", "trace", 1, [&](const Case& c) {
    Sequential net(Conv2d(3, 8, {.padding = 1, .bias = false}), BatchNorm2d(8), ReLU(), MaxPool2d(2),
                   Conv2d(8, 16, {.padding = 1, .bias = false}), BatchNorm2d(16), ReLU(), GlobalAvgPool(), Flatten(),
                   Linear(16, 10));
    const NamedTensors state = state_of(net);
    const auto in_file = std::count_if(c.tensors.begin(), c.tensors.end(),
                                       [](const auto& entry) { return entry.first.starts_with("final."); });
    ASSERT_EQ(static_cast<std::ptrdiff_t>(state.size()), in_file) << "names in the state of the network";
    for (const auto& [name, tensor] : state) assign(tensor, c.tensor("initial." + name));

    SGD optimiser(net.named_parameters(), {.lr = c.number("lr"),
                                           .momentum = c.number("momentum"),
                                           .weight_decay = c.number("weight_decay"),
                                           .nesterov = true});
    std::vector<double> losses;
    for (std::size_t step = 0; step < 20; ++step) {
      const std::string batch = std::to_string(step % 3);
      optimiser.zero_grad();
      const Tensor loss = cross_entropy(net(c.tensor("x" + batch)), c.labels("labels" + batch), 0.1);
      losses.push_back(loss.item());
      loss.backward();
      optimiser.step();
    }
    expect_close(c, "losses", losses, kTraceLoss);
    for (const auto& [name, tensor] : state)
      expect_close(c, "final." + name, tensor, name.ends_with("num_batches_tracked") ? kExact : kTraceState);
  });
}

}  // namespace
}  // namespace norma::reference
