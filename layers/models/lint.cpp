#include "norma/layers/models/lint.h"

#include <cmath>
#include <iostream>
#include <mutex>
#include <set>

#include "norma/layers/batch_norm.h"

namespace norma {
namespace {

/// What is left of the 0 and 1 that the running statistics began with.
double weight_of_start(const BatchNorm& norm) {
  const std::optional<double> batches = norm.batches_averaged();
  if (!batches) return 0;
  if (*batches > 0) return std::pow(1 - norm.options().momentum.value_or(1), *batches);
  const ChannelStats now = norm.running_stats();  // a state from before PyTorch 0.4.1 has no counter: look
  return (now.mean == 0).all() && (now.variance == 1).all() ? 1 : 0;
}

/// Where a module is: put into words only where there is something to say.
struct Place {
  const Place* above;
  const std::string* name;  // in the module above; null for the model itself
  const Module* module;

  std::string text() const {
    if (!name) return "";
    return join(above->text(), "layer ", *name, ", ", module->describe(), ": ");
  }
};

void look_at(const BatchNorm& norm, const Place& place, std::vector<Finding>& findings) {
  if (!norm.options().track_running_stats) return;
  const auto add = [&](const char* code, const auto&... parts) {
    findings.push_back({code, place.name ? place.text() : norm.describe() + ": ", join(parts...)});
  };
  const double momentum = norm.options().momentum.value_or(0);
  if (const double start = norm.uses_batch() ? 0 : weight_of_start(norm); start > 0.01)
    add("few-batches", "running statistics that saw ", *norm.batches_averaged(), " batches still hold ",
        std::lround(100 * start), "% of their start, mean 0 and variance 1; train longer or recalibrate()");
  if (norm.uses_batch() && !recording())
    add("train-no-grad",
        "train() while no gradients are recorded: the images of a batch influence one another and the running "
        "statistics "
        "move; call eval() to use the network");
  if (norm.uses_batch() && momentum >= 0.5)
    add("momentum", "momentum ", momentum,
        " is the weight of the new batch; if you know it as the weight of the old average, as in Keras, pass ",
        1 - momentum);
}

void look_below(const Place& place, std::vector<Finding>& findings) {
  if (const auto* norm = dynamic_cast<const BatchNorm*>(place.module)) look_at(*norm, place, findings);
  for (const auto& [name, child] : place.module->children()) look_below({&place, &name, child.get()}, findings);
}

}  // namespace

std::vector<Finding> lint(const Module& model) {
  std::vector<Finding> findings;
  look_below({nullptr, nullptr, &model}, findings);
  return findings;
}

/// Module::operator() calls it for the outermost module. `told`: the codes that were printed of this model.
void warn_of_likely_mistakes(const Module& model, std::set<std::string>& told) {
  static std::mutex one_at_a_time;  // eval() of one model on several threads changes nothing else
  for (const auto& [code, place, text] : lint(model)) {
    const std::lock_guard lock(one_at_a_time);
    if (told.insert(code).second) std::cerr << "norma: warning: " << place << text << " [" << code << "]\n";
  }
}

}  // namespace norma
