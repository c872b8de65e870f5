// norma inspect: what a safetensors file holds.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

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

/// Of the finite numbers of a tensor; NaN where there are none.
struct Summary {
  Index finite = 0, not_finite = 0;
  double min = std::numeric_limits<double>::quiet_NaN(), mean = min, max = min, std = min;  // std: over all, 1/n
};

Summary summarise(const Tensor& tensor) {
  Summary s;
  const std::vector<Real> values = tensor.to_values();
  double sum = 0, squares = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    s.min = std::fmin(s.min, value);
    s.max = std::fmax(s.max, value);
    sum += value;
    ++s.finite;
  }
  s.not_finite = tensor.size() - s.finite;
  if (s.finite == 0) return s;
  s.mean = sum / static_cast<double>(s.finite);
  for (const double value : values)
    if (std::isfinite(value)) squares += (value - s.mean) * (value - s.mean);
  s.std = std::sqrt(squares / static_cast<double>(s.finite));
  return s;
}

void print_json(const std::string& path, const TensorFile& file) {
  auto tensors = Json::array();
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const auto& [name, tensor] = file.tensors[i];
    const Summary s = summarise(tensor);
    auto shape = Json::array();
    for (int d = 0; d < tensor.rank(); ++d) shape.push_back(tensor.dim(d));
    tensors.push_back({{"name", name}, {"dtype", file.dtypes[i]}, {"shape", shape}, {"count", tensor.size()}});
    tensors.back().update({{"min", s.min}, {"mean", s.mean}, {"max", s.max}, {"std", s.std}});
    tensors.back()["not_finite"] = s.not_finite;
  }
  const Json all{{"file", path}, {"metadata", file.metadata}, {"tensors", tensors}, {"total", elements(file.tensors)}};
  fmt::print("{}", pretty(all));  // NaN becomes null
}

void print_table(const std::string& path, const TensorFile& file) {
  fmt::print("file      {}\n", path);
  for (const auto& [key, value] : file.metadata) fmt::print("metadata  {} = {}\n", printable(key), printable(value));
  std::size_t width = 4;
  for (const auto& [name, tensor] : file.tensors) width = std::max(width, printable(name).size());
  fmt::print("\n{:<{}}  dtype  {:<16}{:>10}{:>12}{:>12}{:>12}{:>12}  not finite\n", "name", width, "shape", "count",
             "min", "mean", "max", "std");
  Index not_finite = 0;
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    const auto& [name, tensor] = file.tensors[i];
    const Summary s = summarise(tensor);
    fmt::print("{:<{}}  {:<5}  {:<16}{:>10}{:>12.5g}{:>12.5g}{:>12.5g}{:>12.5g}{:>12}\n", printable(name), width,
               file.dtypes[i], join(tensor.shape()), tensor.size(), s.min, s.mean, s.max, s.std, s.not_finite);
    not_finite += s.not_finite;
  }
  fmt::print("\n{} tensors, {} numbers, {} of them not finite\n", file.tensors.size(), elements(file.tensors),
             not_finite);
}

int inspect(const InspectOptions& o) {
  const TensorFile file = read_safetensors(o.file);
  o.json ? print_json(o.file, file) : print_table(o.file, file);
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
