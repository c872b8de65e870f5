// norma summary: a network layer by layer.
#include <fmt/format.h>

#include <map>
#include <typeinfo>

#include "norma/apps/norma/options/options.h"
#include "norma/apps/training/datasets.h"
#include "norma/layers/models/batch_norm_tools.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

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

/// Prints a row for each layer that a network calls, and adds up.
struct Rows : Observer {
  std::map<const Module*, std::string> names;
  Index multiply_adds = 0, bytes = 0;

  explicit Rows(Module& model) {
    for (const auto& [name, module] : model.named_modules()) names[module] = name;
  }
  void after(Module& module, std::size_t, const Tensor& x, const Tensor& y) override {
    if (typeid(module) == typeid(Sequential)) return;  // its layers have rows
    const bool is_leaf = module.children().empty();
    const Index size = y.size() * static_cast<Index>(sizeof(Real));
    const Index work = is_leaf ? module.multiply_adds(x.shape(), y.shape()) : 0;
    print_row(names.at(&module), is_leaf ? module.describe() : "Residual: body + shortcut", join(y.shape()),
              is_leaf ? elements(module.named_parameters()) : 0, is_leaf ? elements(module.named_buffers()) : 0, work,
              size);
    multiply_adds += work;
    bytes += size;
  }
};

}  // namespace

int summary(const Options& options) {
  const Shape image{1, 3, 32, 32};
  Sequential model = make_model(options.model, options.norm, image, 10, 0);
  model.eval();
  check(!options.freeze || !batch_norms(model).empty(), "--freeze: this network has no batch norm");
  if (options.freeze) freeze_batch_norm(model);
  const NoGrad shapes_only;
  fmt::print("model {}, norm {}, for one image {}\n\n", options.model, options.norm, join(image));
  fmt::print("{:>5}  {:<52}  {:<14}{:>11}{:>9}{:>15}{:>14}\n", "name", "layer", "output", "parameters", "buffers",
             "multiply-adds", "output bytes");
  Rows rows(model);
  model(Tensor(image));
  print_row("", "total", "", elements(model.named_parameters()), elements(model.named_buffers()), rows.multiply_adds,
            rows.bytes);
  Index trained = 0;
  for (const Tensor& p : model.parameters()) trained += p.requires_grad() ? p.size() : 0;
  if (options.freeze)
    fmt::print("\n{} of {} parameters are trained, the others are frozen\n", grouped(trained),
               grouped(elements(model.named_parameters())));
  return kDone;
}

}  // namespace norma
