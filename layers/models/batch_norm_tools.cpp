#include "norma/layers/models/batch_norm_tools.h"

#include <algorithm>
#include <typeinfo>

#include "norma/layers/conv2d.h"

namespace norma {
namespace {

/// Adds up what it sees going into some layers.
struct InputMoments : Observer {
  const std::vector<BatchNorm*>& norms;
  std::vector<Moments> seen;

  explicit InputMoments(const std::vector<BatchNorm*>& watched)
      : Observer(Sees::what_runs), norms(watched), seen(watched.size()) {}
  void before(Module& module, const Tensor& x) override {
    const auto place = std::find(norms.begin(), norms.end(), &module);
    if (place != norms.end()) seen[static_cast<std::size_t>(place - norms.begin())].merge(channel_moments(x));
  }
};

std::shared_ptr<Conv2d> folded(const Conv2d& conv, const BatchNorm2d& norm) {
  check(!norm.training() || norm.frozen(), "fold_batch_norm: ", norm.describe(), " is in train()");
  const NamedTensors own = conv.named_parameters(), affine = norm.named_parameters();
  const Tensor& weight = own.front().second;
  const ChannelStats stats = norm.running_stats();
  check(stats.mean.size() == weight.dim(0), "fold_batch_norm: ", norm.describe(), " does not fit ", conv.describe());
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
  result->eval();
  return result;
}

}  // namespace

std::vector<std::pair<std::string, BatchNorm*>> batch_norms(Module& model) {
  std::vector<std::pair<std::string, BatchNorm*>> all;
  for (const auto& [name, module] : model.named_modules()) {
    auto* norm = dynamic_cast<BatchNorm*>(module);
    const auto is_this = [norm](const auto& entry) { return entry.second == norm; };
    if (norm && std::none_of(all.begin(), all.end(), is_this)) all.emplace_back(name, norm);
  }
  return all;
}

std::vector<Moments> moments_of_inputs(Module& model, const std::vector<BatchNorm*>& norms, Index batches,
                                       const std::function<Tensor(Index)>& images) {
  const NoGrad values_only;
  InputMoments moments(norms);
  for (Index i = 0; i < batches; ++i) model(images(i));
  return moments.seen;
}

void freeze_batch_norm(Module& model, bool on) {
  for (const auto& [name, norm] : batch_norms(model))
    if (norm->options().track_running_stats) norm->freeze(on);
}

void recalibrate(Module& model, Index batches, const std::function<Tensor(Index)>& images) {
  check(batches > 0, "recalibrate: needs at least one batch");
  const EvalMode evaluating(model);
  KeepBuffers on_exception(model);
  for (const auto& [name, norm] : batch_norms(model)) {
    if (norm->frozen() || !norm->options().track_running_stats) continue;
    const Moments seen = moments_of_inputs(model, {norm}, batches, images).front();
    check(seen.count > 1, "recalibrate: ", norm->describe(), " \"", name,
          "\" needs more than 1 value per channel, got ", seen.count);
    if (!seen.mean.isFinite().all() || !seen.squares.isFinite().all())
      throw NonFiniteError(
          join("recalibrate: NaN or infinity reaches ", norm->describe(), " \"", name, "\"; nothing was changed"));
    norm->set_running_stats(seen, batches);
  }
  on_exception.release();
}

/// Whether `module` is a Layer, not of a class derived from it.
template <class Layer>
const Layer* exactly(const Module* module) {
  return module && typeid(*module) == typeid(Layer) ? static_cast<const Layer*>(module) : nullptr;
}

Sequential fold_batch_norm(const Sequential& model) {
  check(typeid(model) == typeid(Sequential), "fold_batch_norm: needs a Sequential, not a class derived from it");
  check(!model.training(), "fold_batch_norm: the model is in train(); only eval() can be folded");
  Sequential result;
  result.eval();  // before it has children: those that are shared keep their modes
  const auto& layers = model.children();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::shared_ptr<Module>& layer = layers[i].second;
    const auto* conv = exactly<Conv2d>(layer.get());
    const auto* norm = exactly<BatchNorm2d>(i + 1 < layers.size() ? layers[i + 1].second.get() : nullptr);
    if (conv && norm) {
      result.add(folded(*conv, *norm));
      ++i;
    } else if (const auto* inner = exactly<Sequential>(layer.get())) {
      result.add(fold_batch_norm(*inner));
    } else {
      result.add(layer);
    }
  }
  return result;
}

}  // namespace norma
