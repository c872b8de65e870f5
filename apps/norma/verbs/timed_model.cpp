#include "norma/apps/norma/verbs/timed_model.h"

#include <typeinfo>

#include "norma/layers/batch_norm.h"
#include "norma/layers/models/residual.h"

namespace norma {

/// A layer that tells a TimedModel when it is done.
class TimedLayer : public Module {
 public:
  TimedLayer(TimedModel& owner, std::size_t number, std::shared_ptr<Module> layer)
      : owner_(&owner), number_(number), layer_(std::move(layer)) {
    adopt("layer", layer_);
  }
  Tensor forward(const Tensor& x) override { return owner_->run(number_, *layer_, x, false); }
  bool is_relu() const override { return layer_->is_relu(); }
  bool can_take_relu() const override { return layer_->can_take_relu(); }
  Tensor forward_then_relu(const Tensor& x) override { return owner_->run(number_, *layer_, x, true); }
  std::string describe() const override { return layer_->describe(); }

 private:
  TimedModel* owner_;
  std::size_t number_;
  std::shared_ptr<Module> layer_;
};

TimedModel::TimedModel(const Sequential& model) {
  auto copy = std::make_shared<Sequential>();
  for (const auto& [name, layer] : model.children()) copy->add(with_clocks(name, layer));
  model_ = copy;
}

std::shared_ptr<Module> TimedModel::with_clocks(const std::string& name, const std::shared_ptr<Module>& module) {
  const Module& as_it_is = *module;
  if (typeid(as_it_is) == typeid(Sequential)) {
    auto copy = std::make_shared<Sequential>();
    for (const auto& [child_name, child] : module->children())
      copy->add(with_clocks(join(name, ".", child_name), child));
    return copy;
  }
  std::shared_ptr<Module> layer = module;
  std::string description = module->describe();
  if (typeid(as_it_is) == typeid(Residual)) {
    std::vector<std::shared_ptr<Module>> parts{nullptr, nullptr};
    for (std::size_t i = 0; i < module->children().size(); ++i)
      parts[i] = with_clocks(join(name, ".", module->children()[i].first), module->children()[i].second);
    layer = std::make_shared<Residual>(parts[0], parts[1]);
    description = "sum of body and shortcut";
  }
  costs_.push_back({.name = name, .layer = description, .forward_ms = {}, .backward_ms = {}});
  return std::make_shared<TimedLayer>(*this, costs_.size() - 1, layer);
}

namespace {

/// What a layer has to do in a step, by its definition.
void count_work(LayerCost& cost, const Module& layer, const Tensor& x, const Tensor& y) {
  const bool is_sum = dynamic_cast<const Residual*>(&layer) != nullptr;  // its parts have rows of their own
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

void TimedModel::start() {
  stamps_.clear();
  last_ = std::chrono::steady_clock::now();
}

void TimedModel::lap(std::vector<double>& to) {
  const auto now = std::chrono::steady_clock::now();
  to.push_back(std::chrono::duration<double, std::milli>(now - last_).count());
  last_ = now;
}

Tensor TimedModel::run(std::size_t number, Module& layer, const Tensor& x, bool then_relu) {
  const Tensor y = then_relu ? layer.forward_then_relu(x) : layer.forward(x);
  LayerCost& cost = costs_[number];
  lap(cost.forward_ms);
  if (cost.forward_ms.size() == 1) {
    count_work(cost, layer, x, y);
    if (then_relu) cost.layer += " + ReLU()";
  }
  stamps_.push_back(record("clock", Tensor::full({}, 0), {y}, [this, &cost](const Tensor&) {
    lap(*reached_);
    reached_ = &cost.backward_ms;
  }));
  last_ = std::chrono::steady_clock::now();
  return y;
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
