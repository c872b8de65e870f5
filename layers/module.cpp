#include "norma/layers/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <typeinfo>

namespace norma {
namespace {

/// Appends own and then the children's tensors, each name led by `prefix`.
template <class Own>
void collect(const Module& module, const Own& own, const std::string& prefix, NamedTensors& all) {
  for (const auto& [name, tensor] : own(module)) all.emplace_back(prefix + name, tensor);
  for (const auto& [name, child] : module.children()) collect(*child, own, prefix + name + ".", all);
}

}  // namespace

NamedTensors Module::named_parameters() const {
  NamedTensors all;
  collect(
      *this, [](const Module& m) -> const NamedTensors& { return m.parameters_; }, "", all);
  return all;
}

NamedTensors Module::named_buffers() const {
  NamedTensors all;
  collect(
      *this, [](const Module& m) -> const NamedTensors& { return m.buffers_; }, "", all);
  return all;
}

NamedTensors Module::state_dict() const {
  NamedTensors all;
  const auto parameters_then_buffers = [](const Module& m) {
    NamedTensors own = m.parameters_;
    own.insert(own.end(), m.buffers_.begin(), m.buffers_.end());
    return own;
  };
  collect(*this, parameters_then_buffers, "", all);
  return all;
}

void Module::load_state_dict(const NamedTensors& state) {
  std::map<std::string, Tensor> given(state.begin(), state.end());
  check(given.size() == state.size(), "load_state_dict: a name stands twice in the state");
  for (const auto& [name, tensor] : state) check(tensor.defined(), "load_state_dict: ", name, " has no numbers");
  NamedTensors own = state_dict();
  for (const auto& [name, tensor] : own) {
    if (name == "num_batches_tracked" || name.ends_with(".num_batches_tracked"))
      given.try_emplace(name, Tensor(tensor.shape()));
    const auto found = given.find(name);
    check(found != given.end(), "load_state_dict: ", name, " ", tensor.shape(), " is missing from the state");
    check(found->second.shape() == tensor.shape(), "load_state_dict: ", name, " is ", tensor.shape(), " here and ",
          found->second.shape(), " in the state");
  }
  for (const auto& [name, tensor] : state) {
    const auto has_name = [&name = name](const auto& entry) { return entry.first == name; };
    check(std::any_of(own.begin(), own.end(), has_name), "load_state_dict: ", name, " ", tensor.shape(),
          " of the state is not known here");
  }
  for (auto& [name, tensor] : given) tensor = tensor.clone();  // they may be the very tensors that are written
  for (auto& [name, tensor] : own) tensor.rows() = std::as_const(given.at(name)).rows();
}

Tensor Module::operator()(const Tensor& x) {
  if (const std::vector<Finding> findings = lint(); !findings.empty()) {
    static std::mutex one_at_a_time;  // eval() of one model on several threads changes nothing else
    const std::lock_guard lock(one_at_a_time);
    for (const auto& [code, text] : findings)
      if (told_.insert(code).second) std::cerr << "norma: warning: " << text << " [" << code << "]\n";
  }
  return forward(x);
}

std::vector<Finding> Module::lint() const {
  std::vector<Finding> all = own_lint();
  for (const auto& [name, child] : children_)
    for (auto& [code, text] : child->lint()) all.push_back({code, place_of(name, *child) + text});
  return all;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> all;
  for (auto& [name, tensor] : named_parameters()) all.push_back(tensor);
  return all;
}

void Module::train(bool on) {
  training_ = on;
  for (const auto& [name, child] : children_) child->train(on);
}

std::string Module::describe() const {
  int status = 0;
  char* readable = abi::__cxa_demangle(typeid(*this).name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? readable : typeid(*this).name();
  std::free(readable);
  return name.substr(name.rfind(':') + 1);
}

namespace {

void collect_modes(Module& module, std::vector<std::pair<Module*, bool>>& all) {
  all.emplace_back(&module, module.training());
  for (const auto& [name, child] : module.children()) collect_modes(*child, all);
}

}  // namespace

EvalMode::EvalMode(Module& module) {
  collect_modes(module, before_);
  module.eval();
}

EvalMode::~EvalMode() {
  for (const auto& [module, training] : before_) module->train(training);
}

KeepBuffers::KeepBuffers(const Module& module) : buffers_(module.named_buffers()) {
  for (const auto& [name, buffer] : buffers_) saved_.push_back(buffer.clone());
}

KeepBuffers::~KeepBuffers() {
  for (std::size_t i = 0; i < saved_.size(); ++i) buffers_[i].second.rows() = std::as_const(saved_[i]).rows();
}

Tensor Module::parameter(std::string name, Tensor initial) {
  initial.requires_grad(true);
  parameters_.emplace_back(std::move(name), initial);
  return initial;
}

Tensor Module::buffer(std::string name, Tensor initial) {
  buffers_.emplace_back(std::move(name), initial);
  return initial;
}

}  // namespace norma
