// norma inspect: what a safetensors file holds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "norma/apps/norma/options/verb.h"
#include "norma/data/files/safetensors.h"
#include "norma/data/files/text.h"
#include "norma/layers/models/networks.h"

namespace norma {
namespace {

struct InspectOptions {
  std::string file;
  bool json = false;
};

/// A tensor of the file as JSON; min, mean, max and std (over all, 1/n) of its finite numbers, null where there are none.
Json described(const std::string& name, const std::string& dtype, const Tensor& tensor) {
  std::vector<Real> values = tensor.to_values();
  std::erase_if(values, [](Real value) { return !std::isfinite(value); });
  double sum = 0, squares = 0, min = std::nan(""), max = min;
  const double count = values.empty() ? std::nan("") : static_cast<double>(values.size());
  for (const double value : values) min = std::fmin(min, value), max = std::fmax(max, value), sum += value;
  for (const double value : values) squares += (value - sum / count) * (value - sum / count);
  auto shape = Json::array();
  for (int d = 0; d < tensor.rank(); ++d) shape.push_back(tensor.dim(d));
  return {{"name", name},
          {"dtype", dtype},
          {"shape", shape},
          {"count", tensor.size()},
          {"min", min},
          {"mean", sum / count},
          {"max", max},
          {"std", std::sqrt(squares / count)},
          {"not_finite", tensor.size() - std::ssize(values)}};
}

void print_table(const Json& file) {
  fmt::print("file      {}\n", file["file"].get<std::string>());
  for (const auto& [key, value] : file["metadata"].items())
    fmt::print("metadata  {} = {}\n", printable(key), printable(value.get<std::string>()));
  const auto name = [](const Json& tensor) { return printable(tensor["name"].get<std::string>()); };
  std::size_t width = 4;
  for (const Json& t : file["tensors"]) width = std::max(width, name(t).size());
  fmt::print("\n{:<{}}  dtype  {:<16}{:>10}{:>12}{:>12}{:>12}{:>12}  not finite\n", "name", width, "shape", "count",
             "min", "mean", "max", "std");
  Index not_finite = 0;
  for (const Json& t : file["tensors"]) {
    const std::string shape = t["shape"].dump();
    fmt::print("{:<{}}  {:<5}  {:<16}{:>10}{:>12.5g}{:>12.5g}{:>12.5g}{:>12.5g}{:>12}\n", name(t), width,
               t["dtype"].get<std::string>(), "(" + shape.substr(1, shape.size() - 2) + ")", t["count"].get<Index>(),
               t["min"].get<double>(), t["mean"].get<double>(), t["max"].get<double>(), t["std"].get<double>(),
               t["not_finite"].get<Index>());
    not_finite += t["not_finite"].get<Index>();
  }
  fmt::print("\n{} tensors, {} numbers, {} of them not finite\n", file["tensors"].size(), file["total"].get<Index>(),
             not_finite);
}

int inspect(const InspectOptions& o) {
  const TensorFile file = read_safetensors(o.file);
  Json all{{"file", o.file},
           {"metadata", file.metadata},
           {"tensors", Json::array()},
           {"total", elements(file.tensors)}};
  for (std::size_t i = 0; i < file.tensors.size(); ++i)
    all["tensors"].push_back(described(file.tensors[i].first, file.dtypes[i], file.tensors[i].second));
  if (o.json)
    fmt::print("{}", pretty(all));  // NaN becomes null
  else
    print_table(all);
  return kDone;
}

}  // namespace

Verb inspect_verb() {
  const auto declare = [](Options& o, InspectOptions& s) {
    o.add("file", &s.file, any("FILE"), "A .safetensors file, of Norma, PyTorch or others").required();
    o.flag("--json", &s.json, "As JSON; numbers that are not finite become null");
  };
  return make_verb<InspectOptions>("inspect", "List the tensors of a safetensors file", declare, inspect);
}

}  // namespace norma
