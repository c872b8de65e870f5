#include "norma/optim/sgd.h"

#include <algorithm>
#include <cmath>

#include "norma/core/parallel.h"

namespace norma {
namespace {

void check_option(const char* name, double value) {
  check(std::isfinite(static_cast<Real>(value)) && value >= 0, "SGD: ", name, " must be finite and not negative, got ",
        value);
}

NamedTensors numbered(const std::vector<Tensor>& parameters) {
  NamedTensors named;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    named.emplace_back(join("number ", i, " ", parameters[i].shape()), parameters[i]);
  return named;
}

}  // namespace

SGD::SGD(const std::vector<Tensor>& parameters, SGDOptions options) : SGD(numbered(parameters), options) {}

SGD::SGD(const NamedTensors& parameters, SGDOptions options) : velocities_(parameters.size()), options_(options) {
  check_option("lr", options.lr);
  check_option("momentum", options.momentum);
  check_option("weight_decay", options.weight_decay);
  check(!options.nesterov || options.momentum > 0, "SGD: nesterov needs momentum > 0, got ", options.momentum);
  for (const auto& [name, tensor] : parameters) {
    check(tensor.defined(), "SGD: parameter ", name, " is not defined");
    names_.push_back(name);
    parameters_.push_back(tensor);
  }
}

void SGD::zero_grad() {
  for (const Tensor& p : parameters_) p.zero_grad();
}

void SGD::learning_rate(double lr) {
  check_option("lr", lr);
  options_.lr = lr;
}

NamedTensors SGD::state() const {
  NamedTensors all;
  for (std::size_t k = 0; k < names_.size(); ++k)
    if (velocities_[k].defined()) all.emplace_back(names_[k], velocities_[k]);
  return all;
}

void SGD::load_state(const NamedTensors& state) {
  std::vector<Tensor> loaded(parameters_.size());
  for (const auto& [name, velocity] : state) {
    const auto k = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    check(k < names_.size(), "SGD: load_state: ", name, " of the state is not known here");
    check(!loaded[k].defined(), "SGD: load_state: ", name, " stands twice in the state");
    check(velocity.defined(), "SGD: load_state: ", name, " has no numbers");
    check(velocity.shape() == parameters_[k].shape(), "SGD: load_state: ", name, " is ", parameters_[k].shape(),
          " here and ", velocity.shape(), " in the state");
    loaded[k] = velocity.clone();
  }
  velocities_ = std::move(loaded);
}

void SGD::step() {
  const auto wants_gradient = [](const Tensor& p) { return p.requires_grad(); };
  check(std::any_of(parameters_.begin(), parameters_.end(), wants_gradient), "SGD: none of the ", parameters_.size(),
        " parameters has requires_grad; nothing would be trained");
  for (std::size_t k = 0; k < parameters_.size(); ++k)
    check(parameters_[k].grad().defined() || !parameters_[k].requires_grad(), "SGD: parameter ", names_[k],
          " has no gradient; was backward() called, and does the loss depend on it?");
  const auto lr = static_cast<Real>(options_.lr), momentum = static_cast<Real>(options_.momentum),
             weight_decay = static_cast<Real>(options_.weight_decay);
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    if (!parameters_[k].requires_grad()) continue;  // frozen
    const bool first_step = !velocities_[k].defined();
    if (momentum > 0 && first_step) velocities_[k] = Tensor::empty(parameters_[k].shape());
    Real* p = parameters_[k].rows().data();
    const Real* gradient = std::as_const(parameters_[k].grad()).rows().data();
    Real* v = momentum > 0 ? velocities_[k].rows().data() : nullptr;
    parallel_blocks(parameters_[k].size(), 1 << 14, [&](Index first, Index n, Index) {
      for (Index i = first; i < first + n; ++i) {
        Real d = gradient[i] + weight_decay * p[i];
        if (v) {
          v[i] = first_step ? d : momentum * v[i] + d;
          d = options_.nesterov ? d + momentum * v[i] : v[i];
        }
        p[i] -= lr * d;
      }
    });
  }
}

}  // namespace norma
