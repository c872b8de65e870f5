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
// Names, optimiser, initialisation, train/eval and summary then know about it.
#pragma once

#include <concepts>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "norma/core/random.h"
#include "norma/core/tensor.h"

namespace norma {

/// What is likely a mistake: a short code, and a sentence for people that names the layer.
struct Finding {
  std::string code, text;
};

/// Base of all layers and models, after torch.nn.Module. Movable, not copyable: parameters have one owner.
class Module {
 public:
  Module() = default;
  Module(Module&&) = default;
  Module& operator=(Module&&) = default;
  virtual ~Module() = default;

  virtual Tensor forward(const Tensor& x) = 0;
  /// Whether forward() is relu() and nothing else.
  virtual bool is_relu() const { return false; }
  /// Whether the layer has a forward_then_relu(), for a Sequential to call where a ReLU follows: relu(forward(x)) with
  /// fewer passes over memory.
  virtual bool can_take_relu() const { return false; }
  virtual Tensor forward_then_relu(const Tensor& /*x*/) { return {}; }
  /// forward(), and on stderr what lint() finds, each code once in the life of this module.
  Tensor operator()(const Tensor& x);
  /// What would likely be a mistake, were forward() called now in this mode, here and in the children.
  std::vector<Finding> lint() const;

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
  const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& children() const { return children_; }

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
  /// lint() of this module alone; the texts do not name it.
  virtual std::vector<Finding> own_lint() const { return {}; }

  // Used in member initialisers; each returns the tensor it registers under `name`.
  Tensor parameter(std::string name, Tensor initial);
  Tensor buffer(std::string name, Tensor initial);
  template <std::derived_from<Module> M>
  std::shared_ptr<M> child(std::string name, M module) {
    auto owned = std::make_shared<M>(std::move(module));
    adopt(std::move(name), owned);
    return owned;
  }
  /// A child that others may hold too.
  void adopt(std::string name, std::shared_ptr<Module> module) {
    children_.emplace_back(std::move(name), std::move(module));
  }

 private:
  NamedTensors parameters_, buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  bool training_ = true;
  std::set<std::string> told_;  // codes of the findings that operator() has printed
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
  /// The copies, in step with named_buffers().
  const std::vector<Tensor>& saved() const { return saved_; }

 private:
  NamedTensors buffers_;
  std::vector<Tensor> saved_;
};

/// "layer 3, BatchNorm2d(64): ", the beginning of what is said about a child.
inline std::string place_of(const std::string& name, const Module& child) {
  return join("layer ", name, ", ", child.describe(), ": ");
}

/// child.forward(x), or forward_then_relu(x); an Error is passed on with the child's place in front.
inline Tensor forward_child(const std::string& name, Module& child, const Tensor& x, bool then_relu = false) {
  try {
    return then_relu ? child.forward_then_relu(x) : child.forward(x);
  } catch (const NonFiniteError& error) {
    throw NonFiniteError(place_of(name, child) + error.what());
  } catch (const Error& error) {
    throw Error(place_of(name, child) + error.what());
  }
}

}  // namespace norma
