// What Module::operator() does around forward(): the observer, the path in errors, buffers after a throw, for everybody's modules.
#include <map>

#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/init.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

Tensor batch(std::uint64_t seed) { return random_tensor({4, 3, 6, 6}, seed, 0.5, 2); }

/// A composite as an author writes it: two parts, nothing said of errors, buffers or observers.
class Twice : public Module {
 public:
  explicit Twice(std::shared_ptr<Module> second)
      : first_(child("first", Sequential(Conv2d(3, 3, {.padding = 1}), BatchNorm2d(3), ReLU()))),
        second_(std::move(second)) {
    adopt("second", second_);
  }
  Tensor forward(const Tensor& x) override { return (*second_)((*first_)(x)); }

 private:
  std::shared_ptr<Sequential> first_;
  std::shared_ptr<Module> second_;
};

struct Seen : Observer {
  explicit Seen(Module& model, Sees sees) : Observer(sees) {
    for (const auto& [name, module] : model.named_modules()) names[module] = name;
  }
  void before(Module& module, const Tensor&) override { log += "(" + names.at(&module); }
  void after(Module& module, std::size_t layers, const Tensor&, const Tensor& y) override {
    log += layers == 1 ? ")" : join("+", layers - 1, ")");
    if (dynamic_cast<ReLU*>(&module)) {
      EXPECT_GE(y.rows().minCoeff(), 0);
    }
  }
  std::map<const Module*, std::string> names;
  std::string log;
};

Sequential net_of(std::shared_ptr<Module> second) {
  Sequential net;
  net.add(BatchNorm2d(3)).add(Twice(std::move(second)));
  initialize(net, 1);
  return net;
}

TEST(Observer, SeesEveryModuleAtAnyDepth) {
  Sequential net = net_of(std::make_shared<ReLU>());
  Seen seen(net, Observer::Sees::each_layer);
  net(batch(1));
  EXPECT_EQ(seen.log, "((0)(1(1.first(1.first.0)(1.first.1)(1.first.2))(1.second)))");
}

TEST(Observer, SeesAFusedStepAsOneCallAndChangesNoBits) {
  Sequential net = net_of(std::make_shared<ReLU>()), other = net_of(std::make_shared<ReLU>());
  Tensor fused, single;
  {
    Seen seen(net, Observer::Sees::what_runs);
    fused = net(batch(1));
    EXPECT_EQ(seen.log, "((0)(1(1.first(1.first.0)(1.first.1+1))(1.second)))") << "needs layers/fast/";
  }
  const Observer each_layer;
  single = other(batch(1));
  EXPECT_TRUE(same_bits(fused, single));
  EXPECT_EQ(bytes_of(net.named_buffers()), bytes_of(other.named_buffers()));
}

TEST(Observer, TheNewestSeesAndTheOneBeforeGoesOnAfterIt) {
  Sequential net = net_of(std::make_shared<ReLU>());
  Seen outer(net, Observer::Sees::each_layer);
  {
    Seen inner(net, Observer::Sees::each_layer);
    net(batch(1));
    EXPECT_FALSE(inner.log.empty());
  }
  EXPECT_EQ(outer.log, "");
  net(batch(1));
  EXPECT_FALSE(outer.log.empty());
}

TEST(Call, ErrorsInsideSomeonesCompositeNameThePathAndBuffersAreRestored) {
  Sequential net = net_of(std::make_shared<Conv2d>(5, 4));
  const std::string before = bytes_of(net.named_buffers());
  expect_error([&] { net(batch(1)); }, {"layer 1, Twice: layer second, Conv2d(5, 4, kernel_size=3): conv2d: weight"});
  EXPECT_EQ(bytes_of(net.named_buffers()), before) << "two batch norms had moved their running statistics";
  expect_error([&] { net.forward(batch(1)); }, {"layer 1, Twice: layer second"});
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
}

TEST(Call, AFusedStepNamesItsLayerAndKeepsBuffers) {
  Sequential net(Conv2d(3, 4), BatchNorm2d(4), ReLU(), Conv2d(4, 2), BatchNorm2d(3), ReLU());
  initialize(net, 1);
  const std::string before = bytes_of(net.named_buffers());
  expect_error([&] { net(batch(1)); }, {"layer 4, BatchNorm2d(3): batch_norm: needs x (N,3,H,W), got (4,2,2,2)"});
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
  Tensor not_finite = batch(1);
  not_finite.rows()(0, 0) = kNaN;
  EXPECT_THROW(net(not_finite), NonFiniteError);
}

struct Thrower : Module {
  Tensor forward(const Tensor&) override { throw std::runtime_error("mine"); }
};

TEST(Call, OtherExceptionsPassAsTheyAreAndBuffersAreRestored) {
  Sequential net = net_of(std::make_shared<Thrower>());
  const std::string before = bytes_of(net.named_buffers());
  try {
    net(batch(1));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "mine");
  }
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
  net.children()[1].second->eval();
  Sequential works = net_of(std::make_shared<ReLU>());
  works(batch(1));
  EXPECT_NE(bytes_of(works.named_buffers()), before) << "a call that ends well keeps what it learnt";
}

/// Changes the mode of another module before it throws.
struct Switcher : Module {
  std::shared_ptr<Module> other;
  bool on;
  Switcher(std::shared_ptr<Module> module, bool training) : other(std::move(module)), on(training) {}
  Tensor forward(const Tensor&) override {
    other->train(on);
    throw Error("boom");
  }
};

TEST(Call, BuffersAreRestoredThoughTheModesChangedOnTheWay) {
  const auto first = std::make_shared<BatchNorm2d>(3), second = std::make_shared<BatchNorm2d>(3);
  Sequential net;
  net.add(first).add(second).add(std::make_shared<Switcher>(first, false));
  const std::string before = bytes_of(net.named_buffers());
  expect_error([&] { net(batch(1)); }, {"layer 2, Switcher: boom"});
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
  Sequential evaluated;
  evaluated.add(std::make_shared<Switcher>(second, true)).add(second);
  evaluated.eval();
  expect_error([&] { evaluated(batch(1)); }, {"layer 0, Switcher: boom"});
  EXPECT_EQ(bytes_of(net.named_buffers()), before);
}

TEST(NamedModules, ParentsComeBeforeTheirChildren) {
  Sequential net = net_of(std::make_shared<ReLU>());
  std::vector<std::string> names;
  for (const auto& [name, module] : net.named_modules()) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"", "0", "1", "1.first", "1.first.0", "1.first.1", "1.first.2", "1.second"}));
}

}  // namespace
}  // namespace norma::test
