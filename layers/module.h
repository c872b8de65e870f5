// Module: what every layer is.
//
// To write a layer, derive from Module, make parameters in the member initialisers and define forward():
//   class Scale : public Module {
//    public:
//     explicit Scale(Index n) : weight_(parameter("weight", Tensor::full({n}, 1))) {}
//     Tensor forward(const Tensor& x) override { return ...; }
//    private:
//     Tensor weight_;
//   };
// A module made of modules registers them with child() and calls them: (*body_)(x). Names, optimiser, initialisation, train/eval,
// summary, and the path in error messages then know about it.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "norma/core/random.h"
#include "norma/core/tensor.h"

namespace norma {

/// Base of all layers and models, after torch.nn.Module. Movable, not copyable: parameters have one owner.
class Module {
 public:
  using Children = std::vector<std::pair<std::string, std::shared_ptr<Module>>>;

  Module() = default;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;
  virtual ~Module() = default;

  virtual Tensor forward(const Tensor& x) = 0;
  /// Calls forward(), which is the mathematics alone, and looks after the rest:
  ///   - an Error is passed on with the place of the layer in the module that called it: "layer 3, BatchNorm2d(64): ...";
  ///   - after any exception the buffers of the outermost module (running statistics) are what they were before the call;
  ///   - the Observer of this thread is told. Without one, likely mistakes are told on stderr, each once: models/lint.h.
  Tensor operator()(const Tensor& x);
  /// The same around `compute`, which gives what this module and the layers - 1 after it in their Sequential make of x.
  Tensor call(const Tensor& x, std::size_t layers, const std::function<Tensor()>& compute);

  /// Every tensor to be trained, of this module and its children, in order of registration.
  std::vector<Tensor> parameters() const;
  /// The same with PyTorch's names: "3.weight" is the weight of child "3".
  NamedTensors named_parameters() const;
  /// State that is saved but not trained: "3.running_mean".
  NamedTensors named_buffers() const;
  /// Parameters and buffers by name, module by module as in PyTorch. Handles: clone() what shall stay.
  NamedTensors state_dict() const;
  /// Copies numbers of the same names into parameters and buffers. Throws Error, and changes nothing, for a name that
  /// is missing or not known here and for a shape that differs. A num_batches_tracked that is missing is taken for 0:
  /// files from before PyTorch 0.4.1 have none. Source: torch.nn.Module.load_state_dict(strict=True).
  void load_state_dict(const NamedTensors& state);
  /// Direct children with their names, in order.
  const Children& children() const { return children_; }
  /// This module, named "", and all below it, "3.body.0", parents before their children.
  std::vector<std::pair<std::string, Module*>> named_modules();

  /// Training mode (the initial one) or evaluation mode, for this module and its children.
  /// Recording of gradients is another switch: NoGrad.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// Draws the parameters of this module alone, not of its children, anew. See initialize() in layers/init.h.
  virtual void reset_parameters(Random) {}
  /// One line for people, in PyTorch's words: "Conv2d(3, 32, kernel_size=3, padding=1)". Default: the class's name.
  virtual std::string describe() const;
  /// Multiplications of one forward pass from an input of shape `in` to an output of shape `out`, 0 if negligible.
  virtual Index multiply_adds(const Shape& /*in*/, const Shape& /*out*/) const { return 0; }

 protected:
  /// Whether operator() of this very module is what called forward() on this thread.
  bool being_called() const;

  // Used in member initialisers; each returns the tensor it registers under `name`.
  Tensor parameter(std::string name, Tensor initial);
  Tensor buffer(std::string name, Tensor initial);
  template <std::derived_from<Module> M>
  std::shared_ptr<M> child(const std::string& name, M module) {
    auto owned = std::make_shared<M>(std::move(module));
    adopt(name, owned);
    return owned;
  }
  /// A child that others may hold too.
  void adopt(std::string name, std::shared_ptr<Module> module) {
    children_.emplace_back(std::move(name), std::move(module));
  }

 private:
  friend class SavedBuffers;

  NamedTensors parameters_, buffers_;
  Children children_;
  bool training_ = true;
  std::set<std::string> told_;  // codes of the mistakes that were told of this model: models/lint.h
};

/// While it is alive it sees every call of a module on this thread; one made later takes its place until it ends. Derive from
/// it to measure or to look; as it is, it only keeps warnings from being printed.
class Observer {
 public:
  /// What it wants to see: each layer by itself, or what runs. Where it runs, a batch norm and the ReLU after it are one fused
  /// step (layers/fast/); the numbers are the same either way.
  enum class Sees { each_layer, what_runs };

  explicit Observer(Sees sees = Sees::each_layer);
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// The call of a module with x begins.
  virtual void before(Module& /*module*/, const Tensor& /*x*/) {}
  /// It has computed y, together with the layers - 1 modules after it in their Sequential. Not called after an exception.
  virtual void after(Module& /*module*/, std::size_t /*layers*/, const Tensor& /*x*/, const Tensor& /*y*/) {}

  /// Whether layers may be fused on this thread now.
  static bool fusion_allowed();

 private:
  friend class Module;
  Sees sees_;
  Observer* previous_;
};

/// Puts a module into evaluation mode while it is alive, then every module of its tree into the mode it was in.
class EvalMode {
 public:
  explicit EvalMode(Module& module);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> before_;  // parents before their children
};

/// Puts the buffers of a module back when it ends, unless release() was called.
class KeepBuffers {
 public:
  explicit KeepBuffers(const Module& module);
  ~KeepBuffers();
  KeepBuffers(const KeepBuffers&) = delete;
  KeepBuffers& operator=(const KeepBuffers&) = delete;
  void release() { saved_.clear(); }

 private:
  NamedTensors buffers_;
  std::vector<Tensor> saved_;
};

}  // namespace norma
