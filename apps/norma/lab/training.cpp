#include "norma/apps/norma/lab/training.h"

#include <algorithm>
#include <cmath>

#include "norma/layers/models/batch_norm_tools.h"

namespace norma::lab {

bool train(Module& model, Trainer& trainer, const DataSets& data, const Course& course, Recorder& record) {
  bool finite = true;
  double loss = 0, accuracy = 0, count = 0;  // sums since the last test
  for (Index i = 1; i <= course.steps; ++i) {
    record.progress(static_cast<double>(i) / static_cast<double>(course.steps + 1));
    const Score s = finite ? trainer.step(course.rate(i - 1)) : Score{};
    finite = finite && !std::isnan(s.loss);
    loss += s.loss, accuracy += s.accuracy, count += 1;
    if (!due(i, course.steps, course.tests)) continue;
    const Score test = finite ? evaluate(model, course.test, data.normalisation) : Score{};
    course.tested(i, {loss / count, accuracy / count}, test);
    loss = accuracy = count = 0;
  }
  return finite;
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
