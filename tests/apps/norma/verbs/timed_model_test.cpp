// TimedModel: it computes what the model computes, and every layer gets its own time.
#include "norma/apps/norma/verbs/timed_model.h"

#include <chrono>
#include <thread>

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/init.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/models/residual.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

constexpr std::chrono::milliseconds kForward{20}, kBackward{40};

/// x as it is, slowly.
class Slow : public Module {
 public:
  Tensor forward(const Tensor& x) override {
    std::this_thread::sleep_for(kForward);
    return record("slow", x.clone(), {x}, [x](const Tensor& dy) {
      std::this_thread::sleep_for(kBackward);
      x.accumulate_grad(dy);
    });
  }
};

Sequential branching_net(std::vector<std::shared_ptr<Module>> extra) {
  Sequential net(Conv2d(3, 4, {.padding = 1, .bias = false}), BatchNorm2d(4), ReLU());
  Sequential body(Conv2d(4, 6, {.stride = 2, .padding = 1, .bias = false}), BatchNorm2d(6));
  Sequential shortcut(Conv2d(4, 6, {.kernel_size = 1, .stride = 2, .bias = false}));
  if (!extra.empty()) body.add(extra[0]), shortcut.add(extra[1]);
  net.add(Residual(std::move(body), std::move(shortcut))).add(ReLU()).add(GlobalAvgPool()).add(Linear(6, 5));
  initialize(net, 1);
  return net;
}

const std::vector<int> kLabels{0, 1, 2, 3, 4, 0, 1, 2};

void timed_step(TimedModel& timed, const Tensor& x) {
  std::vector<double> loss_ms;
  timed.start();
  const Tensor loss = cross_entropy(timed.forward(x), kLabels);
  timed.lap(loss_ms);
  timed.joined(loss).backward();
  timed.backward_is_done();
}

TEST(TimedModel, ComputesWhatTheModelComputes) {
  const Tensor x = random_tensor({8, 3, 8, 8}, 1);
  Sequential plain = branching_net({}), model = branching_net({});
  cross_entropy(plain(x), kLabels).backward();
  TimedModel timed(model);
  timed_step(timed, x);
  const std::vector<Tensor> expected = plain.parameters(), got = model.parameters();
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(got[i].grad(), expected[i].grad())) << i;
  EXPECT_EQ(bytes_of(model.named_buffers()), bytes_of(plain.named_buffers()));
}

TEST(TimedModel, EveryLayerGetsItsOwnTime) {
  const auto in_body = std::make_shared<Slow>(), in_shortcut = std::make_shared<Slow>();
  Sequential model = branching_net({in_body, in_shortcut});
  TimedModel timed(model);
  const Tensor x = random_tensor({8, 3, 8, 8}, 1);
  timed_step(timed, x);
  timed_step(timed, x);
  std::vector<std::string> names;
  for (const LayerCost& cost : timed.costs()) {
    names.push_back(cost.name);
    ASSERT_EQ(cost.forward_ms.size(), 2u) << cost.name;
    ASSERT_EQ(cost.backward_ms.size(), 2u) << cost.name;
    const bool slow = cost.layer == "Slow";
    if (slow) {
      EXPECT_GE(cost.forward_ms[1], 19.9) << cost.name;
      EXPECT_GE(cost.backward_ms[1], 39.9) << cost.name;
    } else {  // that of another would be added in both steps
      EXPECT_LT(std::min(cost.forward_ms[0], cost.forward_ms[1]), 19.9) << cost.name;
      EXPECT_LT(std::min(cost.backward_ms[0], cost.backward_ms[1]), 39.9) << cost.name;
    }
  }
  std::erase(names, "2");  // a ReLU that batch norm does in passing, where layers/fast/ is there
  EXPECT_EQ(names, (std::vector<std::string>{"0", "1", "3.body.0", "3.body.1", "3.body.2", "3.shortcut.0",
                                             "3.shortcut.1", "3", "4", "5", "6"}));
  EXPECT_EQ(timed.loss_backward_ms().size(), 2u);
}

TEST(TimedModel, CountsTheWorkOfTheDefinition) {
  Sequential model = branching_net({});
  TimedModel timed(model);
  timed_step(timed, random_tensor({8, 3, 8, 8}, 1));
  const std::vector<LayerCost> costs = timed.costs();
  const auto named = [&costs](const std::string& name) {
    return *std::find_if(costs.begin(), costs.end(), [&name](const LayerCost& cost) { return cost.name == name; });
  };
  const LayerCost first = named("0"), norm = named("1"), inner = named("3.body.0"), sum = named("3");
  EXPECT_EQ(first.forward_work, 2.0 * 8 * 64 * 4 * 27);
  EXPECT_EQ(first.backward_work, first.forward_work) << "the images want no gradient";
  EXPECT_EQ(inner.backward_work, 2 * inner.forward_work);
  EXPECT_EQ(norm.forward_work, 0);
  EXPECT_EQ(norm.forward_bytes, 3.0 * 8 * 64 * 4 * sizeof(Real));
  EXPECT_EQ(norm.backward_bytes, 5.0 * 8 * 64 * 4 * sizeof(Real));
  EXPECT_EQ(sum.layer, "sum of body and shortcut");
  EXPECT_EQ(sum.forward_work, 0) << "counted in the rows of its parts";
}

}  // namespace
}  // namespace norma::test
