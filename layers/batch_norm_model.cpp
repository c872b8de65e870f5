#include "layers/batch_norm_model.h"

#include "layers/conv2d.h"

namespace norma {
namespace {

void collect(const Module& module, const std::string& prefix, std::vector<std::pair<std::string, BatchNorm*>>& all) {
  for (const auto& [name, child] : module.children()) {
    if (auto* norm = dynamic_cast<BatchNorm*>(child.get())) all.emplace_back(prefix + name, norm);
    collect(*child, prefix + name + ".", all);
  }
}

/// Mode and buffers of a model, put back at the end; the buffers not if keep() was called.
class Restore {
 public:
  explicit Restore(Module& model) : model_(model), was_training_(model.training()) {
    for (const auto& [name, tensor] : model.named_buffers()) saved_.emplace_back(tensor, tensor.clone());
  }
  ~Restore() {
    model_.train(was_training_);
    for (auto& [tensor, saved] : saved_) tensor.rows() = std::as_const(saved).rows();
  }
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;
  void keep() { saved_.clear(); }

 private:
  Module& model_;
  bool was_training_;
  std::vector<std::pair<Tensor, Tensor>> saved_;
};

Moments moments_of_input(Module& model, BatchNorm& norm, Index batches, const std::function<Tensor(Index)>& images) {
  Moments seen;
  norm.report_moments(&seen);
  const std::shared_ptr<void> stop(nullptr, [&](void*) { norm.report_moments(nullptr); });
  for (Index i = 0; i < batches; ++i) model.forward(images(i));
  return seen;
}

std::shared_ptr<Conv2d> folded(const Conv2d& conv, const BatchNorm2d& norm) {
  const NamedTensors own = conv.named_parameters(), affine = norm.named_parameters();
  const Tensor& weight = own.front().second;
  const ChannelStats stats = norm.running_stats();
  DoubleRow scale = inverse_std(stats.variance, norm.options().eps), bias = -stats.mean;
  if (own.size() == 2) bias += own[1].second.pixels().row(0).cast<double>();
  if (!affine.empty()) scale *= affine[0].second.pixels().row(0).cast<double>();
  bias *= scale;
  if (!affine.empty()) bias += affine[1].second.pixels().row(0).cast<double>();

  Conv2dOptions options = conv.options();
  options.bias = true;
  auto result = std::make_shared<Conv2d>(weight.dim(1), weight.dim(0), options);
  std::vector<Tensor> target = result->parameters();
  target[0].rows() = (weight.rows().cast<double>().colwise() * scale.transpose()).cast<Real>();
  target[1].pixels().row(0) = bias.cast<Real>();
  return result;
}

}  // namespace

std::vector<std::pair<std::string, BatchNorm*>> batch_norms(const Module& model) {
  std::vector<std::pair<std::string, BatchNorm*>> all;
  collect(model, "", all);
  return all;
}

void freeze_batch_norm(const Module& model, bool on) {
  for (const auto& [name, norm] : batch_norms(model))
    if (norm->options().track_running_stats) norm->freeze(on);
}

void recalibrate(Module& model, Index batches, const std::function<Tensor(Index)>& images) {
  check(batches > 0, "recalibrate: needs at least one batch");
  const NoGrad values_only;
  Restore restore(model);
  model.eval();
  for (const auto& [name, norm] : batch_norms(model)) {
    if (norm->frozen() || !norm->options().track_running_stats) continue;
    const Moments seen = moments_of_input(model, *norm, batches, images);
    if (!seen.mean.isFinite().all() || !seen.squares.isFinite().all())
      throw NonFiniteError(join("recalibrate: NaN or infinity reaches ", place_of(name, *norm), "nothing was changed"));
    norm->set_running_stats(seen, batches);
  }
  restore.keep();
}

Sequential fold_batch_norm(const Sequential& model) {
  check(!model.training(), "fold_batch_norm: the model is in train(); only eval() can be folded");
  Sequential result;
  const auto& layers = model.children();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::shared_ptr<Module>& layer = layers[i].second;
    const auto* conv = dynamic_cast<const Conv2d*>(layer.get());
    const auto* norm = i + 1 < layers.size() ? dynamic_cast<const BatchNorm2d*>(layers[i + 1].second.get()) : nullptr;
    if (conv && norm) {
      result.add(folded(*conv, *norm));
      ++i;
    } else if (const auto* inner = dynamic_cast<const Sequential*>(layer.get())) {
      result.add(fold_batch_norm(*inner));
    } else {
      result.add(layer);
    }
  }
  result.eval();
  return result;
}

}  // namespace norma
