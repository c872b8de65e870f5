#include "layers/module.h"

#include <cxxabi.h>

#include <cstdlib>
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
