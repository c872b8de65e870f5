// norma summary: a network layer by layer.
#include <fmt/format.h>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/core/check.h"
#include "norma/layers/models/batch_norm_model.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

struct SummaryOptions {
  std::string model = "cnn", norm = "batch";
  bool freeze = false;
};

/// Right-aligned number with a space between groups of three digits: 1 234 567.
std::string grouped(Index number) {
  std::string digits = std::to_string(number);
  for (auto place = static_cast<Index>(digits.size()) - 3; place > 0; place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ' ');
  return digits;
}

void print_row(const std::string& name, const std::string& layer, const std::string& shape, Index parameters,
               Index buffers, Index multiply_adds, Index bytes) {
  fmt::print("{:>5}  {:<52}  {:<14}{:>11}{:>9}{:>15}{:>14}\n", name, layer, shape, grouped(parameters),
             grouped(buffers), grouped(multiply_adds), grouped(bytes));
}

int summary(const SummaryOptions& options) {
  const Shape image{1, 3, 32, 32};
  Sequential model = make_model(options.model, options.norm, image, 10, 0);
  model.eval();
  check(!options.freeze || !batch_norms(model).empty(), "--freeze: this network has no batch norm");
  if (options.freeze) freeze_batch_norm(model);
  const NoGrad shapes_only;
  fmt::print("model {}, norm {}, for one image {}\n\n", options.model, options.norm, join(image));
  fmt::print("{:>5}  {:<52}  {:<14}{:>11}{:>9}{:>15}{:>14}\n", "name", "layer", "output", "parameters", "buffers",
             "multiply-adds", "output bytes");
  Tensor x(image);
  Index multiply_adds = 0, bytes = 0;
  for (const auto& [name, layer] : model.children()) {
    const Tensor y = layer->forward(x);
    const Index work = layer->multiply_adds(x.shape(), y.shape()), size = y.size() * static_cast<Index>(sizeof(Real));
    print_row(name, layer->describe(), join(y.shape()), elements(layer->named_parameters()),
              elements(layer->named_buffers()), work, size);
    multiply_adds += work;
    bytes += size;
    x = y;
  }
  print_row("", "total", "", elements(model.named_parameters()), elements(model.named_buffers()), multiply_adds, bytes);
  Index trained = 0;
  for (const Tensor& p : model.parameters()) trained += p.requires_grad() ? p.size() : 0;
  if (options.freeze)
    fmt::print("\n{} of {} parameters are trained, the others are frozen\n", grouped(trained),
               grouped(elements(model.named_parameters())));
  return kDone;
}

}  // namespace

Verb summary_verb() {
  const auto declare = [](Options& o, SummaryOptions& s) {
    add_model(o, s.model, model_names());
    add_norm(o, &s.norm);
    o.flag("--freeze", &s.freeze, "With batch norm frozen, as for fine-tuning");
  };
  return make_verb<SummaryOptions>("summary", "Print a network layer by layer", declare, summary);
}

}  // namespace norma
