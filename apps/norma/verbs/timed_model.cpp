#include "norma/apps/norma/verbs/timed_model.h"

#include <typeinfo>

#include "norma/layers/batch_norm.h"
#include "norma/layers/models/residual.h"

namespace norma {
namespace {

/// What a layer has to do in a step, by its definition.
void count_work(LayerCost& cost, const Module& layer, const Tensor& x, const Tensor& y) {
  const bool is_sum = !layer.children().empty();  // its parts have rows of their own
  cost.out = y.shape();
  cost.forward_work = is_sum ? 0 : 2 * static_cast<double>(layer.multiply_adds(x.shape(), y.shape()));
  // d loss / d weight and, unless these are the images, d loss / d x.
  cost.backward_work = cost.forward_work * (x.requires_grad() ? 2 : 1);
  if (cost.forward_work > 0) return;
  const double in = static_cast<double>(x.size()) * sizeof(Real), out = static_cast<double>(y.size()) * sizeof(Real);
  cost.forward_bytes = is_sum ? 3 * out : in + out;
  cost.backward_bytes = is_sum ? 3 * out : 2 * in + out;
  if (dynamic_cast<const BatchNorm*>(&layer)) {  // its sums must be complete before the first result can be written
    cost.forward_bytes = 2 * in + out;
    cost.backward_bytes = 3 * in + 2 * out;
  }
}

}  // namespace

TimedModel::TimedModel(Sequential& model) : Observer(Sees::what_runs), model_(model) { add_rows("", model); }

void TimedModel::add_rows(const std::string& name, Module& module) {
  for (const auto& [child_name, child] : module.children())
    add_rows(name.empty() ? child_name : join(name, ".", child_name), *child);
  if (typeid(module) == typeid(Sequential)) return;
  rows_[&module] = costs_.size();
  const bool is_sum = typeid(module) == typeid(Residual);
  costs_.push_back({.name = name,
                    .layer = is_sum ? "sum of body and shortcut" : module.describe(),
                    .forward_ms = {},
                    .backward_ms = {}});
}

std::vector<LayerCost> TimedModel::costs() const {
  std::vector<LayerCost> ran = costs_;
  std::erase_if(ran, [](const LayerCost& cost) { return cost.forward_ms.empty(); });
  return ran;
}

void TimedModel::start() {
  stamps_.clear();
  watch_.lap();
}

void TimedModel::after(Module& module, std::size_t layers, const Tensor& x, const Tensor& y) {
  const auto row = rows_.find(&module);
  if (row == rows_.end()) return;
  LayerCost& cost = costs_[row->second];
  lap(cost.forward_ms);
  if (cost.forward_ms.size() == 1) {
    count_work(cost, module, x, y);
    for (std::size_t i = 1; i < layers; ++i) cost.layer += " + " + costs_[row->second + i].layer;
  }
  stamps_.push_back(record("clock", Tensor::full({}, 0), {y}, [this, &cost](const Tensor&) {
    lap(*reached_);
    reached_ = &cost.backward_ms;
  }));
  watch_.lap();
}

Tensor TimedModel::joined(const Tensor& loss) {
  std::vector<Tensor> inputs = std::exchange(stamps_, {});
  inputs.push_back(loss);
  reached_ = &loss_backward_ms_;
  return record("clocks", loss.clone(), inputs, [inputs](const Tensor& dy) {
    for (const Tensor& x : inputs) x.accumulate_grad(dy);
  });
}

}  // namespace norma
