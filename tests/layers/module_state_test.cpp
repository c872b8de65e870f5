// What a Module tells of itself: the warnings about modes, and the state dictionary.
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/models/lint.h"
#include "norma/layers/sequential.h"
#include "norma/tests/helpers.h"

namespace norma::test {
namespace {

Tensor batch(Index i) { return random_tensor({8, 3, 8, 9}, 100 + static_cast<std::uint64_t>(i), 0.5, 2); }

std::vector<std::string> codes(const Module& model) {
  std::vector<std::string> all;
  for (const auto& [code, place, text] : lint(model)) all.push_back(code);
  return all;
}
using Codes = std::vector<std::string>;

TEST(Lint, KnowsTheUsualMistakes) {
  Sequential net(Conv2d(3, 2), BatchNorm2d(2));
  EXPECT_EQ(codes(net), Codes{}) << "training, recorded";
  {
    const NoGrad off;
    EXPECT_EQ(codes(net), Codes{"train-no-grad"});
    net.eval();
    EXPECT_EQ(codes(net), Codes{"few-batches"}) << "no batch seen";
  }
  net.train();
  for (Index i = 0; i < 3; ++i) net.forward(batch(i));
  net.eval();
  ASSERT_EQ(codes(net), Codes{"few-batches"});
  const std::string text = lint(net)[0].place + lint(net)[0].text;
  EXPECT_NE(text.find("layer 1, BatchNorm2d(2): "), std::string::npos) << text;
  EXPECT_NE(text.find("saw 3 batches still hold 73%"), std::string::npos) << text;  // 0.9^3
  net.train();
  for (Index i = 0; i < 40; ++i) net.forward(batch(i));
  net.eval();
  EXPECT_EQ(codes(net), Codes{"few-batches"}) << "0.9^43 is above 1%";
  net.train();
  net.forward(batch(0));
  net.eval();
  EXPECT_EQ(codes(net), Codes{}) << "0.9^44 is below 1%";
  for (const double momentum : {0.9, 0.5}) EXPECT_EQ(codes(BatchNorm2d(2, {.momentum = momentum})), Codes{"momentum"});
  EXPECT_EQ(codes(BatchNorm2d(2, {.momentum = 0.49})), Codes{});
  BatchNorm2d cumulative(2, {.momentum = std::nullopt}), untracked(2, {.track_running_stats = false});
  cumulative.forward(random_tensor({2, 2, 2, 2}, 1));
  cumulative.eval();
  untracked.eval();
  EXPECT_EQ(codes(cumulative), Codes{}) << "one batch has replaced the start";
  EXPECT_EQ(codes(untracked), Codes{});
}

TEST(Lint, IsPrintedOncePerModelByTheCallOperatorOnly) {
  Sequential net(Conv2d(3, 2), BatchNorm2d(2));
  net.eval();
  const auto printed = [&](const auto& f) {
    testing::internal::CaptureStderr();
    f();
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(printed([&] { net.forward(batch(0)); }), "");
  const std::string first = printed([&] { net(batch(0)); });
  EXPECT_EQ(first.rfind("norma: warning: layer 1, BatchNorm2d(2): ", 0), 0U) << first;
  EXPECT_NE(first.find("[few-batches]\n"), std::string::npos) << first;
  EXPECT_EQ(printed([&] { net(batch(0)); }), "");
  const NoGrad off;
  net.train();
  EXPECT_NE(printed([&] { net(batch(0)); }).find("[train-no-grad]"), std::string::npos) << "another code";
}

TEST(StateDict, HasPyTorchsNamesInItsOrder) {
  const Sequential net(Conv2d(3, 2), BatchNorm2d(2));
  EXPECT_EQ(names_of(net.state_dict()),
            (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
                                      "1.num_batches_tracked"}));
}

NamedTensors copied(const NamedTensors& state) {
  NamedTensors copy;
  for (const auto& [name, tensor] : state) copy.emplace_back(name, tensor.clone());
  return copy;
}

TEST(StateDict, LoadsWhatItGave) {
  Sequential from(Conv2d(3, 2), BatchNorm2d(2)), to(Conv2d(3, 2), BatchNorm2d(2));
  from.forward(batch(0));
  for (const Tensor& p : from.parameters()) set(p, random_tensor(p.shape(), 77));
  ASSERT_NE(bytes_of(to.state_dict()), bytes_of(from.state_dict()));
  to.load_state_dict(from.state_dict());
  EXPECT_EQ(bytes_of(to.state_dict()), bytes_of(from.state_dict()));
}

TEST(StateDict, ACounterThatIsMissingIsZero) {
  Sequential net(Conv2d(3, 2), BatchNorm2d(2));
  for (Index i = 0; i < 3; ++i) net.forward(batch(i));
  NamedTensors old = copied(net.state_dict());
  old.pop_back();
  net.load_state_dict(old);
  EXPECT_EQ(net.state_dict().back().second.item(), 0);
  EXPECT_EQ(bytes_of(old), bytes_of(net.state_dict()).substr(0, bytes_of(old).size()));
}

TEST(StateDict, ChangesNothingUnlessAllFits) {
  Sequential net(Conv2d(3, 2), BatchNorm2d(2));
  const std::string before = bytes_of(net.state_dict());
  const auto refuses = [&](const std::function<void(NamedTensors&)>& change, std::initializer_list<std::string> parts) {
    NamedTensors state = copied(net.state_dict());
    for (auto& [name, tensor] : state) tensor.rows().setConstant(7);
    change(state);
    expect_error([&] { net.load_state_dict(state); }, parts);
    EXPECT_EQ(bytes_of(net.state_dict()), before);
  };
  refuses([](NamedTensors& s) { s.erase(s.begin() + 4); }, {"load_state_dict", "1.running_mean (2)", "missing"});
  refuses([](NamedTensors& s) { s[5].second = Tensor({3}); }, {"1.running_var", "(2)", "(3)"});
  refuses([](NamedTensors& s) { s.emplace_back("2.weight", Tensor({4})); }, {"2.weight (4)", "not known"});
  refuses([](NamedTensors& s) { s.push_back(s[0]); }, {"twice"});
}

}  // namespace
}  // namespace norma::test
