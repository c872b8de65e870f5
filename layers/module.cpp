#include "norma/layers/module.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <typeinfo>

namespace norma {

/// Defined in layers/models/lint.cpp, which knows the layers; this file does not.
void warn_of_likely_mistakes(const Module& model, std::set<std::string>& told);

namespace {

/// A call in progress on this thread, and the one that it is part of.
struct Call {
  Module* module;
  Call* caller = current;

  explicit Call(Module* called) : module(called) { current = this; }
  ~Call() { current = caller; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  static thread_local Call* current;
};
thread_local Call* Call::current = nullptr;
thread_local Observer* current_observer = nullptr;

/// "layer 3, BatchNorm2d(64): ", the beginning of what is said about a module that another one calls.
std::string place_of(const Module& module, const Call* caller) {
  if (!caller) return "";
  for (const auto& [name, child] : caller->module->children())
    if (child.get() == &module) return join("layer ", name, ", ", module.describe(), ": ");
  return module.describe() + ": ";
}

/// Appends own and then the children's tensors, each name led by `prefix`.
template <class Own>
void collect(const Module& module, const Own& own, const std::string& prefix, NamedTensors& all) {
  for (const auto& [name, tensor] : own(module)) all.emplace_back(prefix + name, tensor);
  for (const auto& [name, child] : module.children()) collect(*child, own, prefix + name + ".", all);
}

/// Throws the exception that is being handled again; an Error with `place` in front of its message.
[[noreturn]] void throw_with_place(const std::string& place) {
  try {
    throw;
  } catch (const NonFiniteError& error) {
    throw NonFiniteError(place + error.what());
  } catch (const Error& error) {
    throw Error(place + error.what());
  }
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

/// The buffers of all modules below one that are in training mode, to be put back if the call ends by an exception. A step has
/// few and small ones: they are copied into memory that the thread keeps.
class SavedBuffers {
 public:
  explicit SavedBuffers(const Module& model) { save(model); }
  ~SavedBuffers() {
    buffers_.clear();
    numbers_.clear();
  }
  void put_back() {
    const Real* from = numbers_.data();
    for (Tensor& buffer : buffers_) {
      std::copy_n(from, buffer.size(), buffer.rows().data());
      from += buffer.size();
    }
  }
  SavedBuffers(const SavedBuffers&) = delete;
  SavedBuffers& operator=(const SavedBuffers&) = delete;

 private:
  static thread_local std::vector<Tensor> buffers_;
  static thread_local std::vector<Real> numbers_;  // of all of them, one after the other

  static void save(const Module& module) {
    if (module.training())
      for (const auto& [name, buffer] : module.buffers_) {
        const ConstArrayView view = buffer.rows();
        numbers_.insert(numbers_.end(), view.data(), view.data() + view.size());
        buffers_.push_back(buffer);
      }
    for (const auto& [name, child] : module.children_) save(*child);
  }
};
thread_local std::vector<Tensor> SavedBuffers::buffers_;
thread_local std::vector<Real> SavedBuffers::numbers_;

Tensor Module::operator()(const Tensor& x) {
  if (!Call::current && !current_observer) warn_of_likely_mistakes(*this, told_);
  return call(x, 1, [this, &x] { return forward(x); });
}

Tensor Module::call(const Tensor& x, std::size_t layers, const std::function<Tensor()>& compute) {
  const Call here(this);
  Observer* const observer = current_observer;
  std::optional<SavedBuffers>
      before;  // a layer that throws comes after others that have moved their running statistics
  if (!here.caller) before.emplace(*this);
  try {
    if (observer) observer->before(*this, x);
    Tensor y = compute();
    if (observer) observer->after(*this, layers, x, y);
    return y;
  } catch (...) {
    if (before) before->put_back();
    throw_with_place(place_of(*this, here.caller));
  }
}

Observer::Observer(Sees sees) : sees_(sees), previous_(std::exchange(current_observer, this)) {}
Observer::~Observer() { current_observer = previous_; }
bool Observer::fusion_allowed() { return !current_observer || current_observer->sees_ == Sees::what_runs; }

namespace {

void collect_modules(Module& module, const std::string& name, std::vector<std::pair<std::string, Module*>>& all) {
  all.emplace_back(name, &module);
  for (const auto& [child_name, child] : module.children())
    collect_modules(*child, name.empty() ? child_name : join(name, ".", child_name), all);
}

}  // namespace

bool Module::being_called() const { return Call::current && Call::current->module == this; }

std::vector<std::pair<std::string, Module*>> Module::named_modules() {
  std::vector<std::pair<std::string, Module*>> all;
  collect_modules(*this, "", all);
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

EvalMode::EvalMode(Module& module) {
  for (const auto& [name, each] : module.named_modules()) before_.emplace_back(each, each->training());
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
