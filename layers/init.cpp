#include "norma/layers/init.h"

#include <cmath>

namespace norma {
namespace {

template <class Draw>
void fill(Tensor& t, const Draw& draw) {
  ArrayView values = t.rows();
  for (Index i = 0; i < values.size(); ++i) values.data()[i] = static_cast<Real>(draw());
}

}  // namespace

Index fan_in(const Tensor& weight) {
  check(weight.rank() >= 2, "fan_in: needs a weight (Cout,Cin,k,k) or (Cout,Cin), got ", weight.shape());
  return weight.rows().cols();
}

Index fan_out(const Tensor& weight) { return fan_in(weight) / std::max<Index>(1, weight.dim(1)) * weight.dim(0); }

void uniform_by_fan_in(Tensor weight, Tensor bias, Random random) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in(weight)));
  fill(weight, [&] { return random.uniform(-bound, bound); });
  if (bias.defined()) fill(bias, [&] { return random.uniform(-bound, bound); });
}

void kaiming_normal(Tensor weight, Random random) {
  const double deviation = std::sqrt(2 / static_cast<double>(fan_out(weight)));
  fill(weight, [&] { return deviation * random.normal(); });
}

Random default_stream(const Shape& weight) { return Random({static_cast<std::uint64_t>(weight.size())}); }

void initialize(Module& model, std::uint64_t seed) {
  std::uint64_t next_stream = 0;
  for (const auto& [name, module] : model.named_modules()) module->reset_parameters(Random({seed, next_stream++}));
}

}  // namespace norma
