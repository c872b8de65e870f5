// Where the time of a training step goes, layer by layer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "norma/apps/training/stopwatch.h"
#include "norma/layers/sequential.h"

namespace norma {

/// A layer, and what it costs in every step.
struct LayerCost {
  std::string name, layer;  // "3.body.0", "Conv2d(32, 32, kernel_size=3)"
  Shape out{};
  double forward_work = 0, backward_work = 0;    // operations: two for each multiply-add of the definition
  double forward_bytes = 0, backward_bytes = 0;  // read and written, where that is what counts; otherwise 0
  std::vector<double> forward_ms, backward_ms;   // one a step
};

/// Runs a model and reads the clock where one layer ends and the next begins.
///
/// Note [Time stamps in the graph]
///   After each layer an operation of no effect is recorded: a number that depends on the layer's output y. joined(loss)
///   is the loss, computed from all of these numbers and from the loss. backward() runs rules in the reverse of the order in
///   which it found the operations, and it looks at inputs from the first to the last; so the rule of a number, which
///   reads the clock, runs just before the rules of the layer that made y. No tensor is copied and none lives longer.
class TimedModel : public Observer {
 public:
  /// Modules made of modules have a row for what they do beside calling them; a Sequential does nothing and has none.
  explicit TimedModel(Sequential& model);

  /// Begins a step.
  void start();
  Tensor forward(const Tensor& x) { return model_(x); }
  /// To call backward() on, instead of loss.
  Tensor joined(const Tensor& loss);
  /// Ends the stretch of time since the last call, or since the last layer, and appends its milliseconds to `to`.
  void lap(std::vector<double>& to) { to.push_back(1e3 * watch_.lap()); }
  /// The same after backward(): that stretch is of the layer that was reached last.
  void backward_is_done() { lap(*reached_); }

  /// A ReLU that was fused with the layer before it is not among them.
  std::vector<LayerCost> costs() const;
  /// From the start of backward() to the first rule of a layer.
  const std::vector<double>& loss_backward_ms() const { return loss_backward_ms_; }

  void after(Module& module, std::size_t layers, const Tensor& x, const Tensor& y) override;

 private:
  void add_rows(const std::string& name, Module& module);

  Sequential& model_;
  std::vector<LayerCost> costs_;
  std::map<const Module*, std::size_t> rows_;  // places in costs_
  std::vector<Tensor> stamps_;
  Stopwatch watch_;                                            // since the last stretch of time ended
  std::vector<double> loss_backward_ms_, *reached_ = nullptr;  // where the time goes that backward() takes now
};

}  // namespace norma
