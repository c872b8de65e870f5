// norma summary: a network layer by layer.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <typeinfo>

#include "norma/apps/norma/options/shared.h"
#include "norma/apps/norma/options/verb.h"
#include "norma/core/check.h"
#include "norma/layers/models/batch_norm_tools.h"
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

struct LayerRow {
  std::string name, layer, shape;
  Index parameters, buffers, multiply_adds, bytes;
};

/// A row for each layer that a network calls, in order.
struct Rows : Observer {
  std::map<const Module*, std::string> names;
  std::vector<LayerRow> rows;

  explicit Rows(Module& model) {
    for (const auto& [name, module] : model.named_modules()) names[module] = name;
  }
  void after(Module& module, std::size_t, const Tensor& x, const Tensor& y) override {
    if (typeid(module) == typeid(Sequential)) return;  // its layers have rows
    LayerRow row{names.at(&module), module.describe(), join(y.shape()), 0, 0, 0, y.size() * Index{sizeof(Real)}};
    row.parameters = elements(module.named_parameters()), row.buffers = elements(module.named_buffers());
    for (const auto& [name, child] : module.children())  // they have rows
      row.parameters -= elements(child->named_parameters()), row.buffers -= elements(child->named_buffers());
    if (module.children().empty()) row.multiply_adds = module.multiply_adds(x.shape(), y.shape());
    rows.push_back(row);
  }
};

void print(std::vector<LayerRow> rows) {
  LayerRow total{"", "total", "", 0, 0, 0, 0};
  std::size_t name = 4, layer = 5, shape = 6;
  for (const LayerRow& row : rows) {
    total.parameters += row.parameters, total.buffers += row.buffers;
    total.multiply_adds += row.multiply_adds, total.bytes += row.bytes;
    name = std::max(name, row.name.size()), layer = std::max(layer, row.layer.size());
    shape = std::max(shape, row.shape.size());
  }
  rows.push_back(total);
  fmt::print("{:<{}}  {:<{}}  {:<{}}{:>11}{:>9}{:>15}{:>14}\n", "name", name, "layer", layer, "output", shape,
             "parameters", "buffers", "multiply-adds", "output bytes");
  for (const LayerRow& row : rows)
    fmt::print("{:<{}}  {:<{}}  {:<{}}{:>11}{:>9}{:>15}{:>14}\n", row.name, name, row.layer, layer, row.shape, shape,
               grouped(row.parameters), grouped(row.buffers), grouped(row.multiply_adds), grouped(row.bytes));
}

int summary(const SummaryOptions& options) {
  const Shape image{1, 3, 32, 32};
  Sequential model = make_network(options.model, options.norm, image, 10, 0);
  model.eval();
  check(!options.freeze || !batch_norms(model).empty(), "--freeze: this network has no batch norm");
  if (options.freeze) freeze_batch_norm(model);
  const NoGrad shapes_only;
  fmt::print("model {}, norm {}, for one image {}\n\n", options.model, options.norm, join(image));
  Rows rows(model);
  model(Tensor(image));
  print(rows.rows);
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
    add_model(o, s.model);
    add_norm(o, &s.norm);
    o.flag("--freeze", &s.freeze, "With batch norm frozen, as for fine-tuning");
  };
  return make_verb<SummaryOptions>("summary", "Print a network layer by layer", declare, summary);
}

}  // namespace norma
