// Norma's side of safetensors.py.
//
//   torch_safetensors train DATA WEIGHTS|- WEIGHTS_OUT RESULTS
// takes the weights (- : fresh ones), evaluates the net on "x" of DATA, trains it with SGD on the batches ("x0",
// "labels0"), ("x1", "labels1"), ... of DATA, and evaluates it again. WEIGHTS_OUT gets the weights; RESULTS "logits",
// "losses" and "logits_after".
//   torch_safetensors accepts FILE...
// prints the files that Norma reads.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "norma/data/files/safetensors.h"
#include "norma/layers/batch_norm.h"
#include "norma/layers/conv2d.h"
#include "norma/layers/flatten.h"
#include "norma/layers/group_norm.h"
#include "norma/layers/init.h"
#include "norma/layers/layer_norm.h"
#include "norma/layers/linear.h"
#include "norma/layers/loss.h"
#include "norma/layers/pool.h"
#include "norma/layers/relu.h"
#include "norma/layers/sequential.h"
#include "norma/optim/sgd.h"

using namespace norma;

namespace {

/// The net that safetensors.py builds in PyTorch, for images 3x8x8 and 5 classes.
Sequential make_net() {
  Sequential net(Conv2d(3, 8, {.kernel_size = 3, .padding = 1, .bias = false}), BatchNorm2d(8), ReLU(), GroupNorm(2, 8),
                 Conv2d(8, 6, {.kernel_size = 3, .padding = 1}), LayerNorm({6, 8, 8}), ReLU(), MaxPool2d(2), Flatten(),
                 Linear(96, 16), BatchNorm1d(16), ReLU(), Linear(16, 5));
  initialize(net, 1);
  return net;
}

bool has(const NamedTensors& data, const std::string& name) {
  return std::any_of(data.begin(), data.end(), [&](const auto& entry) { return entry.first == name; });
}

Tensor get(const NamedTensors& data, const std::string& name) {
  check(has(data, name), "torch/safetensors: no ", name);
  return std::find_if(data.begin(), data.end(), [&](const auto& entry) { return entry.first == name; })->second;
}

Tensor logits(Sequential& net, const Tensor& x) {
  const NoGrad evaluation_only;
  const EvalMode eval(net);
  return net(x);
}

std::vector<Real> train(Sequential& net, const NamedTensors& data) {
  SGD optimizer(net.named_parameters(), {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3});
  std::vector<Real> losses;
  for (int step = 0; has(data, join("x", step)); ++step) {
    std::vector<int> labels;
    for (const Real label : get(data, join("labels", step)).to_values()) labels.push_back(static_cast<int>(label));
    optimizer.zero_grad();
    const Tensor loss = cross_entropy(net(get(data, join("x", step))), labels);
    loss.backward();
    optimizer.step();
    losses.push_back(loss.item());
  }
  return losses;
}

int run_training(const std::vector<std::string>& files) {
  const NamedTensors data = read_safetensors(files.at(1)).tensors;
  Sequential net = make_net();
  if (files.at(2) != "-") net.load_state_dict(read_safetensors(files.at(2)).tensors);
  const Tensor before = logits(net, get(data, "x"));
  const std::vector<Real> losses = train(net, data);
  write_safetensors(files.at(3), net.state_dict());
  write_safetensors(files.at(4), {{"logits", before},
                                  {"losses", Tensor::from_values({static_cast<Index>(losses.size())}, losses)},
                                  {"logits_after", logits(net, get(data, "x"))}});
  return 0;
}

int print_accepted(const std::vector<std::string>& files) {
  for (std::size_t i = 1; i < files.size(); ++i) try {
      read_safetensors(files[i]);
      std::cout << files[i] << '\n';
    } catch (const DataError&) {  // not accepted
    }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 5 && arguments[0] == "train") return run_training(arguments);
  if (!arguments.empty() && arguments[0] == "accepts") return print_accepted(arguments);
  std::cerr << "usage: torch_safetensors train DATA WEIGHTS|- WEIGHTS_OUT RESULTS | accepts FILE...\n";
  return 2;
}
