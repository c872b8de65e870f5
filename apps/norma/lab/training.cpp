#include "norma/apps/norma/lab/training.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "norma/layers/loss.h"
#include "norma/layers/models/batch_norm_tools.h"

namespace norma::lab {

Trainer::Trainer(Module& model, const DataSets& datasets, const Recipe& r)
    : model_(model),
      loader_(datasets.train, {.batch_size = r.batch_size,
                               .shuffle = true,
                               .augment = r.augment,
                               .seed = r.seed,
                               .normalisation = datasets.normalisation}),
      optimizer_(model.named_parameters(),
                 {.lr = r.lr, .momentum = r.momentum, .weight_decay = r.weight_decay, .nesterov = r.momentum > 0}) {}

Batch Trainer::next_batch() {
  const Index place = steps_ % loader_.batches();
  if (place == 0) loader_.start_epoch(steps_ / loader_.batches());
  ++steps_;
  return loader_.batch(place);
}

Score Trainer::step() {
  const Batch batch = next_batch();
  model_.train();
  optimizer_.zero_grad();
  Tensor logits;
  try {
    logits = model_(batch.images);
  } catch (const NonFiniteError&) {
    return {};
  }
  const Tensor loss = cross_entropy(logits, batch.labels);
  if (!std::isfinite(loss.item())) return {};
  loss.backward();
  optimizer_.step();
  return {static_cast<double>(loss.item()),
          static_cast<double>(count_correct(logits, batch.labels)) / static_cast<double>(batch.images.dim(0))};
}

Score score(Module& model, const ImageSet& images, const PixelStats& normalisation, Index batch_size,
            bool training_mode) {
  const KeepBuffers keep(model);
  const EvalMode back_afterwards(model);
  model.train(training_mode);
  DataLoader loader(images, {.batch_size = batch_size, .normalisation = normalisation});
  try {  // forward() and not the model: that would warn of what is done here on purpose
    const Score s = evaluate([&model](const Tensor& x) { return model.forward(x); }, loader);
    return std::isfinite(s.loss) ? s : Score{std::nan(""), s.accuracy};
  } catch (const NonFiniteError&) {
    return {};
  }
}

std::vector<Moments> seen_by_norms(Module& model, DataLoader& loader, bool training_mode,
                                   const std::function<void()>& on_batch) {
  const NoGrad values_only;
  const KeepBuffers keep(model);
  const EvalMode back_afterwards(model);
  model.train(training_mode);
  std::vector<BatchNorm*> norms;
  for (const auto& [name, norm] : batch_norms(model)) norms.push_back(norm);
  return moments_of_inputs(model, norms, loader.batches(), [&](Index b) {
    on_batch();
    return loader.batch(b).images;
  });
}

Spread spread(const std::vector<double>& values) {
  double sum = 0, count = 0;
  Spread s{std::nan(""), std::nan(""), std::nan("")};
  for (const double v : values) {
    if (std::isnan(v)) continue;
    sum += v, count += 1;
    s.low = count == 1 ? v : std::min(s.low, v);
    s.high = count == 1 ? v : std::max(s.high, v);
  }
  s.mean = count > 0 ? sum / count : std::nan("");
  return s;
}

std::vector<double> smoothed(const std::vector<double>& values, std::size_t window) {
  std::vector<double> means;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t first = i + 1 < window ? 0 : i + 1 - window;
    double sum = 0;
    for (std::size_t j = first; j <= i; ++j) sum += values[j];
    means.push_back(sum / static_cast<double>(i + 1 - first));
  }
  return means;
}

}  // namespace norma::lab
